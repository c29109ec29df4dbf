/*
 * Threads; see thread.h. A node is a message, or a dummy: a message that
 * others refer to and that is not there. The numbers are the steps of
 * THREAD=REFERENCES in RFC 5256. Nothing recurses: threads may be as deep as
 * a mailbox is long.
 */
#include "imap/thread.h"

#include <assert.h>
#include <stdlib.h>

#include "base/vec.h"
#include "imap/forest.h"

#include "base/banned.h"

struct node {
	struct forest_node at;  /* while links are made (step 1) */
	const struct thread_message *m; /* NULL: a dummy */
	struct node *parent;
	struct node *child;     /* first */
	struct node *next;      /* sibling */
	struct node *prev;      /* the same (step 1) */
};

/* Texts in order, and what stands for each. Mail chooses the texts, so that
 * no table of hashes would do: they could all be made to collide. */
struct table {
	struct str *v;
	size_t n;
	struct node **slots;
};

typedef VEC(struct node *) node_vec;

struct threads {
	struct arena *a;
	struct table table;
	node_vec all;
	struct node *root;      /* first of the roots, linked by next */
	const struct thread_watch *watch;
	bool is_over;           /* it said so */
};

/* For each step of what mail may make long. */
static bool
thread_goes_on(struct threads *t)
{
	if (!t->is_over && t->watch)
		t->is_over = !t->watch->go_on(t->watch->ctx);
	return !t->is_over;
}

/* --- the tree -------------------------------------------------------------------- */

static struct node *
new_node(struct threads *t)
{
	struct node *n = ARENA_NEW(t->a, struct node);

	VEC_PUSH(t->a, &t->all, n);
	return n;
}

static void
detach(struct node *n)
{
	if (!n->parent)
		return;
	if (n->parent->child == n)
		n->parent->child = n->next;
	else
		n->prev->next = n->next;
	if (n->next)
		n->next->prev = n->parent->child == n->next ? NULL : n->prev;
	n->parent = n->next = n->prev = NULL;
}

static void
attach(struct node *parent, struct node *n)
{
	n->parent = parent;
	n->prev = NULL;
	n->next = parent->child;
	if (n->next)
		n->next->prev = n;
	parent->child = n;
}

/* n has no parent. Most nodes that are looked at are new and above nothing. */
static bool
thread_is_above(const struct node *n, struct node *below)
{
	return n->child ? forest_root(&below->at) == &n->at : below == n;
}

/* A dummy is as old as its first child. */
static const struct thread_message *
first_message(const struct node *n)
{
	return n->m ? n->m : n->child->m;
}

static int
compare(const void *x, const void *y)
{
	const struct thread_message *a =
	    first_message(*(struct node *const *)x);
	const struct thread_message *b =
	    first_message(*(struct node *const *)y);

	if (a->date != b->date)
		return a->date < b->date ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* A list of siblings by date. */
static void
sort_list(struct threads *t, struct node **list)
{
	node_vec v = { 0 };
	struct node *n;
	size_t i;

	for (n = *list; n; n = n->next)
		VEC_PUSH(t->a, &v, n);
	if (v.n < 2)
		return;
	if (!thread_goes_on(t))
		return;
	qsort(v.v, v.n, sizeof(*v.v), compare);
	for (i = 0; i < v.n; i++)
		v.v[i]->next = i + 1 < v.n ? v.v[i + 1] : NULL;
	*list = v.v[0];
}

/* --- output -------------------------------------------------------------------------- */

/* What is left to write: a node, or the end of its parenthesis. */
struct pending {
	const struct node *node;
	bool has_parens;
};

typedef VEC(struct pending) pending_vec;

static void
open_group(struct buf *out)
{
	if (out->len && out->p[out->len - 1] >= '0' &&
	    out->p[out->len - 1] <= '9')
		buf_add_char(out, ' ');
	buf_add_char(out, '(');
}

static void
push_children(struct threads *t, pending_vec *todo, const struct node *n)
{
	bool has_parens = !n->m || (n->child && n->child->next);
	size_t from = todo->n, i;
	const struct node *c;

	for (c = n->child; c; c = c->next)
		VEC_PUSH(t->a, todo, ((struct pending){ c, has_parens }));
	/* The first one is to be popped first. */
	for (i = 0; i < (todo->n - from) / 2; i++) {
		struct pending swap = todo->v[from + i];

		todo->v[from + i] = todo->v[todo->n - 1 - i];
		todo->v[todo->n - 1 - i] = swap;
	}
}

static void
write_thread(struct threads *t, const struct node *root, struct buf *out)
{
	pending_vec todo = { 0 };
	struct pending p;

	VEC_PUSH(t->a, &todo, ((struct pending){ root, true }));
	while (todo.n && thread_goes_on(t)) {
		p = todo.v[--todo.n];
		if (!p.node) {
			buf_add_char(out, ')');
			continue;
		}
		if (p.has_parens) {
			open_group(out);
			VEC_PUSH(t->a, &todo,
			    ((struct pending){ NULL, false }));
		} else if (p.node->m) {
			buf_add_char(out, ' ');
		}
		if (p.node->m)
			buf_add_u64(out, p.node->m->number);
		push_children(t, &todo, p.node);
	}
}

static void
write_all(struct threads *t, struct buf *out)
{
	const struct node *n;

	for (n = t->root; n && !t->is_over; n = n->next)
		write_thread(t, n, out);
}

/* --- tables of texts ------------------------------------------------------------------ */

typedef VEC(struct str) str_vec;

static int
compare_texts(const void *x, const void *y)
{
	return str_compare(*(const struct str *)x, *(const struct str *)y);
}

/* Of all the texts that will be asked for; they are put in order. */
static struct table
new_table(struct arena *a, struct str *v, size_t n)
{
	size_t i, last = 0;

	if (n)
		qsort(v, n, sizeof(*v), compare_texts);
	for (i = 1; i < n; i++) {
		if (!str_equals(v[i], v[last]))
			v[++last] = v[i];
	}
	n = n ? last + 1 : 0;
	return (struct table){ v, n, ARENA_ARRAY(a, n, struct node *) };
}

static struct node **
slot_of(const struct table *t, struct str text)
{
	const struct str *hit = t->n
	    ? bsearch(&text, t->v, t->n, sizeof(*t->v), compare_texts)
	    : NULL;

	assert(hit);
	return &t->slots[hit - t->v];
}

static struct table
subject_table(
    struct arena *a, const struct thread_message *v, size_t n)
{
	struct str *subjects = ARENA_ARRAY(a, n, struct str);
	size_t i;

	for (i = 0; i < n; i++)
		subjects[i] = v[i].subject;
	return new_table(a, subjects, n);
}

/* --- ORDEREDSUBJECT ----------------------------------------------------------------------------- */

static struct str
subject_of(const struct node *n)
{
	return first_message(n)->subject;
}

static int
compare_messages(const void *x, const void *y)
{
	const struct thread_message *a =
	    *(const struct thread_message *const *)x;
	const struct thread_message *b =
	    *(const struct thread_message *const *)y;

	if (a->date != b->date)
		return a->date < b->date ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* The first by date is the parent of all others of its subject. */
bool
thread_by_subject(struct arena *a, const struct thread_message *v, size_t n,
    const struct thread_watch *watch, struct buf *out)
{
	struct threads t = { .a = a, .watch = watch };
	const struct thread_message **order =
	    ARENA_ARRAY(a, n, const struct thread_message *);
	struct node **last = &t.root;
	size_t i;

	t.table = subject_table(a, v, n);
	for (i = 0; i < n; i++)
		order[i] = &v[i];
	if (n)
		qsort(order, n, sizeof(*order), compare_messages);
	for (i = 0; i < n && thread_goes_on(&t); i++) {
		struct node *m = new_node(&t);
		struct node **slot = slot_of(&t.table, order[i]->subject);

		m->m = order[i];
		if (*slot) {
			attach(*slot, m);
			continue;
		}
		*slot = m;
		*last = m;
		last = &m->next;
	}
	for (i = 0; i < t.all.n; i++)
		sort_list(&t, &t.all.v[i]->child);
	write_all(&t, out);
	return !t.is_over;
}

/* --- REFERENCES: 1, the links ------------------------------------------------------------------------ */

/* The next "<...>" of a list; STR_NONE at its end. */
static struct str
next_id(struct str *rest)
{
	size_t from = str_find_char(*rest, '<'), len;
	struct str id = str_tail(*rest, from);

	len = str_find_char(id, '>');
	if (len == id.len) {
		*rest = STR("");
		return STR_NONE;
	}
	*rest = str_tail(id, len + 1);
	return str_slice(id, 0, len + 1);
}

static struct table
id_table(struct arena *a, const struct thread_message *v, size_t n)
{
	str_vec ids = { 0 };
	struct str rest, id;
	size_t i;

	for (i = 0; i < n; i++) {
		rest = v[i].id;
		if ((id = next_id(&rest)).p)
			VEC_PUSH(a, &ids, id);
		rest = v[i].references;
		while ((id = next_id(&rest)).p)
			VEC_PUSH(a, &ids, id);
	}
	return new_table(a, ids.v, ids.n);
}

static struct node *
node_of_id(struct threads *t, struct str id)
{
	struct node **p = slot_of(&t->table, id);

	if (!*p)
		*p = new_node(t);
	return *p;
}

/* A message whose id is missing, or another's, has a node without one. */
static struct node *
node_of_message(struct threads *t, const struct thread_message *m)
{
	struct str rest = m->id, id = next_id(&rest);
	struct node *n = id.p ? node_of_id(t, id) : new_node(t);

	if (n->m)
		n = new_node(t);
	n->m = m;
	return n;
}

static void
thread_link(struct node *parent, struct node *n)
{
	attach(parent, n);
	forest_link(&parent->at, &n->at);
}

static void
link_message(struct threads *t, const struct thread_message *m)
{
	struct node *n = node_of_message(t, m), *parent = NULL, *next;
	struct str rest = m->references, id;

	while ((id = next_id(&rest)).p && thread_goes_on(t)) {
		next = node_of_id(t, id);
		if (parent && !next->parent && !thread_is_above(next, parent))
			thread_link(parent, next);
		parent = next;
	}
	detach(n);
	forest_cut(&n->at);
	if (parent && !thread_is_above(n, parent))
		thread_link(parent, n);
}

/* --- 2 and 3, roots and dummies ------------------------------------------------------------------------- */

/* n's children take its place in the list that *link is in. */
static void
promote(struct node **link)
{
	struct node *n = *link, *c, *last = NULL;

	for (c = n->child; c; c = c->next) {
		c->parent = n->parent;
		last = c;
	}
	if (last) {
		last->next = n->next;
		*link = n->child;
	} else {
		*link = n->next;
	}
	n->child = n->next = n->parent = NULL;
}

/* What is promoted is looked at again: it may be a dummy as well. */
static void
prune_list(struct node **link, bool is_root)
{
	while (*link) {
		struct node *n = *link;

		if (!n->m &&
		    (!is_root || !n->child || !n->child->next))
			promote(link);
		else
			link = &n->next;
	}
}

/* From above: dummies go while they have the children that they began with. */
static void
thread_prune_below(struct threads *t)
{
	node_vec todo = { 0 };
	struct node *c;
	size_t i;

	for (i = 0; i < t->all.n; i++) {
		if (!t->all.v[i]->parent)
			VEC_PUSH(t->a, &todo, t->all.v[i]);
	}
	for (i = 0; i < todo.n && thread_goes_on(t); i++) {
		prune_list(&todo.v[i]->child, false);
		for (c = todo.v[i]->child; c; c = c->next)
			VEC_PUSH(t->a, &todo, c);
	}
}

static void
prune(struct threads *t)
{
	size_t i;

	thread_prune_below(t);
	for (i = t->all.n; i > 0; i--) {
		struct node *n = t->all.v[i - 1];

		if (!n->parent && (n->m || n->child)) {
			n->next = t->root;
			t->root = n;
		}
	}
	prune_list(&t->root, true);
}

/* --- 5, threads of one subject --------------------------------------------------------------------------- */

/* The roots that stand for their subjects. */
static void
fill_subjects(struct threads *t)
{
	struct node *n, **slot, *old;

	for (n = t->root; n; n = n->next) {
		if (subject_of(n).len == 0)
			continue;
		slot = slot_of(&t->table, subject_of(n));
		old = *slot;
		if (old &&
		    !(old->m && (!n->m || (old->m->is_reply &&
					      !n->m->is_reply))))
			continue;
		*slot = n;
	}
}

/* `it` stands for the subject of n: n goes below it, or both below a dummy. */
static void
join(struct threads *t, struct node *it, struct node *n)
{
	struct node *c, *copy;

	if (!it->m && !n->m) {
		while ((c = n->child)) {
			detach(c);
			attach(it, c);
		}
	} else if (!it->m || (n->m && n->m->is_reply && !it->m->is_reply)) {
		attach(it, n);
	} else {
		/* `it` becomes the dummy, in its place among the roots. */
		copy = new_node(t);
		copy->m = it->m;
		while ((c = it->child)) {
			detach(c);
			attach(copy, c);
		}
		it->m = NULL;
		attach(it, n);
		attach(it, copy);
		sort_list(t, &it->child);
	}
}

static void
gather_subjects(struct threads *t)
{
	struct node **link = &t->root, *n, *it;

	fill_subjects(t);
	while ((n = *link)) {
		it = subject_of(n).len ? *slot_of(&t->table, subject_of(n))
				       : n;
		if (it == n || !it) {
			link = &n->next;
			continue;
		}
		*link = n->next;
		n->next = NULL;
		join(t, it, n);
	}
}

static void
thread_sort_all(struct threads *t)
{
	size_t i;

	for (i = 0; i < t->all.n; i++)
		sort_list(t, &t->all.v[i]->child);
	sort_list(t, &t->root);
}

/* A tree that was given up in the middle of its making is not gone on with. */
bool
thread_by_references(struct arena *a, const struct thread_message *v,
    size_t n, const struct thread_watch *watch, struct buf *out)
{
	struct threads t = { .a = a, .watch = watch };
	size_t i;

	t.table = id_table(a, v, n);
	for (i = 0; i < n && thread_goes_on(&t); i++)
		link_message(&t, &v[i]);
	if (!t.is_over)
		prune(&t);
	if (!t.is_over)
		thread_sort_all(&t); /* 4 */
	if (t.is_over)
		return false;
	t.table = subject_table(a, v, n);
	gather_subjects(&t);
	thread_sort_all(&t);
	write_all(&t, out);
	return !t.is_over;
}
