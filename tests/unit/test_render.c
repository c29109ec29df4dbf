/* Unit tests of common/imap/render and common/mime/header. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "imap/render.h"
#include "mime/header.h"
#include "mime/parse.h"
#include "base/banned.h"

/* What Dovecot 2.3.19 answered for the same octets. */
static const struct {
	const char *message;
	const char *envelope;
	const char *body;
} cases[] = {
	{ "Subject: second\n\nx",
	    "(NIL \"second\" NIL NIL NIL NIL NIL NIL NIL NIL)",
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "1 0 NIL NIL NIL NIL)" },
	{ "From: a@b\nTo: x@y\nTo: z@w, k\nTo:\n  fold <f@g>\n"
	  "Content-Type: multipart/mixed\n\nhello\n",
	    "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
	    "((NIL NIL \"a\" \"b\")) ((NIL NIL \"x\" \"y\")"
	    "(NIL NIL \"z\" \"w\")(NIL NIL \"k\" \"MISSING_DOMAIN\")"
	    "(\"fold\" NIL \"f\" \"g\")) NIL NIL NIL NIL)",
	    "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
	    "\"7bit\" 0 0 NIL NIL NIL NIL) \"mixed\" NIL NIL NIL NIL)" },
	{ "Content-Type: message/rfc822\r\n\r\nSubject: in\r\nFrom: x@y\r\n"
	  "\r\nbody\r\n",
	    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 32 (NIL \"in\" "
	    "((NIL NIL \"x\" \"y\")) ((NIL NIL \"x\" \"y\")) "
	    "((NIL NIL \"x\" \"y\")) NIL NIL NIL NIL NIL) (\"text\" "
	    "\"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1 NIL "
	    "NIL NIL NIL) 4 NIL NIL NIL NIL)" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	  "Content-Type: text/html\n--b\n"
	  "Content-Type: multipart/mixed; boundary=c\n--b\n"
	  "Content-Type: message/rfc822\n--b--\nepi\n",
	    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
	    "((\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "0 0 NIL NIL NIL NIL)((\"text\" \"plain\" (\"charset\" "
	    "\"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL) \"mixed\" "
	    "(\"boundary\" \"c\") NIL NIL NIL)(\"message\" \"rfc822\" NIL NIL "
	    "NIL \"7bit\" 0 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "0 0 NIL NIL NIL NIL) 0 NIL NIL NIL NIL) \"mixed\" "
	    "(\"boundary\" \"b\") NIL NIL NIL)" },
	{ "Content-Transfer-Encoding: base64\nContent-ID: <x>\n\nx",
	    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "1 0 NIL NIL NIL NIL)" },
};

START_TEST(test_render)
{
	struct arena *a = arena_new();
	struct mime_parser *p = mime_parser_new(a);
	const struct facts *f;
	struct buf b = BUF_INIT;

	mime_parser_push(p, str_from_cstr(cases[_i].message));
	f = mime_parser_finish(p);
	render_envelope(&b, f->parts->envelope, false);
	buf_add_char(&b, '\0');
	ck_assert_str_eq(b.p, cases[_i].envelope);
	buf_reset(&b);
	render_body(&b, f, true, false);
	buf_add_char(&b, '\0');
	ck_assert_str_eq(b.p, cases[_i].body);
	buf_done(&b);
	arena_free(a);
}
END_TEST

START_TEST(test_nstring)
{
	static const struct {
		struct str in;
		bool utf8;
		struct str out;
	} v[] = {
		{ STR_INIT(""), false, STR_INIT("\"\"") },
		{ STR_INIT("a\"b\\c"), false, STR_INIT("\"a\\\"b\\\\c\"") },
		{ STR_INIT("a\rb"), false, STR_INIT("{3}\r\na\rb") },
		{ STR_INIT("a\0b"), false, STR_INIT("{3}\r\na\x80" "b") },
		{ STR_INIT("\xc3\xa9"), false, STR_INIT("{2}\r\n\xc3\xa9") },
		{ STR_INIT("\xc3\xa9"), true, STR_INIT("\"\xc3\xa9\"") },
		{ STR_INIT("\xc3("), true, STR_INIT("{2}\r\n\xc3(") },
		{ { NULL, 0 }, false, STR_INIT("NIL") },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct buf b = BUF_INIT;

		render_nstring(&b, v[i].in, v[i].utf8);
		ck_assert(str_equals(buf_str(&b), v[i].out));
		buf_done(&b);
	}
}
END_TEST

START_TEST(test_header)
{
	struct str h = STR("From: a\r\nTO : b,\r\n\tc\r\nbroken\r\n"
			   "to: d\r\nX:\r\n\r\nTo: body\r\n");
	const struct str names[] = { STR_INIT("to"), STR_INIT("x") };
	struct arena *a = arena_new();
	struct header_field f;
	struct buf b = BUF_INIT;

	ck_assert(header_find(h, STR("To"), &f));
	ck_assert(str_equals(f.name, STR("TO")));
	ck_assert(str_equals(f.whole, STR("TO : b,\r\n\tc\r\n")));
	ck_assert(str_equals(header_unfold(a, f.value), STR("b,\tc")));
	ck_assert(!header_find(h, STR("broken"), &f));
	ck_assert(!header_find(h, STR("Cc"), &f));
	header_select(h, names, 2, false, &b);
	ck_assert(str_equals(buf_str(&b),
	    STR("TO : b,\r\n\tc\r\nto: d\r\nX:\r\n")));
	buf_reset(&b);
	header_select(h, names, 2, true, &b);
	ck_assert(str_equals(buf_str(&b), STR("From: a\r\nbroken\r\n")));
	buf_done(&b);
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("render");
	TCase *t = tcase_create("render");
	SRunner *r;
	int failed;

	tcase_add_loop_test(
	    t, test_render, 0, (int)(sizeof(cases) / sizeof(*cases)));
	tcase_add_test(t, test_nstring);
	tcase_add_test(t, test_header);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
