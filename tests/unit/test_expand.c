/*
 * Unit tests of the expansion of aliases: random graphs, compared with what
 * can be reached by definition.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "mail/expand.h"
#include "base/banned.h"

enum { NODES = 9, WAYS = 4, ROUNDS = 20000 };

/* Node i is the alias a<i>, or, when it has no list, the mailbox m<i>. */
struct graph {
	struct arena *a;
	size_t n[NODES];
	size_t to[NODES][WAYS];
	struct mailbox aliases[NODES];
	struct str names[NODES];
	bool reach[NODES][NODES];
};

static uint32_t seed = 20261128;

static uint32_t
pick(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void
make_graph(struct graph *g)
{
	size_t i, k, j;

	for (i = 0; i < NODES; i++) {
		bool is_alias = i == 0 || pick(3);

		g->n[i] = is_alias ? pick(WAYS + 1) : 0;
		g->names[i] = arena_printf(
		    g->a, "%c%zu@example.org", is_alias ? 'a' : 'm', i);
		g->aliases[i] = (struct mailbox){ .address = g->names[i],
			.kind = is_alias ? ADDRESS_ALIAS : ADDRESS_MAILBOX };
	}
	for (i = 0; i < NODES; i++) {
		struct str *v = ARENA_ARRAY(g->a, WAYS, struct str);

		for (k = 0; k < g->n[i]; k++)
			v[k] = g->names[g->to[i][k] = pick(NODES)];
		g->aliases[i].destinations = v;
		g->aliases[i].n_destinations = g->n[i];
	}
	memset(g->reach, 0, sizeof(g->reach));
	for (i = 0; i < NODES; i++) {
		for (k = 0; k < g->n[i]; k++)
			g->reach[i][g->to[i][k]] = true;
	}
	for (k = 0; k < NODES; k++) {
		for (i = 0; i < NODES; i++) {
			for (j = 0; j < NODES; j++)
				g->reach[i][j] |=
				    g->reach[i][k] && g->reach[k][j];
		}
	}
}

static bool
is_leaf(const struct graph *g, size_t i)
{
	return g->aliases[i].kind == ADDRESS_MAILBOX;
}

static bool
reaches_leaf(const struct graph *g, size_t i)
{
	size_t k;

	for (k = 0; k < NODES; k++) {
		if (g->reach[i][k] && is_leaf(g, k))
			return true;
	}
	return false;
}

static enum rc
decide(void *ctx, const struct address *to, struct rcpt_answer *ret,
    struct err *err)
{
	struct graph *g = ctx;
	size_t i = (size_t)(to->local.p[1] - '0');

	(void)err;
	*ret = (struct rcpt_answer){
		.verdict = is_leaf(g, i) ? RCPT_LOCAL : RCPT_EXPAND,
		.mailbox = &g->aliases[i],
	};
	return RC_OK;
}

static size_t
node_of(struct str address)
{
	return (size_t)(address.p[1] - '0');
}

/*
 * Each mailbox that can be reached is a leaf once; each other alias that can
 * be reached leads to one, or lies behind one that is told as a circle.
 */
static void
check_leaves(const struct graph *g, const struct expansion *e)
{
	bool seen[NODES] = { false };
	size_t i, k;

	for (i = 0; i < e->n; i++) {
		k = node_of(e->v[i].address);
		ck_assert(g->reach[0][k] && !seen[k]);
		ck_assert(e->v[i].is_circle == !is_leaf(g, k));
		ck_assert(!e->v[i].is_circle || !reaches_leaf(g, k));
		ck_assert(expand_path_has(
		    g->a, e->v[i].path, g->names[0]));
		seen[k] = true;
	}
	for (k = 0; k < NODES; k++) {
		bool is_told = seen[k];

		if (!g->reach[0][k] || (!is_leaf(g, k) && reaches_leaf(g, k)))
			continue;
		for (i = 0; i < NODES; i++)
			is_told |= seen[i] && g->reach[i][k];
		ck_assert(is_told);
	}
}

/* "a0@x -> a3@x -> a0@x": each step is one that there is. */
static void
check_circle(const struct graph *g, struct str circle)
{
	struct str first = STR_NONE, last = STR_NONE, word;
	size_t at, k, from;

	while (circle.len) {
		at = str_find(circle, STR(" -> "));
		word = str_slice(circle, 0, at);
		circle = at < circle.len ? str_tail(circle, at + 4) : STR("");
		if (last.p) {
			from = node_of(last);
			for (k = 0; k < g->n[from]; k++) {
				if (g->to[from][k] == node_of(word))
					break;
			}
			ck_assert(k < g->n[from]);
		} else {
			first = word;
		}
		last = word;
	}
	ck_assert(str_equals(first, last));
}

START_TEST(test_random_graphs)
{
	struct graph g = { .a = arena_new() };
	size_t ends = 0, circles = 0, i;
	struct err err;

	for (i = 0; i < ROUNDS; i++) {
		struct expand_question q = { .decide = decide, .ctx = &g,
			.root = &g.aliases[0], .path = STR(""), .max = 1000 };
		struct expansion e;

		arena_reset(g.a);
		make_graph(&g);
		q.v = g.aliases[0].destinations;
		q.n = g.aliases[0].n_destinations;
		ck_assert(expand_address(g.a, &q, &e, &err) == RC_OK);
		ck_assert(e.end ==
		    (reaches_leaf(&g, 0) ? EXPAND_ENDS : EXPAND_CIRCLE));
		if (e.end == EXPAND_ENDS)
			check_leaves(&g, &e);
		if (g.reach[0][0])
			ck_assert(e.circle.len != 0);
		if (e.circle.len)
			check_circle(&g, e.circle);
		ends += e.end == EXPAND_ENDS;
		circles += e.circle.len != 0;
	}
	ck_assert(ends > ROUNDS / 10 && circles > ROUNDS / 10);
	arena_free(g.a);
}
END_TEST

/* A row of aliases: the limit is enough, one more is too deep. */
static enum expand_end
expand_row(size_t depth, struct str path)
{
	struct arena *a = arena_new();
	struct graph g = { .a = a };
	struct expand_question q = { .decide = decide, .ctx = &g,
		.root = &g.aliases[0], .path = path, .max = 1 };
	struct expansion e;
	struct err err;
	size_t i;

	for (i = 0; i < NODES; i++) {
		struct str *v = ARENA_NEW(a, struct str);

		g.names[i] = arena_printf(a, "%c%zu@example.org",
		    i < depth ? 'a' : 'm', i);
		*v = arena_printf(a, "%c%zu@example.org",
		    i + 1 < depth ? 'a' : 'm', i + 1);
		g.aliases[i] = (struct mailbox){ .address = g.names[i],
			.kind = i < depth ? ADDRESS_ALIAS : ADDRESS_MAILBOX,
			.destinations = v, .n_destinations = i < depth };
	}
	q.v = g.aliases[0].destinations;
	q.n = 1;
	ck_assert(expand_address(a, &q, &e, &err) == RC_OK);
	ck_assert(e.end != EXPAND_ENDS || e.n == 1);
	arena_free(a);
	return e.end;
}

START_TEST(test_depth_and_width)
{
	/* LIMIT_ALIAS_DEPTH counts what it came through before. */
	struct str before = STR("b1 b2 b3 b4 b5");

	ck_assert_int_eq(LIMIT_ALIAS_DEPTH, 10);
	ck_assert(expand_row(5, before) == EXPAND_ENDS);
	ck_assert(expand_row(6, before) == EXPAND_DEEP);
	ck_assert(expand_row(8, STR("")) == EXPAND_ENDS);
	ck_assert(expand_row(1, STR("1 2 3 4 5 6 7 8 9")) == EXPAND_ENDS);
	ck_assert(expand_row(1, STR("1 2 3 4 5 6 7 8 9 10")) == EXPAND_DEEP);
}
END_TEST

START_TEST(test_paths)
{
	struct arena *a = arena_new();
	struct str path = expand_path_add(a, STR(""), STR("a b@x"));

	path = expand_path_add(a, path, STR("b@x"));
	ck_assert_int_eq(expand_path_depth(path), 2);
	ck_assert(expand_path_has(a, path, STR("a b@x")));
	ck_assert(expand_path_has(a, path, STR("b@x")));
	ck_assert(!expand_path_has(a, path, STR("a")));
	ck_assert(!expand_path_has(a, STR(""), STR("")));
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("expand");
	TCase *t = tcase_create("expand");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_random_graphs);
	tcase_add_test(t, test_depth_and_width);
	tcase_add_test(t, test_paths);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
