/* Unit tests of common/imap: sequence sets and LIST patterns. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "imap/entry_name.h"
#include "imap/list_pattern.h"
#include "imap/seqset.h"
#include "base/banned.h"

static const struct {
	const char *text;
	uint32_t largest;
	const char *want; /* NULL: BAD */
} sets[] = {
	{ "1", 9, "1" },
	{ "*", 9, "9" },
	{ "*", 0, "" },
	{ "*:*", 9, "9" },
	{ "5:*", 0, "1:5" },
	{ "12:*", 9, "9:12" },
	{ "*:4", 9, "4:9" },
	{ "4:2", 9, "2:4" },
	{ "1,2,3,5", 9, "1:3,5" },
	{ "7,1:3,2:4,9,8", 9, "1:4,7:9" },
	{ "1:9,3", 9, "1:9" },
	{ "4294967295", 9, "4294967295" },
	{ "4294967295:1", 9, "1:4294967295" },
	{ "4294967295:*,1:4294967294", 9, "1:4294967295" },
	{ "", 9, NULL },
	{ "0", 9, NULL },
	{ "01", 9, NULL },
	{ "1:0", 9, NULL },
	{ "4294967296", 9, NULL },
	{ "18446744073709551617", 9, NULL },
	{ "1,,2", 9, NULL },
	{ "1:2:3", 9, NULL },
	{ ",1", 9, NULL },
	{ "1,", 9, NULL },
	{ "1:", 9, NULL },
	{ ":1", 9, NULL },
	{ "-1", 9, NULL },
	{ "1 ", 9, NULL },
	{ "**", 9, NULL },
	{ "$,1", 9, NULL },
	{ "1,$", 9, NULL },
};

START_TEST(test_set)
{
	struct arena *a = arena_new();
	struct buf out = BUF_INIT;
	struct seqset set = { NULL, 77, false };
	bool is_good = sets[_i].want != NULL;

	ck_assert_int_eq(
	    seqset_parse(a, str_from_cstr(sets[_i].text), &set), is_good);
	if (is_good) {
		seqset_resolve(a, &set, sets[_i].largest, &set);
		seqset_format(&set, &out);
		ck_assert_msg(str_equals(buf_str(&out),
				  str_from_cstr(sets[_i].want)),
		    "%s: %.*s", sets[_i].text, STR_ARG(buf_str(&out)));
	} else {
		ck_assert_uint_eq(set.n, 77);
	}
	buf_done(&out);
	arena_free(a);
}
END_TEST

START_TEST(test_set_nul_and_saved)
{
	struct arena *a = arena_new();
	struct seqset set;

	ck_assert(!seqset_parse(a, str_make("1\0002", 3), &set));
	ck_assert(seqset_parse(a, STR("$"), &set));
	ck_assert(set.is_saved);
	ck_assert_uint_eq(set.n, 0);
	arena_free(a);
}
END_TEST

START_TEST(test_set_large)
{
	struct arena *a = arena_new();
	struct buf text = BUF_INIT;
	struct seqset set;
	uint32_t i;

	for (i = 100000; i > 0; i--) {
		buf_add_u64(&text, i * 2);
		buf_add_char(&text, ',');
	}
	buf_add_cstr(&text, "1");
	ck_assert(seqset_parse(a, buf_str(&text), &set));
	seqset_resolve(a, &set, 200000, &set);
	ck_assert_uint_eq(set.n, 100000);
	ck_assert_uint_eq(seqset_count(&set), 100001);
	for (i = 1; i <= 200001; i++)
		ck_assert_int_eq(seqset_has(&set, i),
		    i == 1 || (i % 2 == 0 && i <= 200000));
	ck_assert(!seqset_has(&set, 0));
	buf_done(&text);
	arena_free(a);
}
END_TEST

static const struct {
	const char *pattern;
	const char *name;
	bool matches;
} patterns[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "a/b/c", true },
	{ "%", "a", true },
	{ "%", "a/b", false },
	{ "%/%", "a/b", true },
	{ "%/%", "a/b/c", false },
	{ "%*", "a/b/c", true },
	{ "*%", "a/b/c", true },
	{ "a/%", "a/", true },
	{ "a/%", "a", false },
	{ "a*c", "a/b/c", true },
	{ "a%c", "a/b/c", false },
	{ "a%c", "abbc", true },
	{ "*aab", "aaaab", true },
	{ "%b%d/*", "abcd/x", true },
	{ "%b%d/*", "ab/d/x", false },
	{ "inbox", "INBOX", true },
	{ "InB%", "INBOX", true },
	{ "inbox/a", "INBOX/a", true },
	{ "inbox/A", "INBOX/a", false },
	{ "inboxes", "INBOXES", false },
	{ "Work", "work", false },
	{ "\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true },
};

START_TEST(test_pattern)
{
	struct arena *a = arena_new();
	struct list_pattern *p =
	    list_pattern_new(a, str_from_cstr(patterns[_i].pattern));

	ck_assert_msg(list_pattern_matches(p,
			  str_from_cstr(patterns[_i].name)) ==
		patterns[_i].matches,
	    "%s %s", patterns[_i].pattern, patterns[_i].name);
	arena_free(a);
}
END_TEST

/* The RFC's words as a program: exponential, for short input only. */
static bool
matches_slowly(const char *p, const char *s)
{
	if (*p == '\0')
		return *s == '\0';
	if (*p == '*' || *p == '%') {
		if (matches_slowly(p + 1, s))
			return true;
		return *s != '\0' && (*p == '*' || *s != '/') &&
		    matches_slowly(p, s + 1);
	}
	return *p == *s && matches_slowly(p + 1, s + 1);
}

static void
fill_random(char *text, size_t size, struct str from)
{
	static uint64_t state = 42;
	size_t i, len;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	len = (size_t)(state >> 33) % size;
	for (i = 0; i < len; i++) {
		state = state * UINT64_C(6364136223846793005) +
		    1442695040888963407;
		text[i] = from.p[(size_t)(state >> 33) % from.len];
	}
	text[len] = '\0';
}

START_TEST(test_pattern_random)
{
	struct arena *a = arena_new();
	char pattern[8], name[10];
	int i;

	for (i = 0; i < 200000; i++) {
		fill_random(pattern, sizeof(pattern), STR("ab/*%"));
		fill_random(name, sizeof(name), STR("ab/"));
		ck_assert_msg(list_pattern_matches(
				  list_pattern_new(a, str_from_cstr(pattern)),
				  str_from_cstr(name)) ==
			matches_slowly(pattern, name),
		    "%s %s", pattern, name);
		arena_reset(a);
	}
	arena_free(a);
}
END_TEST

START_TEST(test_pattern_limits)
{
	struct arena *a = arena_new();
	struct buf text = BUF_INIT;
	struct list_pattern *p;
	int i;

	for (i = 0; i < LIMIT_FOLDER_NAME - 1; i++)
		buf_add_char(&text, 'a');
	for (i = 0; i < 3; i++) {
		p = list_pattern_new(a, buf_str(&text));
		ck_assert_int_eq(p != NULL, text.len <= LIMIT_FOLDER_NAME);
		if (p)
			ck_assert(list_pattern_matches(p, buf_str(&text)));
		buf_add_char(&text, 'a');
	}
	buf_reset(&text);
	for (i = 0; i < 500; i++)
		buf_add_cstr(&text, "*%");
	p = list_pattern_new(a, buf_str(&text));
	for (i = 0; i < 10000; i++)
		ck_assert(list_pattern_matches(p, STR("some/where/deep")));
	buf_done(&text);
	arena_free(a);
}
END_TEST

static const struct {
	const char *name;
	bool is_valid;
} entry_names[] = {
	{ "/private", true },
	{ "/shared", true },
	{ "/private/a", true },
	{ "/shared/vendor/a b/c", true },
	{ "", false },
	{ "/", false },
	{ "//private", false },
	{ "private/a", false },
	{ "/privatex/a", false },
	{ "/other/a", false },
	{ "/private/", false },
	{ "/private//a", false },
	{ "/private/a/", false },
	{ "/private/a*", false },
	{ "/private/%a", false },
	{ "/private/a\t", false },
	{ "/private/\xc3\xa4", false },
	{ "/private/\x7f", false },
};

START_TEST(test_entry_name)
{
	ck_assert_int_eq(
	    entry_name_is_valid(str_from_cstr(entry_names[_i].name)),
	    entry_names[_i].is_valid);
}
END_TEST

START_TEST(test_entry_name_below)
{
	struct str a = STR("/private/a"), b = STR("/private/a/b"),
		   c = STR("/private/a/b/c");

	ck_assert(!entry_name_is_below(a, a, SIZE_MAX));
	ck_assert(!entry_name_is_below(a, b, SIZE_MAX));
	ck_assert(!entry_name_is_below(STR("/private/ab"), a, SIZE_MAX));
	ck_assert(!entry_name_is_below(b, a, 0));
	ck_assert(entry_name_is_below(b, a, 1));
	ck_assert(!entry_name_is_below(c, a, 1));
	ck_assert(entry_name_is_below(c, a, SIZE_MAX));
	ck_assert(entry_name_is_root(STR("/private")));
	ck_assert(!entry_name_is_root(a));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("imap sets");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(
	    t, test_set, 0, (int)(sizeof(sets) / sizeof(sets[0])));
	tcase_add_test(t, test_set_nul_and_saved);
	tcase_add_test(t, test_set_large);
	tcase_add_loop_test(
	    t, test_pattern, 0, (int)(sizeof(patterns) / sizeof(patterns[0])));
	tcase_add_test(t, test_pattern_random);
	tcase_add_test(t, test_pattern_limits);
	tcase_add_loop_test(t, test_entry_name, 0,
	    (int)(sizeof(entry_names) / sizeof(entry_names[0])));
	tcase_add_test(t, test_entry_name_below);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
