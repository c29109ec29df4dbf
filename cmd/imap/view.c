/* The selected mailbox; see view.h. */
#include "view.h"

#include <stdlib.h>

#include "commands.h"
#include "notify.h"
#include "rights.h"

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

static struct seen *
add(struct view *v)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 64;
		v->v = mem_grow(
		    v->v, mem_product(v->cap, sizeof(struct seen)));
	}
	v->v[v->n] = (struct seen){ .is_gone = false };
	return &v->v[v->n++];
}

/* The folder as it is now; keywords only ever grow. */
static void
take_folder(struct view *v, const struct folder *f)
{
	const struct str *old = v->folder.keywords;
	size_t n = v->folder.n_keywords, i;
	struct str name = v->folder.name, address = v->folder.address;

	if (f->n_keywords > n) {
		struct str *k =
		    ARENA_ARRAY(v->a, f->n_keywords, struct str);

		for (i = 0; i < f->n_keywords; i++)
			k[i] = i < n ? old[i]
				     : arena_dup_str(v->a, f->keywords[i]);
		old = k;
		n = f->n_keywords;
	}
	v->folder = *f;
	v->folder.keywords = old;
	v->folder.n_keywords = n;
	v->folder.name = name;
	v->folder.address = address;
	v->folder.acl = NULL;
	v->folder.n_acl = 0;
	v->modseq = f->highestmodseq;
}

static void
apply_entry(struct view *v, const struct entry *e)
{
	size_t i = view_find(v, e->uid);

	if (i != SIZE_MAX) {
		v->v[i].is_dirty |= v->v[i].e.flags != e->flags;
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
			v->v[at].is_gone = true;
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
	VEC(uint32_t) missing = { 0 };
	struct arena *a = arena_new();
	size_t i, at;

	for (i = 0; i < since->n_expunged; i++) {
		uint32_t uid = since->expunged[i].uid;

		at = view_find(v, uid);
		if (at != SIZE_MAX)
			v->v[at].is_gone = true;
		else if (uid < v->folder.uidnext)
			VEC_PUSH(a, &missing, uid);
	}
	for (i = 0; i < missing.n; i++) {
		struct seen *m = add(v);

		m->e.uid = missing.v[i];
		m->is_gone = true;
	}
	arena_free(a);
	if (v->n)
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
add_changed(struct view *v, const struct entry *e)
{
	struct seen *m = add(v);

	m->e = *e;
	m->is_dirty = e->modseq > v->modseq && e->uid < v->folder.uidnext;
}

enum rc
view_load(struct session *s, struct err *err)
{
	struct view *v = s->view;
	struct folder_changes now, since = { 0 };
	size_t i, n;
	enum rc rc;

	if (v->is_loaded)
		return RC_OK;
	rc = store_changes(s->p->db, s->command_arena, &v->folder.owner,
	    &v->folder.id, 0, &now, err);
	if (rc != RC_OK)
		return rc;
	if (now.is_gone)
		return err_set(err, RC_TEMP, "", "the mailbox is gone");
	v->n = 0;
	for (i = 0; i < now.n_entries; i++)
		add_changed(v, &now.entries[i]);
	if (has_changed(v, &now.folder))
		rc = store_changes(s->p->db, s->command_arena,
		    &v->folder.owner, &v->folder.id, v->modseq, &since, err);
	if (rc != RC_OK)
		return rc;
	add_gone(v, &since);
	n = count_below(v, v->folder.uidnext);
	v->n_announced = n < v->n_announced ? n : v->n_announced;
	take_folder(v, &now.folder);
	v->is_loaded = true;
	return RC_OK;
}

/* --- telling ----------------------------------------------------------------------- */

static const struct {
	uint64_t bit;
	const char *name;
} system_flags[] = {
	{ FLAG_ANSWERED, "\\Answered" },
	{ FLAG_FLAGGED, "\\Flagged" },
	{ FLAG_DELETED, "\\Deleted" },
	{ FLAG_SEEN, "\\Seen" },
	{ FLAG_DRAFT, "\\Draft" },
};

static void
add_word(struct buf *b, struct str word)
{
	if (b->len && b->p[b->len - 1] != '(')
		buf_add_char(b, ' ');
	buf_add_str(b, word);
}

void
view_add_flags(struct buf *b, const struct view *v, const struct seen *m)
{
	size_t i;

	buf_add_char(b, '(');
	for (i = 0; i < 5; i++) {
		if (m->e.flags & system_flags[i].bit)
			add_word(b, str_from_cstr(system_flags[i].name));
	}
	if (v->recent_from && m->e.uid >= v->recent_from && !v->is_rev2)
		add_word(b, STR("\\Recent"));
	for (i = 0; i < v->folder.n_keywords; i++) {
		if (m->e.flags & UINT64_C(1) << (FLAG_FIRST_KEYWORD + i))
			add_word(b, v->folder.keywords[i]);
	}
	buf_add_char(b, ')');
}

static void
add_known_flags(struct buf *b, const struct view *v, uint64_t mask)
{
	size_t i;

	for (i = 0; i < 5; i++) {
		if (mask & system_flags[i].bit)
			add_word(b, str_from_cstr(system_flags[i].name));
	}
	for (i = 0; i < v->folder.n_keywords; i++) {
		if (mask >> FLAG_FIRST_KEYWORD)
			add_word(b, v->folder.keywords[i]);
	}
}

void
view_tell_flags(struct session *s, bool permanent)
{
	const struct view *v = s->view;
	struct buf b = BUF_INIT;

	add_known_flags(&b, v, UINT64_MAX);
	chat_untagged(s, "FLAGS (%.*s)", STR_ARG(buf_str(&b)));
	if (permanent) {
		uint64_t may = v->is_read_only ? 0 : rights_flags(v->rights);

		buf_reset(&b);
		add_known_flags(&b, v, may);
		if (may >> FLAG_FIRST_KEYWORD)
			add_word(&b, STR("\\*"));
		chat_untagged(s, "OK [PERMANENTFLAGS (%.*s)] %s",
		    STR_ARG(buf_str(&b)), may ? "Flags" : "Read-only");
	}
	s->view->n_keywords_told = v->folder.n_keywords;
	buf_done(&b);
}

void
view_add_fetch(struct buf *b, const struct session *s, size_t index)
{
	if (s->has_uidonly)
		buf_printf(
		    b, "* %u UIDFETCH (", s->view->v[index].e.uid);
	else
		buf_printf(b, "* %zu FETCH (", index + 1);
}

void
view_tell_fetch(struct session *s, size_t index, bool with_uid)
{
	struct seen *m = &s->view->v[index];
	struct buf b = BUF_INIT;

	view_add_fetch(&b, s, index);
	if ((with_uid || s->has_qresync || s->is_rev2) && !s->has_uidonly)
		buf_printf(&b, "UID %u ", m->e.uid);
	buf_add_cstr(&b, "FLAGS ");
	view_add_flags(&b, s->view, m);
	if (s->has_condstore)
		buf_printf(&b, " MODSEQ (%llu)",
		    (unsigned long long)m->e.modseq);
	buf_add_cstr(&b, ")\r\n");
	writer_add_str(s->writer, buf_str(&b));
	buf_done(&b);
	m->is_dirty = false;
}

void
view_add_uid_list(struct buf *b, const uint32_t *v, size_t n)
{
	size_t i, end;

	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n && v[end] == v[end - 1] + 1; end++)
			;
		if (i)
			buf_add_char(b, ',');
		buf_add_u64(b, v[i]);
		if (end > i + 1) {
			buf_add_char(b, ':');
			buf_add_u64(b, v[end - 1]);
		}
	}
}

static void
tell_vanished(struct session *s, const uint32_t *uids, size_t n)
{
	struct buf b = BUF_INIT;

	view_add_uid_list(&b, uids, n);
	writer_add_cstr(s->writer, "* VANISHED ");
	writer_add_str(s->writer, buf_str(&b));
	writer_add_cstr(s->writer, "\r\n");
	buf_done(&b);
}

/* Takes the gone ones out; the client hears only of those it knew. */
static void
tell_expunged(struct session *s)
{
	struct view *v = s->view;
	VEC(uint32_t) uids = { 0 };
	size_t i, n = 0, known = 0;

	for (i = 0; i < v->n; i++) {
		if (!v->v[i].is_gone) {
			known += i < v->n_announced;
			v->v[n++] = v->v[i];
			continue;
		}
		if (i >= v->n_announced)
			continue;
		if (s->has_qresync || s->has_uidonly)
			VEC_PUSH(s->command_arena, &uids, v->v[i].e.uid);
		else
			writer_printf(
			    s->writer, "* %zu EXPUNGE\r\n", n + 1);
	}
	if (uids.n)
		tell_vanished(s, uids.v, uids.n);
	v->n = n;
	v->n_announced = known;
}

static size_t
count_recent(const struct view *v)
{
	size_t i, n = 0;

	for (i = 0; i < v->n; i++)
		n += v->recent_from && v->v[i].e.uid >= v->recent_from;
	return n;
}

bool
view_is_told(const struct view *v)
{
	size_t i;

	if (!v->is_loaded)
		return true;
	for (i = 0; i < v->n; i++) {
		if (v->v[i].is_gone || v->v[i].is_dirty)
			return false;
	}
	return v->n == v->n_announced;
}

void
view_note_own(struct session *s, const struct oid *folder, uint32_t first_uid,
    size_t n)
{
	if (s->view && n && oid_equals(folder, &s->view->folder.id))
		s->view->own = (struct uid_range){ first_uid,
			first_uid + (uint32_t)n - 1 };
}

/* The items that NOTIFY wants of new messages, but not of one's own. */
static void
fetch_new(struct session *s, size_t from)
{
	const struct fetch_atts *atts = notify_atts(s);
	const struct view *v = s->view;
	VEC(size_t) found = { 0 };
	struct selection sel;
	size_t i;

	for (i = from; atts && i < v->n_announced; i++) {
		if (v->v[i].e.uid < v->own.lo || v->v[i].e.uid > v->own.hi)
			VEC_PUSH(s->command_arena, &found, i);
	}
	sel.v = found.v;
	sel.n = found.n;
	if (sel.n)
		fetch_tell(s, atts, &sel);
}

static void
tell_new(struct session *s)
{
	struct view *v = s->view;
	size_t i, n = v->n_announced, from = n;

	/* What came and went unseen never was. */
	for (i = v->n_announced; i < v->n; i++) {
		if (!v->v[i].is_gone)
			v->v[n++] = v->v[i];
	}
	v->n = n;
	if (n == v->n_announced)
		return;
	for (i = v->n_announced; i < n; i++)
		v->v[i].is_dirty = false;
	v->n_announced = n;
	chat_untagged(s, "%zu EXISTS", n);
	if (!s->is_rev2)
		chat_untagged(s, "%zu RECENT", count_recent(v));
	fetch_new(s, from);
}

static void
tell_dirty(struct session *s)
{
	struct view *v = s->view;
	size_t i;

	for (i = 0; i < v->n_announced; i++) {
		if (v->v[i].is_dirty && !v->v[i].is_gone)
			view_tell_fetch(s, i, s->is_uid || s->notify);
	}
}

void
view_tell(struct session *s, bool may_expunge)
{
	struct view *v = s->view;

	if (!v->is_loaded)
		return;
	if (v->folder.n_keywords > v->n_keywords_told)
		view_tell_flags(s, true);
	if (may_expunge && (notify_wants_counts(s) || v->has_own_expunge))
		tell_expunged(s);
	if (notify_wants_counts(s))
		tell_new(s);
	if (notify_wants_flags(s))
		tell_dirty(s);
	v->own = (struct uid_range){ 1, 0 };
	v->has_own_expunge = false;
}

/* New messages are \Recent in one read-write session only. */
static enum rc
take_recent(struct session *s, uint32_t first, struct err *err)
{
	struct view *v = s->view;
	uint32_t from;
	enum rc rc;

	if (!view_is_writable(v) || v->folder.uidnext == first)
		return RC_OK;
	rc = folder_take_recent(
	    s->p->db, &v->folder.owner, &v->folder.id, &from, err);
	if (rc == RC_OK && from && from < v->folder.uidnext &&
	    (v->recent_from == 0 || v->recent_from == UINT32_MAX))
		v->recent_from = from;
	return rc;
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
	if (rc == RC_OK && !c.is_gone)
		apply(v, &c);
	return rc;
}

enum rc
view_update(struct session *s, struct err *err)
{
	struct view *v = s->view;
	uint32_t uidnext = v->folder.uidnext;
	uint64_t modseq;
	enum rc rc;

	rc = view_poll(s, &modseq, err);
	if (rc == RC_OK && modseq == 0)
		chat_bye(s, "The selected mailbox was deleted");
	if (rc != RC_OK || modseq <= v->modseq || s->state == STATE_LOGOUT)
		return rc;
	rc = read_changes(s, err);
	return rc == RC_OK ? take_recent(s, uidnext, err) : rc;
}

enum rc
view_sync(struct session *s, bool may_expunge, struct err *err)
{
	enum rc rc = s->view ? view_update(s, err) : RC_OK;

	if (rc == RC_OK && s->view && s->state != STATE_LOGOUT)
		view_tell(s, may_expunge);
	return rc;
}
