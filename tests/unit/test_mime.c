/* Unit tests of common/mime: the push parser, facts, decoders. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "mime/decode.h"
#include "mime/facts.h"
#include "mime/parse.h"
#include "base/banned.h"

static struct arena *arena;

static void
setup(void)
{
	arena = arena_new();
}

static void
teardown(void)
{
	arena_free(arena);
}

/* Pushes in blocks of the given size (0: all at once). */
static const struct facts *
parse(struct str m, size_t block)
{
	struct mime_parser *p = mime_parser_new(arena);

	if (!block)
		block = m.len + 1;
	for (size_t at = 0; at < m.len; at += block)
		mime_parser_push(p, str_slice(m, at, block));
	return mime_parser_finish(p);
}

/* type/subtype[header+size body+size lines](children) */
static void
dump_part(struct buf *b, const struct facts *f, uint32_t i)
{
	for (; i != FACTS_NO_PART; i = f->parts[i].next) {
		const struct facts_part *x = &f->parts[i];

		buf_printf(b, "%.*s/%.*s[%d+%d %d+%d %d]",
		    STR_ARG(x->type), STR_ARG(x->subtype),
		    (int)x->header_offset, (int)x->header_size,
		    (int)x->body_offset, (int)x->body_size, (int)x->lines);
		if (x->first_child != FACTS_NO_PART) {
			buf_add_char(b, '(');
			dump_part(b, f, x->first_child);
			buf_add_char(b, ')');
		}
		if (x->next != FACTS_NO_PART)
			buf_add_char(b, ' ');
	}
}

static const struct {
	const char *message;
	const char *want;
} trees[] = {
	{ "", "text/plain[0+0 0+0 0]" },
	{ "\r\n", "text/plain[0+2 2+0 0]" },
	{ "a: b\r\n\r\nx\r\ny\r\n", "text/plain[0+8 8+6 2]" },
	{ "a: b\n\nx\ny", "text/plain[0+6 6+3 1]" },
	{ "a: b", "text/plain[0+4 4+0 0]" },
	{ "Content-Type: text/html; x=y\r\n\r\nx",
	    "text/html[0+32 32+1 0]" },
	{ "Content-Type: multipart/mixed\r\n\r\nx",
	    "multipart/mixed[0+33 33+1 0]" },
	/* No empty line before the boundary; the last one is missing. */
	{ "Content-Type: multipart/x; boundary=b\n\npre\n--b\n\none\n\n--bc\n"
	  "A: b\n--b\nC: d\n\nend",
	    "multipart/x[0+39 39+37 10](text/plain[47+1 48+4 1] "
	    "text/plain[58+4 62+0 0] text/plain[67+6 73+3 0])" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n"
	  "--b--\nepilogue\n",
	    "multipart/digest[0+44 44+28 7](message/rfc822[48+1 49+7 2]"
	    "(text/plain[49+6 55+1 0]))" },
	{ "Content-Type: multipart/x; boundary=b\n\n--b\n"
	  "Content-Type: multipart/y; boundary=bb\n\n--bb\n\n1\n--b\n\n2\n"
	  "--bb\n--b--\n",
	    "multipart/x[0+39 39+70 11](multipart/y[43+40 83+7 2]"
	    "(text/plain[88+1 89+1 0]) text/plain[95+1 96+1 0] "
	    "text/plain[103+0 103+0 0])" },
	{ "Content-Type: message/rfc822\n\nContent-Type: message/global\n\n"
	  "a: b\n\nx",
	    "message/rfc822[0+30 30+37 4](message/global[30+30 60+7 2]"
	    "(text/plain[60+6 66+1 0]))" },
};

static void
check_tree(const struct facts *f, const char *want)
{
	struct buf b = BUF_INIT;

	dump_part(&b, f, 0);
	buf_add_char(&b, '\0');
	ck_assert_str_eq(b.p, want);
	buf_done(&b);
}

START_TEST(test_tree)
{
	struct str m = str_from_cstr(trees[_i].message);

	for (size_t block = 0; block <= m.len; block++)
		check_tree(parse(m, block), trees[_i].want);
}
END_TEST

static const char full[] =
    "Received: from x\r\nReceived: from y\r\nDate: now\r\n"
    "Subject: =?utf-8?q?x?=\r\n folded\r\n"
    "From: \"A \\\"B\\\" C\" <a@b> (c)\r\n"
    "Reply-To: <>, a b <c@d>, g: a@b, c;, x y z, foo@, @bar,\r\n"
    " <@r,@s:u@v>, a.b.@c, joe@x (J (o) e), a@b@c, lost@x\r\n"
    "To: x@y\r\nTo: z@w\r\nMessage-ID: <1@x>\r\nReferences: <0@x>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; CharSet=utf-8;\r\n name*0=\"a b\"; name*1=c;"
    " x*=utf-8''%41; title*1*=%42; title*0=\"50%\"\r\n"
    "Content-Language: de, en\r\nContent-MD5: Q==\r\n"
    "Content-Disposition: inline; filename=\"a\\\\b\"\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\nHello =C3=A9 soft=\r\nly  \r\n\t world\r\n";

static void
add_address(struct buf *b, struct facts_address x)
{
	const struct str v[] = { x.name, x.route, x.mailbox, x.host };

	buf_add_char(b, '(');
	for (size_t i = 0; i < 4; i++)
		buf_printf(b, v[i].p ? "\"%.*s\"" : "-%.*s", STR_ARG(v[i]));
	buf_add_char(b, ')');
}

static void
check_addresses(struct facts_addresses list, const char *want)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < list.n; i++)
		add_address(&b, list.v[i]);
	buf_add_char(&b, '\0');
	ck_assert_str_eq(b.p, want);
	buf_done(&b);
}

static void
check_params(struct facts_params list, const char *want)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < list.n; i++)
		buf_printf(&b, "%.*s=%.*s;", STR_ARG(list.v[i].name),
		    STR_ARG(list.v[i].value));
	buf_add_char(&b, '\0');
	ck_assert_str_eq(b.p, want);
	buf_done(&b);
}

static void
check_full(const struct facts *f)
{
	const struct facts_part *root = f->parts;
	const struct facts_envelope *e = root->envelope;

	ck_assert_uint_eq(f->received, 2);
	ck_assert_uint_eq(f->size, sizeof(full) - 1);
	ck_assert(!f->is_cut);
	ck_assert(str_equals(e->date, STR("now")));
	ck_assert(str_equals(e->subject, STR("=?utf-8?q?x?= folded")));
	ck_assert(str_equals(e->references, STR("<0@x>")));
	ck_assert_ptr_null(e->in_reply_to.p);
	check_addresses(e->from, "(\"A \"B\" C\"-\"a\"\"b\")");
	check_addresses(e->to, "(--\"x\"\"y\")(--\"z\"\"w\")");
	check_addresses(e->reply_to,
	    "(--\"MISSING_MAILBOX\"\"MISSING_DOMAIN\")"
	    "(\"a b\"-\"c\"\"d\")(--\"g\"-)(--\"a\"\"b\")"
	    "(--\"c\"\"MISSING_DOMAIN\")(----)"
	    "(\"x y z\"-\"MISSING_MAILBOX\"\"MISSING_DOMAIN\")"
	    "(--\"foo\"\"MISSING_DOMAIN\")(--\"MISSING_MAILBOX\"\"bar\")"
	    "(-\"@r,@s\"\"u\"\"v\")(--\"a.b.\"\"c\")"
	    "(\"J (o) e\"-\"joe\"\"x\")(--\"a\"\"b\")");
	check_params(root->params,
	    "charset=utf-8;name=a bc;title*=''50%25%42;x*=utf-8''%41;");
	check_params(root->disposition_params, "filename=a\\b;");
	ck_assert(str_equals(root->language, STR("de,en")));
	ck_assert(str_equals(root->md5, STR("Q==")));
	ck_assert(str_equals(f->preview, STR("Hello \xc3\xa9 softly world")));
}

START_TEST(test_fields_and_facts)
{
	struct buf b = BUF_INIT;
	struct facts f;
	struct facts_envelope e;
	const struct facts *seen;

	for (size_t block = 0; block < 80; block++)
		check_full(parse(str_make(full, sizeof(full) - 1), block));
	seen = parse(str_make(full, sizeof(full) - 1), 0);
	facts_encode(seen, &b);
	ck_assert(facts_decode(arena, buf_str(&b), &f));
	check_full(&f);
	ck_assert(facts_decode_envelope(arena, buf_str(&b), &e));
	ck_assert(str_equals(e.message_id, STR("<1@x>")));
	/* No prefix of facts is facts. */
	for (size_t n = 0; n < b.len; n++)
		ck_assert(!facts_decode(arena, str_make(b.p, n), &f));
	buf_done(&b);
}
END_TEST

/* Every octet of the encoding changed: decoded or refused, never a crash. */
START_TEST(test_facts_damaged)
{
	struct buf b = BUF_INIT;
	struct facts f;

	facts_encode(parse(str_from_cstr(trees[_i].message), 0), &b);
	for (size_t i = 0; i < b.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b.p[i] = (char)(b.p[i] ^ 1 << bit);
			if (facts_decode(arena, buf_str(&b), &f))
				ck_assert_uint_ge(f.n_parts, 1);
			b.p[i] = (char)(b.p[i] ^ 1 << bit);
		}
	}
	ck_assert(facts_decode(arena, buf_str(&b), &f));
	check_tree(&f, trees[_i].want);
	buf_done(&b);
}
END_TEST

START_TEST(test_part_find)
{
	/* 1: text, 2: message of a multipart, whose 2 is a message of text */
	static const char m[] =
	    "Content-Type: multipart/x; boundary=b\n\n--b\n\none\n--b\n"
	    "Content-Type: message/rfc822\n\n"
	    "Content-Type: multipart/x; boundary=c\n\n--c\n\ntwo\n--c\n"
	    "Content-Type: message/rfc822\n\nSubject: in\n\nthree\n--c--\n"
	    "--b--\n";
	const struct facts *f = parse(str_from_cstr(m), 0);
	static const struct {
		uint32_t path[4];
		size_t n;
		const char *body;
	} cases[] = {
		{ { 1 }, 1, "one" },
		{ { 2, 1 }, 2, "two" },
		{ { 2, 2, 1 }, 3, "three" },
		{ { 2, 2, 1, 1 }, 4, NULL },
		{ { 2, 2, 2 }, 3, NULL },
		{ { 1, 1 }, 2, NULL },
		{ { 0 }, 1, NULL },
		{ { 3 }, 1, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct facts_part *x =
		    facts_part_find(f, cases[i].path, cases[i].n);

		ck_assert_int_eq(x != NULL, cases[i].body != NULL);
		if (x)
			ck_assert(str_equals(
			    str_make(m + x->body_offset, x->body_size),
			    str_from_cstr(cases[i].body)));
	}
	ck_assert_ptr_eq(facts_part_find(f, NULL, 0), f->parts);
}
END_TEST

static void
encoded_within_limit(const struct facts *f)
{
	struct buf b = BUF_INIT;
	struct facts again;

	facts_encode(f, &b);
	ck_assert_uint_le(b.len, LIMIT_MIME_FACTS);
	ck_assert(facts_decode(arena, buf_str(&b), &again));
	ck_assert_uint_eq(again.n_parts, f->n_parts);
	buf_done(&b);
}

static const struct {
	const char *head;
	const char *again;
	size_t n;
	bool is_cut;
	uint32_t max_parts;
} hostile[] = {
	{ "", "Content-Type: message/rfc822\n\n", 99, false, 100 },
	{ "", "Content-Type: message/rfc822\n\n", 10000, true, 101 },
	{ "", "Content-Type: multipart/x; boundary=b\n\n--b\n", 10000, true,
	    1000 },
	{ "Content-Type: multipart/x; boundary=b\n\n", "--b\n\n", 999, false,
	    1000 },
	{ "Content-Type: multipart/x; boundary=b\n\n", "--b\n\n", 1000, true,
	    1000 },
	{ "Content-Type: multipart/x; boundary=b\n\n", "--b\n\n", 100000,
	    true, 1000 },
	{ "", "To: a@b\n", 100000, true, 1 },
	{ "To: x", ",\n a@b", 100000, true, 1 },
	{ "To: ", "(", 100000, true, 1 },
	{ "Content-Type: text/plain", ";\n a*1=b", 100000, true, 1 },
	{ "Subject: ", "0123456789", 100000, true, 1 },
};

START_TEST(test_hostile)
{
	struct mime_parser *p = mime_parser_new(arena);
	const struct facts *f;

	mime_parser_push(p, str_from_cstr(hostile[_i].head));
	for (size_t i = 0; i < hostile[_i].n; i++)
		mime_parser_push(p, str_from_cstr(hostile[_i].again));
	mime_parser_push(p, STR("\n\nend\n"));
	f = mime_parser_finish(p);
	ck_assert_int_eq(f->is_cut, hostile[_i].is_cut);
	ck_assert_uint_le(f->n_parts, hostile[_i].max_parts);
	ck_assert_uint_le(arena_size(arena), 16u << 20);
	encoded_within_limit(f);
}
END_TEST

static const struct {
	const char *encoding;
	const char *in;
	const char *out;
} decodings[] = {
	{ "7bit", "a=41", "a=41" },
	{ "BASE64", "aGVs\r\nbG8=\r\n", "hello" },
	{ "base64", "aGVsbG8", "hello" },
	{ "base64", "aA==aA==", "hh" },
	{ "base64", "a*G-V s", "hel" },
	{ "base64", "", "" },
	{ "quoted-printable", "a=41b", "aAb" },
	{ "quoted-printable", "a=\r\nb=\nc", "abc" },
	{ "quoted-printable", "a= \t\r\nb", "ab" },
	{ "quoted-printable", "a \t\r\nb \n", "a\r\nb\n" },
	{ "quoted-printable", "a b", "a b" },
	{ "quoted-printable", "=zz=4=c3=A9", "=zz=4\xc3\xa9" },
	{ "quoted-printable", "a==41", "a=A" },
	{ "quoted-printable", "end=", "end" },
};

START_TEST(test_decode)
{
	struct str in = str_from_cstr(decodings[_i].in);
	struct str encoding = str_from_cstr(decodings[_i].encoding);
	struct str want = str_from_cstr(decodings[_i].out);

	ck_assert(str_equals(decode_all(arena, encoding, in), want));
	for (size_t cut = 0; cut <= in.len; cut++) {
		struct buf b = BUF_INIT;
		struct decoder d;

		decoder_init(&d, decode_kind_of(encoding));
		decoder_push(&d, str_slice(in, 0, cut), &b);
		decoder_push(&d, str_tail(in, cut), &b);
		decoder_finish(&d, &b);
		ck_assert(str_equals(buf_str(&b), want));
		buf_done(&b);
	}
}
END_TEST

#define N(table) (int)(sizeof(table) / sizeof(*(table)))

int
main(void)
{
	Suite *s = suite_create("mime");
	TCase *t = tcase_create("mime");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_tree, 0, N(trees));
	tcase_add_test(t, test_fields_and_facts);
	tcase_add_loop_test(t, test_facts_damaged, 0, N(trees));
	tcase_add_test(t, test_part_find);
	tcase_add_loop_test(t, test_hostile, 0, N(hostile));
	tcase_add_loop_test(t, test_decode, 0, N(decodings));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
