/* Unit tests of common/auth: passwords and logins. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auth/login.h"
#include "auth/password.h"
#include "auth/repeat.h"
#include "base/banned.h"

START_TEST(test_password)
{
	struct arena *a = arena_new();
	struct str hash = STR_NONE, other = STR_NONE;
	struct err err;

	ck_assert_int_eq(password_hash(a, STR("s\xc3\xa9" "cret"), &hash,
			     &err), RC_OK);
	ck_assert_int_eq(password_hash(a, STR("s\xc3\xa9" "cret"), &other,
			     &err), RC_OK);
	ck_assert(str_starts_with(hash, STR("$y$")));
	ck_assert(!str_equals(hash, other));
	ck_assert(password_verify(STR("s\xc3\xa9" "cret"), hash));
	ck_assert(!password_verify(STR("secret"), hash));
	ck_assert(!password_verify(STR("s\xc3\xa9" "cret\0x"), hash));
	ck_assert(!password_verify(STR(""), hash));
	ck_assert(!password_verify(STR("x"), STR("")));
	ck_assert(!password_verify(STR("*"), STR("*")));
	ck_assert(!password_verify(STR("x"), STR("$y$broken")));
	ck_assert_int_eq(
	    password_hash(a, STR("a\0b"), &hash, &err), RC_PERM);
	arena_free(a);
}
END_TEST

START_TEST(test_password_length)
{
	struct arena *a = arena_new();
	struct str hash = STR_NONE;
	struct err err;
	char text[512];

	memset(text, 'p', sizeof(text));
	ck_assert_int_eq(
	    password_hash(a, str_make(text, 511), &hash, &err), RC_OK);
	ck_assert(password_verify(str_make(text, 511), hash));
	ck_assert(!password_verify(str_make(text, 510), hash));
	ck_assert(!password_verify(str_make(text, 512), hash));
	ck_assert_int_eq(
	    password_hash(a, str_make(text, 512), &hash, &err), RC_PERM);
	arena_free(a);
}
END_TEST

START_TEST(test_login)
{
	struct arena *a = arena_new();
	struct mailbox m = { .kind = ADDRESS_MAILBOX };
	struct err err;

	ck_assert(!login_check(&m, STR("")));
	ck_assert_int_eq(password_hash(a, STR("pw"), &m.password, &err),
	    RC_OK);
	ck_assert(login_check(&m, STR("pw")));
	ck_assert(!login_check(&m, STR("pW")));
	ck_assert(!login_check(NULL, STR("pw")));
	m.disabled = true;
	ck_assert(!login_check(&m, STR("pw")));
	m.disabled = false;
	m.kind = ADDRESS_ALIAS;
	ck_assert(!login_check(&m, STR("pw")));
	arena_free(a);
}
END_TEST

/* CPU time of `n` checks, in clock ticks. */
static clock_t
cost(const struct mailbox *m, int n)
{
	clock_t start = clock();

	while (n--)
		ck_assert(!login_check(m, STR("wrong")));
	return clock() - start;
}

/*
 * An unknown user must run the whole hash: far more than a tenth of what a
 * wrong password costs (without the dummy hash it would be a thousandth).
 */
START_TEST(test_unknown_user_costs_the_same)
{
	struct arena *a = arena_new();
	struct mailbox m = { .kind = ADDRESS_MAILBOX };
	struct err err;
	clock_t wrong;

	ck_assert_int_eq(password_hash(a, STR("pw"), &m.password, &err),
	    RC_OK);
	wrong = cost(&m, 5);
	ck_assert_int_gt(cost(NULL, 5) * 10, wrong);
	arena_free(a);
}
END_TEST

START_TEST(test_random)
{
	struct arena *a = arena_new();
	struct str x = password_random(a, 20);
	struct str y = password_random(a, 20);

	ck_assert_uint_eq(x.len, 20);
	ck_assert(!str_equals(x, y));
	ck_assert(!str_has_char(x, '\0'));
	arena_free(a);
}
END_TEST

enum { USER_1 = 61001, USER_2 = 61002, STRANGER = 61003, GROUP = 61010 };

/* What a process with this user and group gets. */
static uint32_t
repeat_hash_as(uid_t user, gid_t group, struct str directory)
{
	uint32_t hash = 0;
	int status, fd[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		umask(077);
		if (setgid(group) == 0 && setuid(user) == 0)
			hash = repeat_hash(
			    directory, STR("ann@example.org"), STR("old"));
		_exit(write(fd[1], &hash, sizeof(hash)) != sizeof(hash));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(read(fd[0], &hash, sizeof(hash)), sizeof(hash));
	close(fd[0]);
	close(fd[1]);
	return hash;
}

/* smtp and imap may run as two users of one group, and nobody else reads it. */
START_TEST(test_the_secret_is_shared_by_a_group)
{
	char directory[] = "/tmp/test-auth-XXXXXX", path[64];
	struct str d = { directory, sizeof(directory) - 1 };
	uint32_t one;

	if (geteuid() != 0)
		return;
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chown(directory, USER_1, GROUP), 0);
	ck_assert_int_eq(chmod(directory, 02775), 0);
	one = repeat_hash_as(USER_1, GROUP, d);
	ck_assert_uint_ne(one, 0);
	ck_assert_uint_eq(repeat_hash_as(USER_2, GROUP, d), one);
	ck_assert_uint_eq(repeat_hash_as(STRANGER, STRANGER, d), 0);
	snprintf(path, sizeof(path), "%s/login-secret", directory);
	/* What others could have read or written is no secret. */
	ck_assert_int_eq(chmod(path, 0460), 0);
	ck_assert_uint_eq(repeat_hash_as(USER_1, GROUP, d), 0);
	ck_assert_int_eq(chmod(path, 0444), 0);
	ck_assert_uint_eq(repeat_hash_as(USER_1, GROUP, d), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("auth");
	TCase *t = tcase_create("auth");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_password);
	tcase_add_test(t, test_password_length);
	tcase_add_test(t, test_login);
	tcase_add_test(t, test_unknown_user_costs_the_same);
	tcase_add_test(t, test_random);
	tcase_add_test(t, test_the_secret_is_shared_by_a_group);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
