/* Expansion of aliases; see expand.h. */
#include "mail/expand.h"

#include <sys/types.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/vec.h"
#include "smtp/path.h"

#include "base/banned.h"

enum { NONE = -1, TABLE_FIRST = 64 };

struct expand_node {
	struct str key;              /* of an alias; of a leaf its address */
	struct str address;          /* as it is written */
	const struct mailbox *alias; /* NULL: a leaf */
	struct str path;             /* of an alias: with itself */
	ssize_t parent;
	ssize_t next;                /* where a destination leads, or NONE */
	bool is_alive;               /* some way leads to a leaf */
	bool is_unknown;             /* a leaf that is refused */
};

struct expand_edge {
	size_t from, to;
};

struct expanding {
	struct arena *a;
	const struct expand_question *q;
	VEC(struct expand_node) nodes;
	VEC(struct expand_edge) edges;
	size_t n_leaves;
	uint32_t *table;     /* of indices + 1; 0 = free */
	size_t table_size;   /* a power of two */
	enum expand_end end;
	ssize_t into_root;   /* the node that leads back to it */
	struct err *err;
};

/* --- paths --------------------------------------------------------------------- */

static struct str
expand_path_word(struct arena *a, struct str key)
{
	struct buf b = BUF_INIT;
	struct str word;
	size_t i;

	if (!str_has_char(key, ' '))
		return key;
	for (i = 0; i < key.len; i++) {
		if (key.p[i] == ' ')
			buf_add_cstr(&b, "+20");
		else
			buf_add_char(&b, key.p[i]);
	}
	word = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return word;
}

struct str
expand_path_add(struct arena *a, struct str path, struct str key)
{
	struct str word = expand_path_word(a, key);

	return path.len ? arena_join3(a, path, STR(" "), word) : word;
}

bool
expand_path_has(struct arena *a, struct str path, struct str key)
{
	struct str wanted = expand_path_word(a, key), word;

	while (path.len && str_split_char(&path, ' ', &word)) {
		if (str_equals(word, wanted))
			return true;
	}
	return false;
}

uint32_t
expand_path_depth(struct str path)
{
	uint32_t depth = 0;
	struct str word;

	while (path.len && str_split_char(&path, ' ', &word))
		depth++;
	return depth;
}

/* --- nodes, found by their keys ------------------------------------------------------ */

static size_t
expand_hash(struct str key)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.p[i]) * 16777619u;
	return hash;
}

static uint32_t *
expand_slot(struct expanding *x, struct str key)
{
	size_t i = expand_hash(key) & (x->table_size - 1);

	while (x->table[i] &&
	    !str_equals(x->nodes.v[x->table[i] - 1].key, key))
		i = (i + 1) & (x->table_size - 1);
	return &x->table[i];
}

static void
expand_grow(struct expanding *x)
{
	size_t i;

	if (x->nodes.n * 2 < x->table_size)
		return;
	x->table_size = x->table_size ? x->table_size * 2 : TABLE_FIRST;
	x->table = ARENA_ARRAY(x->a, x->table_size, uint32_t);
	for (i = 0; i < x->nodes.n; i++) {
		if (x->nodes.v[i].key.len)
			*expand_slot(x, x->nodes.v[i].key) = (uint32_t)i + 1;
	}
}

static size_t
expand_add(struct expanding *x, struct expand_node node)
{
	expand_grow(x);
	VEC_PUSH(x->a, &x->nodes, node);
	if (node.key.len)
		*expand_slot(x, node.key) = (uint32_t)x->nodes.n;
	return x->nodes.n - 1;
}

/* --- one destination ------------------------------------------------------------------- */

/* Printed, whether it is stored so or as the key of an address. */
static bool
expand_parse(struct arena *a, struct str text, struct address *ret,
    struct str *ret_text)
{
	struct buf b = BUF_INIT;

	if (!rcpt_parse_stored(a, text, ret))
		return false;
	path_print(ret, &b);
	*ret_text = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return path_parse_bare(a, *ret_text, ret) == PATH_OK;
}

static bool
expand_is_followed(
    const struct expand_question *q, const struct rcpt_answer *answer)
{
	return answer->verdict == RCPT_EXPAND &&
	    (q->through_lists || answer->mailbox->kind == ADDRESS_ALIAS);
}

static void
expand_to_leaf(struct expanding *x, size_t from, struct str address,
    bool is_unknown)
{
	struct str key = arena_dup_lower(x->a, address);

	x->nodes.v[from].is_alive = true;
	expand_grow(x);
	if (*expand_slot(x, key))
		return;
	if (++x->n_leaves > x->q->max)
		x->end = EXPAND_WIDE;
	expand_add(x, (struct expand_node){ .key = key, .address = address,
		.parent = (ssize_t)from, .next = NONE, .is_alive = true,
		.is_unknown = is_unknown });
}

static void
expand_to_alias(struct expanding *x, size_t from, struct str address,
    const struct mailbox *alias)
{
	struct str path = x->nodes.v[from].path;
	uint32_t *slot;
	size_t to;

	expand_grow(x);
	slot = expand_slot(x, alias->address);
	if (*slot) {
		to = *slot - 1;
		if (to == 0 && x->into_root == NONE)
			x->into_root = (ssize_t)from;
	} else if (expand_path_depth(path) >= LIMIT_ALIAS_DEPTH) {
		x->end = EXPAND_DEEP;
		return;
	} else {
		to = expand_add(x, (struct expand_node){
			.key = alias->address, .address = address,
			.alias = alias, .parent = (ssize_t)from, .next = NONE,
			.path = expand_path_add(x->a, path, alias->address) });
	}
	x->nodes.v[from].next = (ssize_t)to;
	VEC_PUSH(x->a, &x->edges, ((struct expand_edge){ from, to }));
	if (x->edges.n > LIMIT_ALIAS_FANOUT)
		x->end = EXPAND_WIDE;
}

static enum rc
expand_destination(struct expanding *x, size_t from, struct str text)
{
	struct rcpt_answer answer;
	struct address to;
	struct str address;
	enum rc rc;

	if (!expand_parse(x->a, text, &to, &address)) {
		expand_to_leaf(x, from, text, true);
		return RC_OK;
	}
	rc = x->q->decide(x->q->ctx, &to, &answer, x->err);
	if (rc != RC_OK)
		return rc;
	if (expand_is_followed(x->q, &answer))
		expand_to_alias(x, from, address, answer.mailbox);
	else
		expand_to_leaf(
		    x, from, address, answer.verdict == RCPT_UNKNOWN);
	return RC_OK;
}

static enum rc
expand_node(struct expanding *x, size_t i)
{
	const struct mailbox *alias = x->nodes.v[i].alias;
	const struct str *v = i ? alias->destinations : x->q->v;
	size_t k, n = i ? alias->n_destinations : x->q->n;
	enum rc rc = RC_OK;

	for (k = 0; rc == RC_OK && x->end == EXPAND_ENDS && k < n; k++)
		rc = expand_destination(x, i, v[k]);
	return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Backwards: the ways from the root are done in one turn. */
static void
expand_find_alive(struct expanding *x)
{
	bool has_changed = true;
	size_t i;

	while (has_changed) {
		has_changed = false;
		for (i = x->edges.n; i > 0; i--) {
			const struct expand_edge *e = &x->edges.v[i - 1];

			if (x->nodes.v[e->to].is_alive &&
			    !x->nodes.v[e->from].is_alive)
				x->nodes.v[e->from].is_alive = has_changed =
				    true;
		}
	}
}

static void
expand_collect(struct expanding *x, struct expansion *ret)
{
	size_t i;

	ret->v = ARENA_ARRAY(x->a, x->nodes.n, struct expand_leaf);
	for (i = 1; i < x->nodes.n; i++) {
		const struct expand_node *node = &x->nodes.v[i];
		const struct expand_node *parent =
		    &x->nodes.v[node->parent];

		if (node->alias && (node->is_alive || !parent->is_alive))
			continue;
		ret->v[ret->n++] = (struct expand_leaf){
			.address = node->address,
			.path = parent->path,
			.is_circle = node->alias != NULL,
			.is_direct = node->parent == 0,
			.is_unknown = node->is_unknown,
		};
	}
}

static void
expand_name(struct buf *b, const struct expanding *x, size_t i)
{
	if (b->len)
		buf_add_cstr(b, " -> ");
	buf_add_str(b, x->nodes.v[i].alias->address);
}

/* Down the tree from the root to the node that leads back to it. */
static void
expand_name_ways(struct buf *b, const struct expanding *x, size_t i)
{
	if (x->nodes.v[i].parent != NONE)
		expand_name_ways(b, x, (size_t)x->nodes.v[i].parent);
	expand_name(b, x, i);
}

/* Whatever way one takes out of a node without an end is one of them. */
static void
expand_name_circle(struct buf *b, const struct expanding *x)
{
	size_t i = 0, k;

	for (k = 0; k < x->nodes.n && x->nodes.v[i].next != NONE; k++)
		i = (size_t)x->nodes.v[i].next;
	if (x->nodes.v[i].next == NONE)
		return; /* one without destinations */
	k = i;
	do {
		expand_name(b, x, i);
		i = (size_t)x->nodes.v[i].next;
	} while (i != k);
	expand_name(b, x, i);
}

static struct str
expand_circle(const struct expanding *x)
{
	struct buf b = BUF_INIT;
	struct str circle;

	if (x->into_root != NONE) {
		expand_name_ways(&b, x, (size_t)x->into_root);
		expand_name(&b, x, 0);
	} else if (x->end == EXPAND_CIRCLE && x->nodes.v[0].next != NONE) {
		expand_name_circle(&b, x);
	}
	circle = arena_dup_str(x->a, buf_str(&b));
	buf_done(&b);
	return circle;
}

enum rc
expand_address(struct arena *a, const struct expand_question *q,
    struct expansion *ret, struct err *err)
{
	struct expanding x = { .a = a, .q = q, .into_root = NONE,
		.err = err };
	struct expand_node root = { .address = q->root->address,
		.alias = q->root, .parent = NONE, .next = NONE,
		.path = expand_path_add(a, q->path, q->root->address) };
	enum rc rc = RC_OK;
	size_t i;

	*ret = (struct expansion){ .circle = STR("") };
	root.key = q->root->kind == ADDRESS_MAILBOX ? STR("")
						    : q->root->address;
	if (expand_path_depth(q->path) >= LIMIT_ALIAS_DEPTH)
		x.end = EXPAND_DEEP;
	expand_add(&x, root);
	for (i = 0; rc == RC_OK && x.end == EXPAND_ENDS && i < x.nodes.n; i++) {
		if (x.nodes.v[i].alias)
			rc = expand_node(&x, i);
	}
	if (rc != RC_OK)
		return rc;
	expand_find_alive(&x);
	if (x.end == EXPAND_ENDS && !x.nodes.v[0].is_alive)
		x.end = EXPAND_CIRCLE;
	if (x.end == EXPAND_ENDS)
		expand_collect(&x, ret);
	ret->end = x.end;
	ret->circle = expand_circle(&x);
	return RC_OK;
}
