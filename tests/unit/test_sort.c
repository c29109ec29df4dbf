/* Unit tests of SORT and THREAD: base subjects, trees. */
#include <check.h>
#include <stdlib.h>

#include "imap/forest.h"
#include "imap/search.h"
#include "imap/subject.h"
#include "imap/thread.h"
#include "base/banned.h"

static const struct {
	struct str subject;
	struct str base;
	bool is_reply;
} subjects[] = {
	{ STR_INIT("hello"), STR_INIT("hello"), false },
	{ STR_INIT("Re: hello"), STR_INIT("hello"), true },
	{ STR_INIT("RE:\tre: Fwd:  FW : hello  "), STR_INIT("hello"), true },
	{ STR_INIT("re [list 1]: hello"), STR_INIT("hello"), true },
	{ STR_INIT("[list] hello"), STR_INIT("hello"), false },
	{ STR_INIT("[list] Re: [x] hello (fwd) (FWD) "), STR_INIT("hello"),
	    true },
	{ STR_INIT("[list]"), STR_INIT("[list]"), false },
	{ STR_INIT("[fwd: Re: hello]"), STR_INIT("hello"), true },
	{ STR_INIT("[fwd: hello"), STR_INIT("[fwd: hello"), false },
	{ STR_INIT("reply: hello"), STR_INIT("reply: hello"), false },
	{ STR_INIT("a  b\t c"), STR_INIT("a b c"), false },
	{ STR_INIT(""), STR_INIT(""), false },
	{ STR_INIT("Re:"), STR_INIT(""), true },
	{ STR_INIT("[a[b] x"), STR_INIT("[a[b] x"), false },
	{ STR_INIT("[]"), STR_INIT("[]"), false },
	{ STR_INIT("(fwd)"), STR_INIT(""), true },
};

START_TEST(test_subject)
{
	struct arena *a = arena_new();
	bool is_reply;
	struct str s = base_subject(a, subjects[_i].subject, &is_reply);

	ck_assert_msg(str_equals(s, subjects[_i].base), "\"%.*s\"",
	    STR_ARG(s));
	ck_assert(is_reply == subjects[_i].is_reply);
	arena_free(a);
}
END_TEST

#define M(n, date, subject, reply, id, refs) \
	{ n, date, STR_INIT(subject), reply, STR_INIT(id), STR_INIT(refs) }

struct thread_case {
	struct thread_message v[8];
	size_t n;
	const char *references;
	const char *subjects;
};

static const struct thread_case threads[] = {
	{ { { .number = 0 } }, 0, "", "" },
	{ { M(1, 1, "a", false, "<1>", "") }, 1, "(1)", "(1)" },
	/* A chain, out of order. */
	{ { M(1, 3, "a", true, "<3>", "<1> <2>"),
	      M(2, 1, "a", false, "<1>", ""),
	      M(3, 2, "a", true, "<2>", "<1>") },
	    3, "(2 3 1)", "(2 (3)(1))" },
	/* Two answers to one. */
	{ { M(1, 1, "a", false, "<1>", ""), M(2, 2, "a", true, "<2>", "<1>"),
	      M(3, 3, "a", true, "<3>", "<1>") },
	    3, "(1 (2)(3))", "(1 (2)(3))" },
	/* The parent is not there: two of its answers have a dummy. */
	{ { M(1, 1, "a", true, "<1>", "<0>"),
	      M(2, 2, "b", true, "<2>", "<0>") },
	    2, "((1)(2))", "(1)(2)" },
	{ { M(1, 1, "a", true, "<1>", "<0> <00>") }, 1, "(1)", "(1)" },
	/* A circle. */
	{ { M(1, 1, "a", false, "<1>", "<2>"),
	      M(2, 2, "b", false, "<2>", "<1>") },
	    2, "(2 1)", "(1)(2)" },
	{ { M(1, 1, "a", false, "<1>", "<1>") }, 1, "(1)", "(1)" },
	/* The same id twice, and none. */
	{ { M(1, 1, "a", false, "<1>", ""), M(2, 2, "b", false, "<1>", ""),
	      M(3, 3, "c", false, "", "") },
	    3, "(1)(2)(3)", "(1)(2)(3)" },
	/* Joined by subject: an answer below, two equals below a dummy. */
	{ { M(1, 1, "a", false, "<1>", ""), M(2, 2, "a", true, "<2>", "") },
	    2, "(1 2)", "(1 2)" },
	{ { M(1, 1, "a", false, "<1>", ""), M(2, 2, "a", false, "<2>", "") },
	    2, "((1)(2))", "(1 2)" },
	{ { M(1, 1, "", false, "<1>", ""), M(2, 2, "", false, "<2>", "") },
	    2, "(1)(2)", "(1 2)" },
	/* By date, then by number. */
	{ { M(1, 9, "a", false, "<1>", ""), M(2, 5, "b", false, "<2>", ""),
	      M(3, 5, "c", false, "<3>", "") },
	    3, "(2)(3)(1)", "(2)(3)(1)" },
	{ { M(1, 1, "a", false, "<1>", ""), M(2, 2, "a", true, "<2>", "<1>"),
	      M(3, 3, "a", true, "<3>", "<1> <2>"),
	      M(4, 4, "a", true, "<4>", "<1> <2>"),
	      M(5, 5, "a", true, "<5>", "<1> <2> <4>") },
	    5, "(1 2 (3)(4 5))", "(1 (2)(3)(4)(5))" },
};

START_TEST(test_thread)
{
	const struct thread_case *c = &threads[_i];
	struct arena *a = arena_new();
	struct buf b = BUF_INIT;

	thread_by_references(a, c->v, c->n, NULL, &b);
	ck_assert_msg(str_equals(buf_str(&b), str_from_cstr(c->references)),
	    "%.*s", STR_ARG(buf_str(&b)));
	buf_reset(&b);
	thread_by_subject(a, c->v, c->n, NULL, &b);
	ck_assert_msg(str_equals(buf_str(&b), str_from_cstr(c->subjects)),
	    "%.*s", STR_ARG(buf_str(&b)));
	buf_done(&b);
	arena_free(a);
}
END_TEST

/* A chain as long as a big mailbox: nothing recurses. */
START_TEST(test_deep)
{
	enum { N = 20000 };
	struct arena *a = arena_new();
	struct thread_message *v = ARENA_ARRAY(a, N, struct thread_message);
	struct buf b = BUF_INIT;
	uint32_t i;

	for (i = 0; i < N; i++) {
		v[i].number = i + 1;
		v[i].date = i;
		v[i].subject = STR("x");
		v[i].id = arena_printf(a, "<%u>", i);
		v[i].references =
		    i ? arena_printf(a, "<%u>", i - 1) : STR("");
	}
	thread_by_references(a, v, N, NULL, &b);
	ck_assert(str_starts_with(buf_str(&b), STR("(1 2 3 4 ")));
	ck_assert(str_ends_with(buf_str(&b), STR(" 20000)")));
	buf_done(&b);
	arena_free(a);
}
END_TEST

struct countdown {
	unsigned left;
};

static bool
countdown_go_on(void *ctx)
{
	struct countdown *c = ctx;

	return c->left-- > 0;
}

/* At whatever step it is told to, it ends; told nothing, it answers. */
START_TEST(test_stop)
{
	const struct thread_case *c =
	    &threads[sizeof(threads) / sizeof(*threads) - 1];
	bool (*const by[])(struct arena *, const struct thread_message *,
	    size_t, const struct thread_watch *, struct buf *) = {
		thread_by_references, thread_by_subject
	};
	struct countdown count;
	struct thread_watch watch = { countdown_go_on, &count };
	struct buf b = BUF_INIT;
	unsigned i, steps = 0;
	bool is_done = false;

	for (i = 0; !is_done; i++) {
		struct arena *a = arena_new();

		count.left = i;
		buf_reset(&b);
		is_done = by[_i](a, c->v, c->n, &watch, &b);
		steps = i;
		arena_free(a);
	}
	ck_assert_uint_gt(steps, 8);
	ck_assert(str_equals(buf_str(&b),
	    str_from_cstr(_i ? c->subjects : c->references)));
	buf_done(&b);
}
END_TEST

/* Links, cuts and questions at random, held against a walk upwards. */
START_TEST(test_forest)
{
	enum { N = 40, STEPS = 20000 };
	struct forest_node v[N] = { { 0 } };
	int parent[N], step, root;
	uint32_t x = 1 + (uint32_t)_i;

	for (step = 0; step < N; step++)
		parent[step] = -1;
	for (step = 0; step < STEPS; step++) {
		int n, other;

		x = x * 1664525 + 1013904223;
		n = (int)(x >> 8) % N;
		other = (int)(x >> 16) % N;
		for (root = other; parent[root] >= 0;)
			root = parent[root];
		ck_assert_ptr_eq(forest_root(&v[other]), &v[root]);
		if (parent[n] < 0 && root != n) {
			forest_link(&v[other], &v[n]);
			parent[n] = other;
		} else if ((x >> 28) == 0) {
			forest_cut(&v[n]);
			parent[n] = -1;
		}
	}
}
END_TEST

static const struct {
	struct str text;
	size_t n, from, len;
	bool is_wrong;
} parts[] = {
	{ STR_INIT("1:10"), 25, 0, 10, false },
	{ STR_INIT("10:1"), 25, 0, 10, false },
	{ STR_INIT("21:30"), 25, 20, 5, false },
	{ STR_INIT("26:30"), 25, 0, 0, false },
	{ STR_INIT("-1:-10"), 25, 15, 10, false },
	{ STR_INIT("-21:-30"), 25, 0, 5, false },
	{ STR_INIT("-26:-30"), 25, 0, 0, false },
	{ STR_INIT("1:1"), 0, 0, 0, false },
	{ STR_INIT("1:-1"), 25, 0, 0, true },
	{ STR_INIT("0:1"), 25, 0, 0, true },
	{ STR_INIT("1"), 25, 0, 0, true },
	{ STR_INIT("1:*"), 25, 0, 0, true },
};

START_TEST(test_partial)
{
	struct search_program p = { .is_extended = true };
	const char *wrong = search_parse_partial(parts[_i].text, &p.partial);
	struct search_part part;

	ck_assert((wrong != NULL) == parts[_i].is_wrong);
	if (wrong)
		return;
	part = search_part_of(&p, parts[_i].n);
	ck_assert_uint_eq(part.from, parts[_i].from);
	ck_assert_uint_eq(part.n, parts[_i].len);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sort");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, test_subject, 0,
	    (int)(sizeof(subjects) / sizeof(*subjects)));
	tcase_add_loop_test(
	    c, test_thread, 0, (int)(sizeof(threads) / sizeof(*threads)));
	tcase_add_test(c, test_deep);
	tcase_add_loop_test(c, test_stop, 0, 2);
	tcase_add_loop_test(c, test_forest, 0, 4);
	tcase_add_loop_test(
	    c, test_partial, 0, (int)(sizeof(parts) / sizeof(*parts)));
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
