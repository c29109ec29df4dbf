/* The text index of a message: it never rules out what is there. */
#include <check.h>
#include <stdlib.h>

#include "base/limits.h"
#include "mime/facts.h"
#include "mime/grams.h"
#include "mime/parse.h"
#include "mime/texts.h"
#include "model/packed.h"
#include "text/charset.h"

#include "base/banned.h"

static struct arena *a;

static struct str
grams_of(struct str message, const struct facts **ret_facts)
{
	struct mime_parser *p = mime_parser_new(a);

	mime_parser_push(p, message);
	*ret_facts = mime_parser_finish(p);
	return grams_make(a, *ret_facts, message);
}

static const char message[] =
    "From: Ann <ann@example.org>\r\n"
    "Subject: =?utf-8?q?caf=C3=A9?= on\r\n Monday\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "preamble\r\n"
    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    "Gr=F6=\r\n=DFe needle\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: inner subject\r\n\r\ninner body\r\n"
    "--b\r\nContent-Type: image/png; name=picture.png\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8gd29ybGQ=\r\n"
    "--b--\r\nepilogue\r\n";

static const struct {
	const char *text;
	bool may;
} needles[] = {
	{ "needle", true }, { "NEEDLE", true }, { "eedl", true },
	{ "gr\xc3\xb6\xc3\x9f" "e", true }, { "GR\xc3\x96SSE", true },
	{ "caf\xc3\xa9 on Monday", true }, { "ann@example", true },
	{ "inner subject", true }, { "inner body", true },
	{ "picture.png", true }, { "boundary=b", true },
	{ "ab", true }, { "", true },
	{ "haystack", false }, { "hello world", false },
	{ "preamble", false }, { "epilogue", false },
	{ "needles", false }, { "Gr=F6", false },
};

START_TEST(test_needles)
{
	const struct facts *f;
	struct str grams = grams_of(
	    str_make(message, sizeof(message) - 1), &f);
	struct str key = casemap(a, str_from_cstr(needles[_i].text));

	ck_assert_int_eq(grams_may_have(grams, key), needles[_i].may);
	ck_assert(grams_may_have(STR_NONE, key));
	ck_assert(grams_may_have(STR("odd"), key));
}
END_TEST

/* A body of n octets without much that comes twice. */
static struct str
random_message(size_t n)
{
	struct buf b = BUF_INIT;
	uint32_t x = 1;
	struct str s;

	buf_add_cstr(&b, "Subject: x\r\n\r\n");
	while (b.len < n) {
		x = x * 1664525 + 1013904223;
		buf_add_char(&b, (char)('a' + (x >> 24) % 26));
	}
	s = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return s;
}

START_TEST(test_sizes)
{
	static const size_t sizes[] = { 20, 500, 4096, 65536, 262144 };
	const struct facts *f;
	size_t last = 0, i, at;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct str m = random_message(sizes[i]);
		struct str grams = grams_of(m, &f);

		ck_assert_uint_ge(grams.len, last);
		ck_assert_uint_le(grams.len, LIMIT_GRAMS);
		ck_assert_uint_eq(grams.len & (grams.len - 1), 0);
		for (at = 14; at < m.len; at += 17)
			ck_assert(grams_may_have(
			    grams, str_slice(m, at, 1 + at % 40)));
		last = grams.len;
	}
	ck_assert_uint_ge(last, LIMIT_GRAMS / 2);
}
END_TEST

/* A line that goes on the last field of the prefix is in no index. */
START_TEST(test_none)
{
	const struct facts *f;

	ck_assert_ptr_null(grams_of(STR(" on\r\n\r\nbody\r\n"), &f).p);
	ck_assert_ptr_nonnull(grams_of(STR(""), &f).p);
	ck_assert_ptr_nonnull(grams_of(STR("\r\nbody\r\n"), &f).p);
}
END_TEST

START_TEST(test_packed)
{
	const struct facts *f;
	struct str grams = grams_of(
	    str_make(message, sizeof(message) - 1), &f);
	struct facts with = *f, again;
	struct facts_envelope e;
	struct buf plain = BUF_INIT, b = BUF_INIT;
	struct str facts, got;
	size_t n;

	with.grams = grams;
	facts_encode(f, &plain);
	facts_encode(&with, &b);
	packed_split(buf_str(&b), &facts, &got);
	ck_assert(str_equals(got, grams));
	ck_assert(str_equals(facts, buf_str(&plain)));
	packed_split(buf_str(&plain), &facts, &got);
	ck_assert_ptr_null(got.p);
	ck_assert(str_equals(facts, buf_str(&plain)));
	ck_assert(facts_decode(a, buf_str(&b), &again));
	ck_assert(str_equals(again.grams, grams));
	ck_assert_uint_eq(again.n_parts, f->n_parts);
	ck_assert(facts_decode_envelope(a, buf_str(&b), &e));
	ck_assert(str_equals(e.subject, f->parts->envelope->subject));
	for (n = 0; n < b.len; n++) {
		ck_assert(!facts_decode(a, str_make(b.p, n), &again));
		packed_split(str_make(b.p, n), &facts, &got);
		ck_assert(got.len <= n && facts.len <= n);
	}
	buf_done(&b);
	buf_done(&plain);
}
END_TEST

static void
make_arena(void)
{
	a = arena_new();
}

static void
free_arena(void)
{
	arena_free(a);
}

int
main(void)
{
	Suite *s = suite_create("grams");
	TCase *t = tcase_create("grams");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, make_arena, free_arena);
	tcase_add_loop_test(t, test_needles, 0,
	    (int)(sizeof(needles) / sizeof(*needles)));
	tcase_add_test(t, test_sizes);
	tcase_add_test(t, test_none);
	tcase_add_test(t, test_packed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
