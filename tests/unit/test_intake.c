/* Unit tests of what is done to the header of mail that comes in. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "mail/intake.h"
#include "base/banned.h"

#define DATE "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
#define ID "Message-ID: <000000000000000000000000@mx.example>\r\n"
#define X100 \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X900 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define B10 "          "
#define B100 B10 B10 B10 B10 B10 B10 B10 B10 B10 B10
#define B1000 B100 B100 B100 B100 B100 B100 B100 B100 B100 B100
#define X997 X900 \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

enum { SUBMISSION = 1, JUDGED = 2 };

static const struct {
	const char *in;
	const char *out;
	int flags;
} cases[] = {
	{ "A: 1\r\nB: 2\r\n\r\nx\r\n", "A: 1\r\nB: 2\r\n\r\nx\r\n", 0 },
	{ "", "", 0 },
	{ "\r\nx\r\n", "\r\nx\r\n", 0 },
	{ "A: 1\r\n", "A: 1\r\n", 0 },
	/* Fields that go, with their folded lines; a body is left alone. */
	{ "Bcc: a\r\n b\r\nA: 1\r\n\r\nBcc: c\r\n",
	    "A: 1\r\n\r\nBcc: c\r\n", 0 },
	{ "A: 1\r\nresent-BCC : a\r\nReturn-Path: <>\r\n"
	  "Content-Length:\r\n\t9\r\nB: 2\r\n\r\n", "A: 1\r\nB: 2\r\n\r\n", 0 },
	{ "Bccs: 1\r\nX-Bcc: 2\r\n\r\n", "Bccs: 1\r\nX-Bcc: 2\r\n\r\n", 0 },
	{ "X-Spam-Flag: YES\r\nA: 1\r\n\r\n",
	    "X-Spam-Flag: YES\r\nA: 1\r\n\r\n", 0 },
	{ "x-spam-flag: YES\r\n more\r\nA: 1\r\n\r\n", "A: 1\r\n\r\n",
	    JUDGED },
	{ "X-Spam: 1\r\n\r\n", "X-Spam: 1\r\n\r\n", JUDGED },
	/* A text without a header, wholly and from some line on. */
	{ "just text\r\nmore\r\n", "\r\njust text\r\nmore\r\n", 0 },
	{ " folded\r\n", "\r\n folded\r\n", 0 },
	{ ": x\r\n", "\r\n: x\r\n", 0 },
	{ "\xef\xbb\xbf" "From: x\r\n\r\n", "\r\n\xef\xbb\xbf"
	  "From: x\r\n\r\n", 0 },
	{ "A: 1\r\n<html>\r\nBcc: x\r\n", "A: 1\r\n\r\n<html>\r\nBcc: x\r\n",
	    0 },
	{ "A: 1\r\ntwo words: x\r\n", "A: 1\r\n\r\ntwo words: x\r\n", 0 },
	{ "From a@b Sat Nov\r\nA: 1\r\n\r\n",
	    "X-Mailbox-Line: From a@b Sat Nov\r\nA: 1\r\n\r\n", 0 },
	{ ">From a@b Sat Nov\r\nA: 1\r\n\r\n",
	    "X-Mailbox-Line: >From a@b Sat Nov\r\nA: 1\r\n\r\n", 0 },
	{ "A: 1\r\nFrom a\r\n", "A: 1\r\n\r\nFrom a\r\n", 0 },
	/* A name of 997 octets and its colon are a line of 998. */
	{ X997 ": 1\r\n", X997 ": 1\r\n", 0 },
	{ X997 "x: 1\r\n", "\r\n" X997 "x: 1\r\n", 0 },
	/* And blanks without end between a name and its colon. */
	{ "A: 1\r\nBcc" B1000 B1000 ": x\r\n y\r\nB: 2\r\n\r\n",
	    "A: 1\r\nB: 2\r\n\r\n", 0 },
	{ "A: 1\r\nBcd" B1000 ": x\r\n",
	    "A: 1\r\n\r\nBcd" B1000 ": x\r\n", 0 },
	/* A submission gets what it lacks. */
	{ "A: 1\r\n\r\nx\r\n", "A: 1\r\n" DATE ID "\r\nx\r\n", SUBMISSION },
	{ "date: 1\r\n\r\n", "date: 1\r\n" ID "\r\n", SUBMISSION },
	{ "message-id:\r\n 1\r\n\r\n", "message-id:\r\n 1\r\n" DATE "\r\n",
	    SUBMISSION },
	{ "just text\r\n", DATE ID "\r\njust text\r\n", SUBMISSION },
	{ "A: 1\r\n", "A: 1\r\n" DATE ID, SUBMISSION },
	{ "", DATE ID, SUBMISSION },
	{ "Bcc: x", DATE ID, SUBMISSION },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void
add(void *ctx, struct str piece)
{
	buf_add_str(ctx, piece);
}

static void
play(struct arena *a, int flags, struct str in, size_t step, struct buf *out)
{
	struct intake *u = intake_new(a, &(struct intake_options){
	    .is_submission = (flags & SUBMISSION) != 0,
	    .is_judged_here = (flags & JUDGED) != 0,
	    .hostname = STR("mx.example") });

	for (; in.len; in = str_tail(in, step < in.len ? step : in.len))
		intake_push(u, str_slice(in, 0, step), add, out);
	intake_finish(u, add, out);
	intake_free(u);
}

START_TEST(test_intake)
{
	struct str in = str_from_cstr(cases[_i].in);
	struct arena *a = arena_new();
	struct buf out = BUF_INIT;
	size_t step;

	for (step = 1; step <= in.len + 1; step++) {
		buf_reset(&out);
		play(a, cases[_i].flags, in, step, &out);
		ck_assert_msg(
		    str_equals(buf_str(&out), str_from_cstr(cases[_i].out)),
		    "step %zu:\n%.*s", step, STR_ARG(buf_str(&out)));
	}
	buf_done(&out);
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("intake");
	TCase *t = tcase_create("intake");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_intake, 0, CASES);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
