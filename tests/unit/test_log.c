/* Unit tests of the log: what a line looks like, and that none is forged. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "log/log.h"
#include "base/banned.h"

static int saved_stderr;
static int pipe_fds[2];

static void
capture(void)
{
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(pipe(pipe_fds), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	close(pipe_fds[1]);
}

/* What was written, without "name[pid]: time=... " of its only line. */
static struct str
captured(char *text, size_t size)
{
	ssize_t n;
	struct str s;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	n = read(pipe_fds[0], text, size);
	close(pipe_fds[0]);
	ck_assert_int_ge(n, 0);
	s = str_make(text, (size_t)n);
	s = str_tail(s, str_find(s, STR(": ")) + 2);
	ck_assert(str_starts_with(s, STR("time=20")));
	ck_assert(str_starts_with(str_tail(s, 28), STR("Z ")));
	return str_tail(s, 30);
}

static const struct {
	struct str value;
	struct str shown;
} value_cases[] = {
	{ STR_INIT("plain@ex.test"), STR_INIT("plain@ex.test") },
	{ STR_INIT(""), STR_INIT("\"\"") },
	{ STR_INIT("two words"), STR_INIT("\"two words\"") },
	{ STR_INIT("x\r\nevent=forged"),
	    STR_INIT("\"x\\x0d\\x0aevent=forged\"") },
	{ STR_INIT("a=b"), STR_INIT("\"a=b\"") },
	{ STR_INIT("say \"hi\"\\"), STR_INIT("\"say \\x22hi\\x22\\x5c\"") },
	{ STR_INIT("\0\x7f\xff"), STR_INIT("\"\\x00\\x7f\\xff\"") },
};

START_TEST(test_values)
{
	struct buf want = BUF_INIT;
	char text[1000];

	buf_add_cstr(&want, "event=test k=");
	buf_add_str(&want, value_cases[_i].shown);
	buf_add_cstr(&want, " n=-7\n");
	log_open("m3mta-test", LOG_AT_INFO, false);
	capture();
	log_begin(LOG_AT_INFO, "test");
	log_str("k", value_cases[_i].value);
	log_num("n", -7);
	log_end();
	ck_assert(str_equals(captured(text, sizeof(text)), buf_str(&want)));
	buf_done(&want);
}
END_TEST

START_TEST(test_session)
{
	char text[1000];
	char id[16];
	struct str s;

	log_open("m3mta-test", LOG_AT_INFO, true);
	ck_assert_uint_eq(log_new_session(id).len, 16);
	log_set_session(STR("00000000deadbeef"), STR("[192.0.2.1]:25"));
	ck_assert(str_equals(log_session(), STR("00000000deadbeef")));
	capture();
	log_begin(LOG_AT_DEBUG, "dropped");
	log_cstr("k", "v");
	log_end();
	log_failure("lookup",
	    &(struct err){ RC_TEMP, "4.3.0", "database away" });
	log_set_session(STR(""), STR(""));
	s = captured(text, sizeof(text));
	ck_assert(str_equals(s,
	    STR("event=lookup session=00000000deadbeef "
		"peer=[192.0.2.1]:25 rc=temporary code=4.3.0 "
		"text=\"database away\"\n")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_values, 0,
	    (int)(sizeof(value_cases) / sizeof(value_cases[0])));
	tcase_add_test(t, test_session);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
