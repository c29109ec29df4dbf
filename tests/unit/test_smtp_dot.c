/* Unit tests of the end-of-data machine, in every split. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "smtp/dot.h"
#include "base/banned.h"

static const struct {
	struct str input;
	struct str output;
	struct str rest;  /* behind the end */
	bool is_done, cr, lf, nul;
} cases[] = {
	{ STR_INIT(".\r\n"), STR_INIT(""), STR_INIT(""), true, 0, 0, 0 },
	{ STR_INIT(".\r\nQUIT\r\n"), STR_INIT(""), STR_INIT("QUIT\r\n"), true,
	    0, 0, 0 },
	{ STR_INIT("a\r\n.\r\n"), STR_INIT("a\r\n"), STR_INIT(""), true, 0, 0,
	    0 },
	{ STR_INIT("\r\n.\r\n"), STR_INIT("\r\n"), STR_INIT(""), true, 0, 0,
	    0 },
	/* Dots: one is removed at every line, the first one included. */
	{ STR_INIT("..\r\n...\r\n.x\r\n..\r\n.\r\n"),
	    STR_INIT(".\r\n..\r\nx\r\n.\r\n"), STR_INIT(""), true, 0, 0, 0 },
	{ STR_INIT("x.\r\n.\r\n"), STR_INIT("x.\r\n"), STR_INIT(""), true, 0,
	    0, 0 },
	{ STR_INIT("x.\r\n"), STR_INIT("x.\r\n"), STR_INIT(""), false, 0, 0,
	    0 },
	/* Not the end: bare CR and LF in all places. */
	{ STR_INIT("a\n.\n"), STR_INIT("a\n.\n"), STR_INIT(""), false, 0,
	    true, 0 },
	{ STR_INIT("a\n.\r\n"), STR_INIT("a\n.\r\n"), STR_INIT(""), false, 0,
	    true, 0 },
	{ STR_INIT("a\r\n.\n"), STR_INIT("a\r\n\n"), STR_INIT(""), false, 0,
	    true, 0 },
	{ STR_INIT("a\r\n.\rx"), STR_INIT("a\r\n\rx"), STR_INIT(""), false,
	    true, 0, 0 },
	{ STR_INIT("a\r.\rx"), STR_INIT("a\r.\rx"), STR_INIT(""), false, true,
	    0, 0 },
	{ STR_INIT("a\r.\r\n"), STR_INIT("a\r.\r\n"), STR_INIT(""), false,
	    true, 0, 0 },
	{ STR_INIT("a\r\n.\r\r\n"), STR_INIT("a\r\n\r\r\n"), STR_INIT(""),
	    false, true, 0, 0 },
	{ STR_INIT("a\r\r\n.\r\n"), STR_INIT("a\r\r\n"), STR_INIT(""), true,
	    true, 0, 0 },
	{ STR_INIT("a\r\n\0.\r\n"), STR_INIT("a\r\n\0.\r\n"), STR_INIT(""),
	    false, 0, 0, true },
	{ STR_INIT("a\r\n.\0\r\n"), STR_INIT("a\r\n\0\r\n"), STR_INIT(""),
	    false, 0, 0, true },
	/* A smuggled envelope stays content. */
	{ STR_INIT("a\n.\r\nMAIL FROM:<x@y>\r\n.\r\nQUIT\r\n"),
	    STR_INIT("a\n.\r\nMAIL FROM:<x@y>\r\n"), STR_INIT("QUIT\r\n"),
	    true, 0, true, 0 },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void
add(void *ctx, struct str piece)
{
	buf_add_str(ctx, piece);
}

/* Pushes in blocks of `step` octets, the first one of `first`. */
static void
play(size_t i, size_t first, size_t step)
{
	struct buf out = BUF_INIT;
	struct str in = cases[i].input;
	struct dot d;
	size_t n = first;

	dot_init(&d);
	while (in.len && !d.is_done) {
		struct str block = str_slice(in, 0, n ? n : step);
		size_t used = dot_push(&d, block, add, &out);

		ck_assert(used == block.len || d.is_done);
		in = str_tail(in, used);
		n = step;
	}
	ck_assert_int_eq(d.is_done, cases[i].is_done);
	ck_assert(str_equals(buf_str(&out), cases[i].output));
	ck_assert(str_equals(in, cases[i].rest));
	ck_assert_uint_eq(d.size, cases[i].output.len);
	ck_assert_int_eq(d.has_bare_cr, cases[i].cr);
	ck_assert_int_eq(d.has_bare_lf, cases[i].lf);
	ck_assert_int_eq(d.has_nul, cases[i].nul);
	buf_done(&out);
}

START_TEST(test_dot)
{
	size_t i = (size_t)_i;
	size_t first;

	for (first = 1; first <= cases[i].input.len; first++)
		play(i, first, cases[i].input.len);
	play(i, 1, 1);
	play(i, 2, 2);
	play(i, 1, 3);
}
END_TEST

static const struct {
	struct str in, out;
} encodings[] = {
	{ STR_INIT(""), STR_INIT(".\r\n") },
	{ STR_INIT("a"), STR_INIT("a\r\n.\r\n") },
	{ STR_INIT("a\r\n"), STR_INIT("a\r\n.\r\n") },
	{ STR_INIT("."), STR_INIT("..\r\n.\r\n") },
	{ STR_INIT(".\r\n.a\r\n"), STR_INIT("..\r\n..a\r\n.\r\n") },
	{ STR_INIT("a\n.\nb"), STR_INIT("a\r\n..\r\nb\r\n.\r\n") },
	{ STR_INIT("a\r.\rb\r"), STR_INIT("a\r\n..\r\nb\r\n.\r\n") },
	{ STR_INIT("\n"), STR_INIT("\r\n.\r\n") },
	{ STR_INIT("\r\r\n"), STR_INIT("\r\n\r\n.\r\n") },
	{ STR_INIT("\n\r"), STR_INIT("\r\n\r\n.\r\n") },
};

enum { ENCODINGS = sizeof(encodings) / sizeof(encodings[0]) };

START_TEST(test_encode)
{
	struct str in = encodings[_i].in, out = encodings[_i].out;
	struct dot_encoder e;
	size_t cut;

	for (cut = 0; cut <= in.len; cut++) {
		struct buf b = BUF_INIT;

		dot_encode_init(&e);
		dot_encode(&e, str_slice(in, 0, cut), add, &b);
		dot_encode(&e, str_tail(in, cut), add, &b);
		dot_encode_end(&e, add, &b);
		ck_assert(str_equals(buf_str(&b), out));
		buf_done(&b);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp_dot");
	TCase *t = tcase_create("dot");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_dot, 0, CASES);
	tcase_add_loop_test(t, test_encode, 0, ENCODINGS);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
