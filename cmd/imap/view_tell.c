/* What the client is told of the selected mailbox; see view.h. */
#include "view.h"

#include "base/limits.h"
#include "log/log.h"
#include "commands.h"
#include "notify.h"
#include "rights.h"

#include "base/banned.h"

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
	if (!v->is_rev2 && view_is_recent(v, m->e.uid))
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
		if (mask >> FLAG_FIRST_KEYWORD && v->folder.keywords[i].len)
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
		if (may >> FLAG_FIRST_KEYWORD &&
		    !folder_keywords_are_full(&v->folder))
			add_word(&b, STR("\\*"));
		chat_untagged(s, "OK [PERMANENTFLAGS (%.*s)] %s",
		    STR_ARG(buf_str(&b)), may ? "Flags" : "Read-only");
	}
	s->view->n_keywords_told = v->folder.n_keywords;
	buf_done(&b);
}

/* Before any message is shown with them. */
void
view_tell_keywords(struct session *s)
{
	if (s->view->folder.n_keywords > s->view->n_keywords_told)
		view_tell_flags(s, true);
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
	/* VANISHED has no modseq, so the tagged answer says it. */
	v->owes_modseq |= s->has_qresync && uids.n;
	v->n = n;
	v->n_announced = known;
}

/*
 * The lowest modseq that the client does not know of, or 0. When an entry is
 * ahead of the folder, other changes below it may not have been read: those
 * begin behind what the folder told.
 */
static uint64_t
view_tell_lowest(struct view *v)
{
	uint64_t modseq = v->newest > v->modseq ? v->modseq + 1 : 0;
	size_t i;

	if (!v->is_loaded || !v->may_be_untold)
		return v->is_loaded ? modseq : 0;
	for (i = 0; i < v->n; i++) {
		const struct seen *m = &v->v[i];
		bool is_known = i < v->n_announced;

		if ((m->is_gone ? is_known : m->is_dirty || !is_known) &&
		    (!modseq || m->e.modseq < modseq))
			modseq = m->e.modseq;
	}
	v->may_be_untold = modseq;
	return modseq;
}

bool
view_is_told(struct view *v)
{
	return view_tell_lowest(v) == 0;
}

uint64_t
view_told_modseq(struct view *v)
{
	uint64_t untold = view_tell_lowest(v);

	return untold && untold <= v->modseq ? untold - 1 : v->modseq;
}

uint64_t
view_take_owed_modseq(struct session *s)
{
	struct view *v = s->view;
	bool is_owed;

	if (!v || !s->has_condstore)
		return 0;
	is_owed = v->owes_modseq;
	v->owes_modseq = !view_is_told(v);
	return is_owed || v->owes_modseq ? view_told_modseq(v) : 0;
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
fetch_new(struct session *s)
{
	const struct fetch_atts *atts = notify_atts(s);
	struct view *v = s->view;
	VEC(uint32_t) found = { 0 };
	struct selection sel = { 0 };
	struct err err;
	size_t i;

	for (i = 0; atts && i < v->n_announced; i++) {
		uint32_t uid = v->v[i].e.uid;

		if (uid >= v->owed_fetch &&
		    (uid < v->own.lo || uid > v->own.hi))
			VEC_PUSH(s->command_arena, &found, (uint32_t)i);
	}
	sel.v = found.v;
	sel.n = found.n;
	if (!sel.n || fetch_tell(s, atts, &sel, &err) == RC_OK)
		v->owed_fetch = 0;
	else
		log_failure("look", &err);
}

static void
tell_new(struct session *s)
{
	struct view *v = s->view;
	size_t i, n = v->n_announced;

	/* What came and went unseen never was. */
	for (i = v->n_announced; i < v->n; i++) {
		if (!v->v[i].is_gone)
			v->v[n++] = v->v[i];
	}
	v->n = n;
	if (n > v->n_announced && !v->owed_fetch)
		v->owed_fetch = v->v[v->n_announced].e.uid;
	if (n == v->n_announced) {
		if (v->owed_fetch)
			fetch_new(s);
		return;
	}
	for (i = v->n_announced; i < n; i++)
		v->v[i].is_dirty = false;
	v->n_announced = n;
	chat_untagged(s, "%zu EXISTS", n);
	if (!s->is_rev2)
		chat_untagged(s, "%u RECENT", view_count_recent(v));
	fetch_new(s);
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
	view_tell_keywords(s);
	if (may_expunge && (notify_wants_counts(s) || v->has_own_expunge))
		tell_expunged(s);
	if (notify_wants_counts(s))
		tell_new(s);
	if (notify_wants_flags(s))
		tell_dirty(s);
	v->own = (struct uid_range){ 1, 0 };
	v->has_own_expunge = false;
}
