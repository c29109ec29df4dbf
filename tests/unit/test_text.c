/* Dates and base64. */
#include <check.h>
#include <stdlib.h>

#include "text/base64.h"
#include "text/charset.h"
#include "text/date.h"

#include "base/banned.h"

struct date_case {
	const char *text;
	int64_t s; /* -1: refused */
};

static const struct date_case mail_dates[] = {
	{ "Tue, 24 Nov 2026 08:45:14 +0000", 1795509914 },
	{ "24 Nov 2026 09:45:14 +0100", 1795509914 },
	{ "24 Nov 26 08:45:14 GMT", 1795509914 },
	{ "Tue, 24 Nov 2026 03:45:14 EST (comment (nested))", 1795509914 },
	{ "Thu,1 Jan 1970 00:00:00 -0000", 0 },
	{ "29 Feb 2000 00:00 +0000", 951782400 },
	{ "29 Feb 1900 00:00:00 +0000", -1 },
	{ "30 Foo 2000 00:00:00 +0000", -1 },
	{ "yesterday", -1 },
	{ "", -1 },
};

START_TEST(test_mail_dates)
{
	const struct date_case *c = &mail_dates[_i];
	int64_t s = 0;
	int zone;

	if (c->s < 0) {
		ck_assert(!date_parse_rfc5322(
		    str_from_cstr(c->text), &s, &zone));
		return;
	}
	ck_assert(date_parse_rfc5322(str_from_cstr(c->text), &s, &zone));
	ck_assert_int_eq(s, c->s);
}
END_TEST

static const struct date_case imap_dates[] = {
	{ "24-Nov-2026 08:45:14 +0000", 1795509914 },
	{ " 1-Jan-1970 01:00:00 +0100", 0 },
	{ "01-Jan-1970 00:00:00 +0000", 0 },
	{ "32-Jan-1970 00:00:00 +0000", -1 },
	{ "1-Jan-1970 00:00:00 +0000", -1 },
	{ "01-Jan-1970 24:00:00 +0000", -1 },
	{ "01-Jan-1970 00:00:00", -1 },
	{ "32-Foo-99999 00:00:00 +0000", -1 },
};

START_TEST(test_imap_dates)
{
	const struct date_case *c = &imap_dates[_i];
	struct buf b = BUF_INIT;
	int64_t s = 0;
	int zone;
	bool ok = date_parse_imap(str_from_cstr(c->text), &s, &zone);

	ck_assert(ok == (c->s >= 0));
	if (!ok)
		return;
	ck_assert_int_eq(s, c->s);
	date_print_imap(&b, s, zone);
	if (c->text[0] != '0')
		ck_assert(str_equals(buf_str(&b), str_from_cstr(c->text)));
	buf_done(&b);
}
END_TEST

START_TEST(test_print)
{
	struct buf b = BUF_INIT;

	date_print_rfc5322(&b, 1795509914, 0);
	ck_assert(str_equals(
	    buf_str(&b), STR("Tue, 24 Nov 2026 08:45:14 +0000")));
	buf_reset(&b);
	date_print_rfc5322(&b, -1, -90);
	ck_assert(str_equals(
	    buf_str(&b), STR("Wed, 31 Dec 1969 22:29:59 -0130")));
	buf_done(&b);
}
END_TEST

START_TEST(test_days)
{
	int64_t d;

	for (d = -800000; d < 2900000; d += 13)
		ck_assert_int_eq(date_to_days(date_from_days(d)), d);
	ck_assert(date_parse_imap_day(STR("1-Feb-1994"), &d));
	ck_assert_int_eq(d, 8797);
	ck_assert(!date_parse_imap_day(STR("30-Feb-1994"), &d));
	ck_assert(!date_parse_imap_day(STR("1-Feb-94"), &d));
}
END_TEST

struct pair {
	struct str plain;
	struct str coded;
};

static const struct pair pairs[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg==") },
	{ STR_INIT("fo"), STR_INIT("Zm8=") },
	{ STR_INIT("foo"), STR_INIT("Zm9v") },
	{ STR_INIT("\0ann\0pw"), STR_INIT("AGFubgBwdw==") },
	{ STR_INIT("\xff\xfe\xfd"), STR_INIT("//79") },
};

START_TEST(test_base64)
{
	struct arena *a = arena_new();
	struct buf b = BUF_INIT;
	struct str out;

	base64_encode(&b, pairs[_i].plain);
	ck_assert(str_equals(buf_str(&b), pairs[_i].coded));
	ck_assert(base64_decode(a, pairs[_i].coded, &out));
	ck_assert(str_equals(out, pairs[_i].plain));
	buf_done(&b);
	arena_free(a);
}
END_TEST

static const char *const bad[] = { "=", "Zg=", "Zg", "Z===", "Zg= =", "Zh==",
	"Zm9=", "!!!!", "Zg==Zg==", "====" };

START_TEST(test_bad_base64)
{
	struct arena *a = arena_new();
	struct str out;

	ck_assert(!base64_decode(a, str_from_cstr(bad[_i]), &out));
	arena_free(a);
}
END_TEST

#define COUNT(v) ((int)(sizeof(v) / sizeof(*(v))))

/* x sorts before y, or (both orders false) they are equal. */
static const struct {
	const char *x, *y;
	bool is_equal;
} orders[] = {
	{ "abc", "ABC", true },
	{ "\xc3\xa4", "\xc3\x84", true },
	{ "\xc3\xa4", "a\xcc\x88", true },
	{ "\xc7\xb3", "\xc7\xb1", true }, /* dz: all three have a titlecase */
	{ "z", "[", false },           /* Z is before the brackets */
	{ "zebra", "_", false },
	{ "a", "b", false },
	{ "strasse", "stra\xc3\x9f" "e", false }, /* no simple mapping */
	{ "", "a", false },
};

START_TEST(test_collation)
{
	struct arena *a = arena_new();
	struct str x = collation_key(a, str_from_cstr(orders[_i].x));
	struct str y = collation_key(a, str_from_cstr(orders[_i].y));

	ck_assert_int_eq(str_equals(x, y), orders[_i].is_equal);
	if (!orders[_i].is_equal)
		ck_assert(str_compare(x, y) < 0);
	arena_free(a);
}
END_TEST

START_TEST(test_casemap)
{
	struct arena *a = arena_new();

	ck_assert(str_equals(casemap(a, STR("STRASSE")),
	    casemap(a, STR("stra\xc3\x9f" "e"))));
	ck_assert(str_equals(casemap(a, STR("\xef\xac\x81n")), STR("fin")));
	ck_assert(str_equals(casemap(a, STR("\xff" "A")), STR("\xff" "A")));
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("text");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_mail_dates, 0, COUNT(mail_dates));
	tcase_add_loop_test(t, test_imap_dates, 0, COUNT(imap_dates));
	tcase_add_test(t, test_print);
	tcase_add_test(t, test_days);
	tcase_add_loop_test(t, test_collation, 0, COUNT(orders));
	tcase_add_test(t, test_casemap);
	tcase_add_loop_test(t, test_base64, 0, COUNT(pairs));
	tcase_add_loop_test(t, test_bad_base64, 0, COUNT(bad));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
