/* Unit tests of previews: charsets, HTML, blanks; any split gives the same. */
#include <check.h>
#include <stdlib.h>

#include "mime/encoded_word.h"
#include "mime/html.h"
#include "mime/parse.h"
#include "text/charset.h"
#include "text/utf8.h"
#include "base/banned.h"

#define PLAIN(charset) "Content-Type: text/plain" charset "\r\n\r\n"
#define HTML(charset)  "Content-Type: text/html" charset "\r\n\r\n"
#define B64            "Content-Transfer-Encoding: base64\r\n"

static const struct {
	const char *mail;
	const char *want;
} previews[] = {
	/* Charsets. */
	{ PLAIN("; charset=windows-1252") "Gr\xfc\xdf" "e \x96 \x93q\x94 5 "
					  "\x80", "Grüße – “q” 5 €" },
	{ PLAIN("; charset=iso-8859-1") "\x93q\x94", "“q”" },
	{ PLAIN("; charset=koi8-r") "\xf0\xd2\xc9\xd7\xc5\xd4, "
				    "\xcd\xc9\xd2", "Привет, мир" },
	{ PLAIN("; charset=windows-1251") "\xcc\xe8\xf0", "Мир" },
	{ PLAIN("; charset=iso-8859-16") "Bun\xe3 \xfe" "ar\xe3",
	    "Bună țară" },
	{ PLAIN("; charset=iso-8859-15") "\xa4", "€" },
	{ B64 PLAIN("; charset=iso-2022-jp")
		"GyRCJDMkcyRLJEEkTxsoQiB3b3JsZA==", "こんにちは world" },
	{ PLAIN("; charset=gb2312") "\xc4\xe3\xba\xc3 \xe9\x46",
	    "你好 镕" },
	{ PLAIN("; charset=big5") "\xa7\x41\xa6\x6e", "你好" },
	{ PLAIN("; charset=shift_jis") "\x93\xfa\x96\x7b", "日本" },
	{ PLAIN("; charset=euc-kr") "\xb1\xdb", "글" },
	{ B64 PLAIN("; charset=utf-16") "/v8ASABlAGwAbABv", "Hello" },
	{ PLAIN("; charset=utf-8") "a\xff\xfe b", "a b" },
	{ PLAIN("; charset=x-nobody-knows") "Gr\xfc\xdf" "e", "" },
	{ PLAIN("; charset=x-nobody-knows") "plain", "plain" },
	{ PLAIN("; charset=x-nobody-knows") "\x1b$B$3\x1b(B", "" },
	{ PLAIN("") "Grüße", "Grüße" },
	/* HTML. */
	{ HTML("") "<div style=\"display:none\">On its way &#847;&zwnj;&nbsp;"
		   "&#847;&zwnj;&nbsp;</div><p>Gr&uuml;&szlig;e, 5&nbsp;"
		   "&euro;</p>", "On its way Grüße, 5 €" },
	{ HTML("") "<!--[if gte mso 9]><xml><o:P>96</o:P></xml><![endif]-->"
		   "<p>Dear customer</p>", "Dear customer" },
	{ HTML("") "<p>W<b>or</b>d, 1<sup>st</sup>, 1 < 2 and 3 > 2</p>",
	    "Word, 1st, 1 < 2 and 3 > 2" },
	{ HTML("") "<a title=\"1 > 2\">a</a><br>b<td>c</td>d", "a b c d" },
	{ HTML("") "<style>p { x: y }</style><script>if (a<b) \"</p>\""
		   "</script><title>t</title>x", "x" },
	{ HTML("") "<script>a<b</script>x<!-->y<!--->z<!-- > -- --!>w",
	    "xyzw" },
	{ HTML("") "<?xml version='1'?><!DOCTYPE html><![if !mso]>x<![endif]>",
	    "x" },
	{ HTML("") "a &amp;lt; b &unknown; &; &#x20ac; &#150; &#0; &#xd800;"
		   " &#1114112; & c", "a &lt; b &unknown; &; € – & c" },
	{ HTML("") "soft&shy;hyphen\xef\xbb\xbf &#8203;x", "softhyphen x" },
	{ HTML("") "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae \xe2\x80\x8c x",
	    "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae x" },
	{ B64 HTML("; charset=iso-2022-jp") "GyRCIWMhZBsoQjxiPng8L2I+",
	    "＜＞x" },
	{ HTML("") "<", "<" },
	{ HTML("") "a<!-- never ends", "a" },
	/* Which part. */
	{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
	  HTML("") "<p>html\r\n--b\r\n" PLAIN("") "plain\r\n--b--\r\n",
	    "plain" },
};

static struct str
preview_of(struct arena *a, struct str mail, size_t step)
{
	struct mime_parser *p = mime_parser_new(a);
	size_t at;

	for (at = 0; at < mail.len; at += step)
		mime_parser_push(p, str_slice(mail, at, step));
	return mime_parser_finish(p)->preview;
}

START_TEST(test_preview)
{
	struct arena *a = arena_new();
	struct str mail = str_from_cstr(previews[_i].mail);
	struct str want = str_from_cstr(previews[_i].want), got;
	size_t step;

	for (step = 1; step < 100; step += 7) {
		got = preview_of(a, mail, step);
		ck_assert_msg(str_equals(got, want), "%s: \"%.*s\"",
		    previews[_i].mail, STR_ARG(got));
	}
	arena_free(a);
}
END_TEST

/* Heads of newsletters are longer than all that is kept. */
START_TEST(test_long_head)
{
	static const char *const heads[] = { "<style>", "<!--", "<script>",
		"<p class=\"" };
	static const char *const ends[] = { "</style>", "-->", "</script>",
		"\">" };
	struct arena *a = arena_new();
	struct buf b = BUF_INIT;
	size_t i;

	buf_add_cstr(&b, HTML("") "<html><head>");
	buf_add_cstr(&b, heads[_i]);
	for (i = 0; i < 3000; i++)
		buf_add_cstr(&b, ".a { color: red; }\r\n");
	buf_add_cstr(&b, ends[_i]);
	buf_add_cstr(&b, "</head><body><p>Dear customer</p>");
	ck_assert(str_equals(
	    preview_of(a, buf_str(&b), 1000), STR("Dear customer")));
	buf_done(&b);
	arena_free(a);
}
END_TEST

/* 256 octets, and no part of a character. */
START_TEST(test_size)
{
	struct arena *a = arena_new();
	struct buf b = BUF_INIT;
	struct str got;
	int i;

	buf_add_cstr(&b, PLAIN("; charset=utf-8"));
	for (i = 0; i < _i; i++)
		buf_add_char(&b, 'x');
	for (i = 0; i < 10000; i++)
		buf_add_cstr(&b, "€");
	got = preview_of(a, buf_str(&b), 512);
	ck_assert_uint_eq(got.len, (size_t)(_i + (256 - _i) / 3 * 3));
	ck_assert(utf8_is_valid(got));
	buf_done(&b);
	arena_free(a);
}
END_TEST

static const struct {
	const char *charset;
	const char *bytes;
	const char *want;
} supersets[] = {
	{ "iso-8859-1", "\x93\x80", "“€" },
	{ "US-ASCII", "\x93", "“" },
	{ " Latin1 ", "\x80", "€" },
	{ "iso-8859-9", "\x80\xf0", "€ğ" },
	{ "gb2312", "\xe9\x46", "镕" },
	{ "gbk", "\x81\x30\x81\x30", "\xc2\x80" },
	{ "big5", "\x87\x40", "䏰" },
	{ "iso-8859-16", "\xa4\xaa\xfe", "€Șț" },
	{ "euc-kr", "\x81\x41", "갂" },
	{ "ks_c_5601-1987", "\x81\x41", "갂" },
	{ "shift_jis", "\x87\x40", "①" },
	{ "tis-620", "\x85\xa1", "…ก" },
	{ "iso-8859-8-i", "\xe0", "א" },
	{ "utf8", "€", "€" },
};

START_TEST(test_superset)
{
	struct buf b = BUF_INIT;

	ck_assert(charset_is_known(str_from_cstr(supersets[_i].charset)));
	charset_to_utf8(&b, str_from_cstr(supersets[_i].charset),
	    str_from_cstr(supersets[_i].bytes));
	ck_assert_msg(
	    str_equals(buf_str(&b), str_from_cstr(supersets[_i].want)),
	    "%s: %.*s", supersets[_i].charset, STR_ARG(buf_str(&b)));
	buf_done(&b);
}
END_TEST

static const struct {
	const char *value;
	const char *want;
} words[] = {
	{ "=?utf-8?Q?long_=E2=82?= =?utf-8?Q?=AC_sign?=", "long € sign" },
	{ "=?utf-8?B?4oI=?= =?UTF-8?b?rA==?=", "€" },
	{ "=?utf-8?Q?=E2=82?= =?utf-8?B?rA==?=", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "=?utf-8?Q?=E2=82?= x =?utf-8?Q?=AC?=",
	    "\xef\xbf\xbd x \xef\xbf\xbd" },
	{ "=?iso-2022-jp?B?GyRCJDM=?= =?iso-2022-jp?B?GyRCJDM=?=", "ここ" },
	{ "=?iso-2022-jp?B?GyRCJDM=?= =?iso-2022-jp?Q?a?=", "こa" },
	{ "=?big5?B?pw==?= =?big5?B?QQ==?=", "你" },
	{ "=?utf-8?Q?a?= =?utf-8?Q?b?= c", "ab c" },
};

START_TEST(test_split_words)
{
	struct arena *a = arena_new();
	struct str got =
	    encoded_words_decode(a, str_from_cstr(words[_i].value));

	ck_assert_msg(str_equals(got, str_from_cstr(words[_i].want)),
	    "%s: %.*s", words[_i].value, STR_ARG(got));
	arena_free(a);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

int
main(void)
{
	Suite *s = suite_create("preview");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, test_preview, 0, COUNT(previews));
	tcase_add_loop_test(c, test_long_head, 0, 4);
	tcase_add_loop_test(c, test_size, 0, 5);
	tcase_add_loop_test(c, test_superset, 0, COUNT(supersets));
	tcase_add_loop_test(c, test_split_words, 0, COUNT(words));
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
