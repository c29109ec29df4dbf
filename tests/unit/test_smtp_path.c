/* Unit tests of paths: parse, print, and that print is parsed back. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "smtp/path.h"
#include "base/banned.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X63 X16 X16 X16 "xxxxxxxxxxxxxxx"

static const struct {
	const char *input;
	enum path_result result;
	const char *local;
	const char *domain;
	bool is_8bit;
} cases[] = {
	{ "<>", PATH_OK, "", "", false },
	{ "<a@b>", PATH_OK, "a", "b", false },
	{ "<a.b+c@d.example> SIZE=1", PATH_OK, "a.b+c", "d.example", false },
	{ "<PostMaster>", PATH_OK, "PostMaster", "", false },
	{ "<nobody>", PATH_SYNTAX, NULL, NULL, false },
	{ "<@x:a@b>", PATH_OK, "a", "b", false },
	{ "<@a,@b.c:c@d>", PATH_OK, "c", "d", false },
	{ "<@a,b:c@d>", PATH_SYNTAX, NULL, NULL, false },
	{ "<@a:>", PATH_SYNTAX, NULL, NULL, false },
	{ "<@a>", PATH_SYNTAX, NULL, NULL, false },
	{ "<\"a b\"@d>", PATH_OK, "a b", "d", false },
	{ "<\"a\\\"b\"@d>", PATH_OK, "a\"b", "d", false },
	{ "<\"\\\\\\\"\"@d>", PATH_OK, "\\\"", "d", false },
	{ "<\"a>b\"@d>", PATH_OK, "a>b", "d", false },
	{ "<\"abc\"@d>", PATH_OK, "abc", "d", false },
	{ "<\"\"@d>", PATH_SYNTAX, NULL, NULL, false },
	{ "<\"a\r\nb\"@d>", PATH_SYNTAX, NULL, NULL, false },
	{ "<\"a@d>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@[192.0.2.1]>", PATH_OK, "a", "[192.0.2.1]", false },
	{ "<a@[IPv6:::1]>", PATH_OK, "a", "[IPv6:::1]", false },
	/* 45 octets is the longest address that there is. */
	{ "<a@[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]>",
	    PATH_OK, "a",
	    "[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]", false },
	{ "<a@[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:0255.255.255.255]>",
	    PATH_SYNTAX, NULL, NULL, false },
	{ "<a@[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:00255.255.255.255]>",
	    PATH_SYNTAX, NULL, NULL, false },
	{ "<a@[0000000000000000000000000000000000192.0.2.1]>", PATH_SYNTAX,
	    NULL, NULL, false },
	{ "<a@[300.1.1.1]>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@[x]>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@b@c>", PATH_SYNTAX, NULL, NULL, false },
	{ "a@b", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@b", PATH_SYNTAX, NULL, NULL, false },
	/* Dots out of place are taken, see path.h. */
	{ "<a..b@c>", PATH_OK, "a..b", "c", false },
	{ "<.a@c>", PATH_OK, ".a", "c", false },
	{ "<a.@c>", PATH_OK, "a.", "c", false },
	{ "<\"a..b\"@c>", PATH_OK, "a..b", "c", false },
	{ "<@c>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@b..c>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@-b>", PATH_SYNTAX, NULL, NULL, false },
	{ "<;id>", PATH_SYNTAX, NULL, NULL, false },
	{ "<$(id)@d>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a`b@d>", PATH_OK, "a`b", "d", false },
	{ "<|x@d>", PATH_OK, "|x", "d", false },
	{ "<a%b@d>", PATH_OK, "a%b", "d", false },
	{ "<j\xc3\xb6rg@m\xc3\xbcller.example>", PATH_OK, "j\xc3\xb6rg",
	    "m\xc3\xbcller.example", true },
	{ "<a\xc0\xaf@d>", PATH_UTF8, NULL, NULL, false },
	{ "<a\xed\xa0\x80@d>", PATH_UTF8, NULL, NULL, false },
	{ "<a\xff@d>", PATH_UTF8, NULL, NULL, false },
	/* Local part of 64 and 65 octets, and all of the path. */
	{ "<x" X63 "@d>", PATH_OK, "x" X63, "d", false },
	{ "<xx" X63 "@d>", PATH_OK, "xx" X63, "d", false },
	{ "<" X63 X63 X63 X63 "@d>", PATH_OK, X63 X63 X63 X63, "d", false },
	{ "<x" X63 X63 X63 X63 "@d>", PATH_LENGTH, NULL, NULL, false },
	/* A label of 63 and 64 octets; empty ones. */
	{ "<a@" X63 ">", PATH_OK, "a", X63, false },
	{ "<a@x" X63 ">", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@.b>", PATH_SYNTAX, NULL, NULL, false },
	{ "<a@b.>", PATH_SYNTAX, NULL, NULL, false },
	/* Address literals of 45 and 46 octets without "[IPv6:", then longer. */
	{ "<a@[IPv6:1111:2222:3333:4444:5555:6666:255.255.255.255]>", PATH_OK,
	    "a", "[IPv6:1111:2222:3333:4444:5555:6666:255.255.255.255]",
	    false },
	{ "<a@[IPv6:1111:2222:3333:4444:5555:6666:255.255.255.2550]>",
	    PATH_SYNTAX, NULL, NULL, false },
	{ "<a@[IPv6:1111:2222:3333:4444:5555:6666:255.255.255.25500]>",
	    PATH_SYNTAX, NULL, NULL, false },
	/* A path of 256 and 257 octets, with its brackets. */
	{ "<" X16 "xxxxxxxxxxxxxxx." X16 "xxxxxxxxxxxxxx@" X63 "." X63 "." X63
	  ">", PATH_OK, X16 "xxxxxxxxxxxxxxx." X16 "xxxxxxxxxxxxxx",
	    X63 "." X63 "." X63, false },
	{ "<" X16 "xxxxxxxxxxxxxxx." X16 "xxxxxxxxxxxxxxx@" X63 "." X63 "." X63
	  ">", PATH_LENGTH, NULL, NULL, false },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void
expect_print_parses(struct arena *a, const struct address *addr)
{
	struct buf out = BUF_INIT;
	struct address again;
	size_t used;
	bool is_8bit;

	buf_add_char(&out, '<');
	path_print(addr, &out);
	buf_add_char(&out, '>');
	ck_assert_int_eq(
	    path_parse(a, buf_str(&out), &again, &used, &is_8bit), PATH_OK);
	ck_assert_uint_eq(used, out.len);
	ck_assert(str_equals(again.local, addr->local));
	ck_assert(str_equals(again.domain, addr->domain));
	buf_done(&out);
}

START_TEST(test_path)
{
	struct arena *a = arena_new();
	struct str input = str_from_cstr(cases[_i].input);
	struct address addr;
	size_t used = 0;
	bool is_8bit = false;

	ck_assert_int_eq(
	    path_parse(a, input, &addr, &used, &is_8bit), cases[_i].result);
	if (cases[_i].result == PATH_OK) {
		ck_assert(str_equals(
		    addr.local, str_from_cstr(cases[_i].local)));
		ck_assert(str_equals(
		    addr.domain, str_from_cstr(cases[_i].domain)));
		ck_assert_int_eq(is_8bit, cases[_i].is_8bit);
		ck_assert_int_eq(input.p[used - 1], '>');
		expect_print_parses(a, &addr);
	}
	arena_free(a);
}
END_TEST

/* Every cut of a path is an error, and reads nothing behind its end. */
START_TEST(test_path_cut)
{
	struct arena *a = arena_new();
	struct str whole = STR("<@r:\"a\\\" b\"@[IPv6:2001:db8::1]>");
	struct address addr;
	size_t used, n;
	bool is_8bit;

	for (n = 0; n < whole.len; n++) {
		struct str cut = arena_dup_str(a, str_slice(whole, 0, n));

		ck_assert_int_eq(
		    path_parse(a, cut, &addr, &used, &is_8bit), PATH_SYNTAX);
	}
	ck_assert_int_eq(
	    path_parse(a, whole, &addr, &used, &is_8bit), PATH_OK);
	arena_free(a);
}
END_TEST

/* What came is what goes: quotes are not taken off, none are put on. */
START_TEST(test_spelling_is_kept)
{
	static const char *const kept[] = { "a.b@c", "a..b@c", ".a@c", "a.@c",
		"\"a..b\"@c", "\".a\"@c", "\"a b\"@c", "B\xc3\xb6@C" };
	struct arena *a = arena_new();
	struct buf out = BUF_INIT;
	struct address addr;
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		struct str text = str_from_cstr(kept[i]);

		ck_assert_int_eq(path_parse_bare(a, text, &addr), PATH_OK);
		buf_reset(&out);
		path_print(&addr, &out);
		ck_assert_msg(str_equals(buf_str(&out), text), "%s", kept[i]);
	}
	buf_done(&out);
	arena_free(a);
}
END_TEST

START_TEST(test_host)
{
	ck_assert(path_is_host(STR("mail.example")));
	ck_assert(path_is_host(STR("[192.0.2.1]")));
	ck_assert(!path_is_host(STR("")));
	ck_assert(!path_is_host(STR("a b")));
	ck_assert(!path_is_host(STR("[300.1.1.1]")));
	ck_assert(!path_is_host(STR("a\r\nb")));
	ck_assert(!path_is_host(STR("a\0b")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp_path");
	TCase *t = tcase_create("path");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_path, 0, CASES);
	tcase_add_test(t, test_path_cut);
	tcase_add_test(t, test_spelling_is_kept);
	tcase_add_test(t, test_host);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
