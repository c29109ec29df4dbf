/* The selected mailbox; see view.h. */
#include "view.h"

#include <stdlib.h>

#include "base/banned.h"

struct view *
view_new(const struct folder *f)
{
	struct view *v = mem_alloc(sizeof(*v));
	struct str *keywords;
	size_t i;

	v->a = arena_new();
	v->folder = *f;
	v->folder.name = arena_dup_str(v->a, f->name);
	v->folder.address = arena_dup_str(v->a, f->address);
	v->folder.acl = NULL; /* the view has the rights */
	v->folder.n_acl = 0;
	keywords = ARENA_ARRAY(v->a, f->n_keywords, struct str);
	for (i = 0; i < f->n_keywords; i++)
		keywords[i] = arena_dup_str(v->a, f->keywords[i]);
	v->folder.keywords = keywords;
	v->n_keywords_told = f->n_keywords;
	v->modseq = f->highestmodseq;
	v->n_announced = f->exists;
	return v;
}

void
view_free(struct view *v)
{
	if (!v)
		return;
	mem_free(v->v);
	arena_free(v->a);
	mem_free(v);
}

size_t
view_find(const struct view *v, uint32_t uid)
{
	size_t lo = 0, hi = v->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->v[mid].e.uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < v->n && v->v[lo].e.uid == uid ? lo : SIZE_MAX;
}

enum { VIEW_ROOM = 1 << 20 }; /* left for the command that needs the map */

static struct seen *
add(struct view *v)
{
	if (v->n == v->cap) {
		v->cap += v->cap / 8 + 64;
		v->v = mem_grow(
		    v->v, mem_product(v->cap, sizeof(struct seen)));
	}
	v->v[v->n] = (struct seen){ .is_gone = false };
	v->may_be_untold = true;
	return &v->v[v->n++];
}

void
view_mark_dirty(struct view *v, size_t index)
{
	v->v[index].is_dirty = true;
	v->may_be_untold = true;
}

/*
 * The table of keywords as it is now. A place that no message had may be
 * another keyword's: what has its bit is told again.
 */
static const struct str *
view_take_keywords(struct view *v, const struct folder *f)
{
	const struct folder *old = &v->folder;
	struct str *table = NULL;
	uint64_t changed = 0;
	size_t i;

	for (i = 0; i < f->n_keywords; i++) {
		if (i < old->n_keywords &&
		    str_equals(old->keywords[i], f->keywords[i]))
			continue;
		if (!table) {
			table = ARENA_ARRAY(v->a, f->n_keywords, struct str);
			if (old->n_keywords)
				memcpy(table, old->keywords,
				    old->n_keywords * sizeof(*table));
		}
		table[i] = arena_dup_str(v->a, f->keywords[i]);
		changed |= UINT64_C(1) << (FLAG_FIRST_KEYWORD + i);
	}
	if (!table)
		return old->keywords;
	v->n_keywords_told = 0;
	for (i = 0; i < v->n; i++) {
		if (v->v[i].e.flags & changed)
			view_mark_dirty(v, i);
	}
	return table;
}

/* The folder as it is now. */
static void
take_folder(struct view *v, const struct folder *f)
{
	const struct str *keywords = view_take_keywords(v, f);
	struct str name = v->folder.name, address = v->folder.address;

	v->folder = *f;
	v->folder.keywords = keywords;
	v->folder.name = name;
	v->folder.address = address;
	v->folder.acl = NULL;
	v->folder.n_acl = 0;
	v->modseq = f->highestmodseq;
}

static void
view_mark_gone(struct view *v, size_t index, uint64_t modseq)
{
	v->v[index].is_gone = true;
	v->v[index].e.modseq = modseq;
	v->may_be_untold = true;
}

/* Pages are read behind their folder: they may be ahead of it. */
static void
view_note_newest(struct view *v, uint64_t modseq)
{
	if (modseq > v->newest)
		v->newest = modseq;
}

static void
apply_entry(struct view *v, const struct entry *e)
{
	size_t i = view_find(v, e->uid);

	view_note_newest(v, e->modseq);
	if (i != SIZE_MAX) {
		if (v->v[i].e.flags != e->flags)
			view_mark_dirty(v, i);
		v->v[i].e = *e;
	} else if (v->n == 0 || v->v[v->n - 1].e.uid < e->uid) {
		add(v)->e = *e;
	}
}

static void
apply(struct view *v, const struct folder_changes *c)
{
	size_t i, at;

	for (i = 0; i < c->n_entries; i++)
		apply_entry(v, &c->entries[i]);
	for (i = 0; i < c->n_expunged; i++) {
		at = view_find(v, c->expunged[i].uid);
		if (at != SIZE_MAX)
			view_mark_gone(v, at, c->expunged[i].modseq);
	}
	take_folder(v, &c->folder);
}

static int
compare(const void *x, const void *y)
{
	uint32_t a = ((const struct seen *)x)->e.uid;
	uint32_t b = ((const struct seen *)y)->e.uid;

	return a == b ? 0 : a < b ? -1 : 1;
}

static size_t
count_below(const struct view *v, uint32_t uidnext)
{
	size_t i;

	for (i = 0; i < v->n && v->v[i].e.uid < uidnext; i++)
		;
	return i;
}

/*
 * The client was told how many messages there are; what was expunged since
 * then still has its number. So the uids of the trash take their places.
 */
static void
add_gone(struct view *v, const struct folder_changes *since)
{
	VEC(struct expunged) missing = { 0 };
	struct arena *a = arena_new();
	size_t i, at;

	for (i = 0; i < since->n_expunged; i++) {
		struct expunged x = since->expunged[i];

		at = view_find(v, x.uid);
		if (at != SIZE_MAX)
			view_mark_gone(v, at, x.modseq);
		else if (x.uid < v->folder.uidnext)
			VEC_PUSH(a, &missing, x);
	}
	for (i = 0; i < missing.n; i++) {
		struct seen *m = add(v);

		m->e.uid = missing.v[i].uid;
		m->e.modseq = missing.v[i].modseq;
		m->is_gone = true;
	}
	arena_free(a);
	if (missing.n)
		qsort(v->v, v->n, sizeof(*v->v), compare);
}

/*
 * The folder and its pages are not read at one moment: pages may lack what
 * an expunge took that the folder, read before, does not know of. Then
 * fewer messages are there than the client was told, and the changes, read
 * once more, have it.
 */
static bool
has_changed(const struct view *v, const struct folder *now)
{
	return now->highestmodseq > v->modseq ||
	    count_below(v, v->folder.uidnext) < v->n_announced;
}

/* A client that keeps flags has them as of SELECT: later ones are news. */
static void
view_add_changed(void *ctx, const struct entry *e, size_t n)
{
	struct view *v = ctx;
	size_t i;

	for (i = 0; i < n; i++) {
		struct seen *m = add(v);

		m->e = e[i];
		view_note_newest(v, e[i].modseq);
		m->is_dirty = e[i].modseq > v->modseq &&
		    e[i].uid < v->folder.uidnext;
	}
}

/* Room for all of them at once, or none: *err. */
static bool
view_reserve(struct view *v, struct err *err)
{
	size_t n = (size_t)v->folder.exists + v->folder.exists / 64 + 512;

	if (n <= v->cap)
		return true;
	if (!mem_has_room(mem_product(n, sizeof(*v->v)) + VIEW_ROOM)) {
		err_set(err, RC_PERM, "LIMIT",
		    "The mailbox has more messages than a session can hold");
		return false;
	}
	v->v = mem_grow(v->v, mem_product(n, sizeof(*v->v)));
	v->cap = n;
	return true;
}

static int
view_compare_newest(const void *x, const void *y)
{
	const struct seen *a = x, *b = y;

	if (a->e.uid != b->e.uid)
		return a->e.uid < b->e.uid ? -1 : 1;
	return a->e.modseq > b->e.modseq ? -1 : a->e.modseq < b->e.modseq;
}

/*
 * In order, each uid once, and none that came after the folder was read. The
 * tail came first; mostly it only has to go behind the pages.
 */
static void
view_merge(struct view *v, size_t n_tail, uint32_t uidnext)
{
	struct seen *tail = mem_alloc(mem_product(n_tail, sizeof(*tail)));
	size_t i, n = 0;

	if (n_tail) {
		memcpy(tail, v->v, n_tail * sizeof(*tail));
		memmove(v->v, v->v + n_tail,
		    (v->n - n_tail) * sizeof(*tail));
		memcpy(v->v + v->n - n_tail, tail, n_tail * sizeof(*tail));
	}
	mem_free(tail);
	for (i = 1; i < v->n &&
	     view_compare_newest(&v->v[i - 1], &v->v[i]) <= 0; i++)
		;
	if (i < v->n)
		qsort(v->v, v->n, sizeof(*v->v), view_compare_newest);
	for (i = 0; i < v->n && v->v[i].e.uid < uidnext; i++) {
		if (n == 0 || v->v[n - 1].e.uid != v->v[i].e.uid)
			v->v[n++] = v->v[i];
	}
	v->n = n;
}

struct view_map {
	struct view *v;
	size_t n_tail;
	size_t n_calls;
};

static void
view_on_entries(void *ctx, const struct entry *e, size_t n)
{
	struct view_map *m = ctx;

	if (m->n_calls++ == 0)
		m->n_tail = n;
	view_add_changed(m->v, e, n);
}

/* The entries as they are in the database now. */
static enum rc
view_read_map(struct session *s, struct folder *ret_now, struct err *err)
{
	struct view *v = s->view;
	struct view_map m = { .v = v };
	bool is_there;
	enum rc rc;

	if (!view_reserve(v, err))
		return RC_PERM;
	v->n = 0;
	rc = store_map(s->p->db, s->command_arena, &v->folder.owner,
	    &v->folder.id, view_on_entries, &m, ret_now, &is_there, err);
	if (rc == RC_OK && !is_there)
		return err_set(err, RC_TEMP, "", "the mailbox is gone");
	if (rc == RC_OK)
		view_merge(v, m.n_tail, ret_now->uidnext);
	return rc;
}

enum rc
view_load(struct session *s, struct err *err)
{
	struct view *v = s->view;
	struct folder_changes since = { 0 };
	struct folder now;
	size_t n;
	enum rc rc;

	if (v->is_loaded)
		return RC_OK;
	rc = view_read_map(s, &now, err);
	if (rc != RC_OK)
		return rc;
	if (has_changed(v, &now))
		rc = store_changes(s->p->db, s->command_arena,
		    &v->folder.owner, &v->folder.id, v->modseq, &since, err);
	if (rc != RC_OK)
		return rc;
	add_gone(v, &since);
	n = count_below(v, v->folder.uidnext);
	v->n_announced = n < v->n_announced ? n : v->n_announced;
	take_folder(v, &now);
	v->is_loaded = true;
	view_tell_keywords(s);
	return RC_OK;
}

static enum rc
read_changes(struct session *s, struct err *err)
{
	struct view *v = s->view;
	struct folder_changes c;
	enum rc rc;

	if (!v->is_loaded)
		return view_load(s, err);
	rc = store_changes(s->p->db, s->command_arena, &v->folder.owner,
	    &v->folder.id, v->modseq, &c, err);
	if (rc != RC_OK || c.is_gone)
		return rc;
	apply(v, &c);
	view_tell_keywords(s);
	return RC_OK;
}

enum rc
view_update(struct session *s, struct err *err)
{
	struct view *v = s->view;
	uint64_t modseq;
	enum rc rc;

	rc = view_poll(s, &modseq, err);
	if (rc == RC_OK && modseq == 0)
		chat_bye(s, "The selected mailbox was deleted");
	if (rc != RC_OK || s->state == STATE_LOGOUT)
		return rc;
	if (modseq > v->modseq)
		rc = read_changes(s, err);
	return rc == RC_OK ? view_take_recent(s, err) : rc;
}

enum rc
view_sync(struct session *s, bool may_expunge, struct err *err)
{
	enum rc rc = s->view ? view_update(s, err) : RC_OK;

	if (rc == RC_OK && s->view && s->state != STATE_LOGOUT)
		view_tell(s, may_expunge);
	return rc;
}
