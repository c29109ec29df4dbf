/* STORE, COPY, MOVE. */
#include "commands.h"

#include "base/num.h"
#include "log/log.h"
#include "notify.h"
#include "rights.h"

#include "base/banned.h"

/* --- STORE (RFC 3501 6.4.6, RFC 7162 3.1.3) ----------------------------------------- */

struct store {
	struct session *s;
	struct selection sel;
	struct flag_list wanted;
	struct store_flags change; /* of those, what the rights allow */
	uint64_t bits;      /* of wanted, by the folder's table of keywords */
	uint64_t *before;   /* flags of the selection, as the client knew them */
	bool is_silent;
};

/* "+FLAGS.SILENT" */
static bool
take_op(struct store *t, struct str word)
{
	t->change.op = STORE_REPLACE;
	if (str_starts_with(word, STR("+")) ||
	    str_starts_with(word, STR("-"))) {
		t->change.op = word.p[0] == '+' ? STORE_ADD : STORE_REMOVE;
		word = str_tail(word, 1);
	}
	if (str_ends_with_nocase(word, STR(".SILENT"))) {
		t->is_silent = true;
		word.len -= 7;
	}
	return str_equals_nocase(word, STR("FLAGS"));
}

/* (UNCHANGEDSINCE n) */
static bool
take_modifier(struct store *t, const struct arg *list)
{
	if (list->n != 2 ||
	    !arg_is_atom(&list->v[0], STR("UNCHANGEDSINCE")) ||
	    !arg_is_text(&list->v[1]) ||
	    !num_parse_u64(
		list->v[1].s, INT64_MAX, &t->change.unchanged_since))
		return false;
	session_use_condstore(t->s);
	return true;
}

/*
 * Flags that may not be changed are passed over, as long as there are others
 * (RFC 4314 4). False: answered.
 */
static bool
keep_allowed(struct store *t)
{
	uint64_t may = rights_flags(t->s->view->rights);
	const struct flag_list *w = &t->wanted;
	bool has_keywords = may >> FLAG_FIRST_KEYWORD && w->n;
	bool is_any = w->bits || w->n;

	t->change.flags = w->bits & may;
	t->change.keywords = w->keywords;
	t->change.n_keywords = has_keywords ? w->n : 0;
	t->change.kept = ~may;
	if (may && (!is_any || t->change.op == STORE_REPLACE ||
		       t->change.flags || has_keywords))
		return true;
	chat_no(t->s, "[NOPERM] You may not change these flags");
	return false;
}

/* False: answered. */
static bool
parse(struct store *t, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	size_t n = c->text.n, i = 1;

	t->change.unchanged_since = UINT64_MAX;
	if (v[i].type == ARG_LIST && !take_modifier(t, &v[i++])) {
		chat_bad(t->s, "Unknown modifier");
		return false;
	}
	if (i + 2 > n || !arg_is_text(&v[i]) || !take_op(t, v[i].s)) {
		chat_bad(t->s, "FLAGS, +FLAGS or -FLAGS is wanted");
		return false;
	}
	i++;
	if (v[i].type == ARG_LIST && i + 1 == n) {
		if (!command_flags(t->s, v[i].v, v[i].n, &t->wanted))
			return false;
	} else if (!command_flags(t->s, v + i, n - i, &t->wanted)) {
		return false;
	}
	return keep_allowed(t);
}

/* In v, which rises, by halves: a guest chooses both lists. */
static bool
store_contains(const uint32_t *v, size_t n, uint32_t uid)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid] < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && v[lo] == uid;
}

/*
 * What the client believes after its own silent change. Is there more, then
 * another session had changed the flags before, and it was not told yet:
 * .SILENT silences only one's own.
 */
static bool
is_as_believed(const struct store *t, size_t i)
{
	uint64_t bits = t->bits;
	uint64_t now = t->s->view->v[t->sel.v[i]].e.flags;

	switch (t->change.op) {
	case STORE_ADD:
		return now == (t->before[i] | bits);
	case STORE_REMOVE:
		return now == (t->before[i] & ~bits);
	case STORE_REPLACE:
		break;
	}
	return now == bits;
}

static void
tell_modseq(struct session *s, size_t index)
{
	const struct seen *m = &s->view->v[index];
	struct buf b = BUF_INIT;

	view_add_fetch(&b, s, index);
	if (!s->has_uidonly)
		buf_printf(&b, "UID %u ", m->e.uid);
	buf_printf(
	    &b, "MODSEQ (%llu))\r\n", (unsigned long long)m->e.modseq);
	writer_add_str(s->writer, buf_str(&b));
	buf_done(&b);
}

/*
 * The answers: each message of the set with its flags as they are now, or
 * with .SILENT only what another session changed meanwhile.
 */
static void
tell(struct store *t, uint64_t modseq, const uint32_t *modified, size_t n)
{
	struct view *v = t->s->view;
	bool unused;
	size_t i;

	t->bits = t->wanted.bits | folder_keyword_bits(&v->folder,
	    t->wanted.keywords, t->wanted.n, &unused);
	for (i = 0; i < t->sel.n; i++) {
		struct seen *m = &v->v[t->sel.v[i]];

		if (m->is_gone)
			continue;
		if (t->is_silent && m->e.modseq == modseq &&
		    is_as_believed(t, i)) {
			m->is_dirty = false;
			/* The modseq is news even so (RFC 7162 3.1.3). */
			if (t->s->has_condstore)
				tell_modseq(t->s, t->sel.v[i]);
		} else if (!t->is_silent || store_contains(modified, n,
			       m->e.uid)) {
			view_tell_fetch(t->s, t->sel.v[i], t->s->is_uid);
		} else {
			if (!is_as_believed(t, i))
				view_mark_dirty(v, t->sel.v[i]);
		}
	}
}

static void
finish(struct store *t, const uint32_t *modified, size_t n)
{
	struct session *s = t->s;
	struct buf b = BUF_INIT;
	uint32_t *numbers;
	size_t i;

	if (n == 0) {
		command_done(s, s->is_uid, "Stored");
		return;
	}
	numbers = ARENA_ARRAY(s->command_arena, n, uint32_t);
	for (i = 0; i < n; i++)
		numbers[i] = s->is_uid
		    ? modified[i]
		    : (uint32_t)view_find(s->view, modified[i]) + 1;
	view_add_uid_list(&b, numbers, n);
	command_done(s, s->is_uid, "[MODIFIED %.*s] Some were changed",
	    STR_ARG(buf_str(&b)));
	buf_done(&b);
}

static void
remember(struct store *t)
{
	size_t i;

	t->before = ARENA_ARRAY(t->s->command_arena, t->sel.n, uint64_t);
	for (i = 0; i < t->sel.n; i++)
		t->before[i] = t->s->view->v[t->sel.v[i]].e.flags;
}

void
cmd_store(struct session *s, const struct read_command *c)
{
	struct store t = { .s = s };
	uint32_t *modified;
	const char *wrong;
	uint64_t modseq;
	struct err err;
	size_t n;

	if (!command_may(s, 0))
		return;
	if (view_load(s, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	wrong = view_select(
	    s, &c->text.args[0], s->is_uid, false, &t.sel);
	if (wrong) {
		chat_bad(s, wrong);
		return;
	}
	if (!parse(&t, c))
		return;
	if (t.sel.n == 0) {
		command_done(s, s->is_uid, "Nothing to store");
		return;
	}
	remember(&t);
	if (store_flags(s->p->db, s->command_arena, &s->view->folder.owner,
		&s->view->folder.id, view_uids(s, &t.sel), &t.change, &modseq,
		&modified, &n, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	if (view_update(s, &err) != RC_OK) {
		/* It is done, so NO would be wrong; what it did is not known. */
		log_failure("database", &err);
		chat_bye(s, "[UNAVAILABLE] Stored; the new flags are not known");
		return;
	}
	session_ring(s, &s->view->folder.owner);
	tell(&t, modseq, modified, n);
	finish(&t, modified, n);
}

/* --- COPY and MOVE (RFC 3501 6.4.7, RFC 6851, RFC 4315) --------------------------------- */

static void
add_copyuid(struct buf *b, const struct copy_result *r)
{
	buf_printf(b, "[COPYUID %u ", r->uidvalidity);
	view_add_uid_list(b, r->from, r->n);
	buf_add_char(b, ' ');
	view_add_uid_list(b, r->to, r->n);
	buf_add_char(b, ']');
}

static void
note_own(
    struct session *s, const struct folder *to, const struct copy_result *r)
{
	struct notify_own own = { .events = NOTIFY_MESSAGE_NEW,
		.folder = to->id, .n_new = r->n };

	notify_own(s, &own);
	if (r->n)
		view_note_own(s, &to->id, r->to[0], r->n);
}

/*
 * By number it is all or nothing (RFC 2180 4.4.1): a number stands for a
 * message, also for one that is gone. A uid that is gone names nothing.
 * False: answered.
 */
static bool
store_select(
    struct session *s, const struct arg *set, struct selection *ret)
{
	const char *wrong;
	struct err err;

	if (view_load(s, &err) != RC_OK) {
		chat_failure(s, &err);
		return false;
	}
	wrong = view_select(s, set, s->is_uid, false, ret);
	if (wrong)
		chat_bad(s, wrong);
	else if (ret->has_gone && !ret->is_by_uid)
		chat_no(s, "[EXPUNGEISSUED] Some are gone: none was copied");
	else
		return true;
	return false;
}

static void
tell_copied(struct session *s, const struct copy_result *r, bool is_move)
{
	struct buf b = BUF_INIT;

	add_copyuid(&b, r);
	/* MOVE tells before the EXPUNGEs (RFC 6851 4.3). */
	if (is_move) {
		chat_untagged(s, "OK %.*s Moved", STR_ARG(buf_str(&b)));
		command_done(s, true, "Moved");
	} else {
		command_done(s, true, "%.*s Copied", STR_ARG(buf_str(&b)));
	}
	buf_done(&b);
}

static void
copy(struct session *s, const struct read_command *c, bool is_move)
{
	unsigned how = is_move ? COPY_MOVE : 0;
	struct copy_result r;
	struct selection sel;
	struct folder *to;
	struct err err;

	if (is_move && !command_may(s, RIGHT_DELETE | RIGHT_EXPUNGE))
		return;
	if (!store_select(s, &c->text.args[0], &sel))
		return;
	to = command_folder(s, &c->text.args[1], RIGHT_INSERT, true);
	if (!to)
		return;
	if (sel.n == 0) {
		command_done(s, true, "Nothing to copy");
		return;
	}
	if (!sel.is_by_uid)
		how |= COPY_ALL;
	if (store_copy(s->p->db, s->command_arena, &s->view->folder.owner,
		&s->view->folder.id, view_uids(s, &sel), &to->owner, &to->id,
		how, ~rights_flags(rights_of(s, to)), &r, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	note_own(s, to, &r);
	s->view->has_own_expunge |= is_move;
	s->view->owes_modseq |= is_move && s->has_qresync;
	session_ring(s, &to->owner);
	if (is_move)
		session_ring(s, &s->view->folder.owner);
	if (r.n == 0)
		command_done(s, true, "[EXPUNGEISSUED] They are gone");
	else
		tell_copied(s, &r, is_move);
}

void
cmd_copy(struct session *s, const struct read_command *c)
{
	copy(s, c, false);
}

void
cmd_move(struct session *s, const struct read_command *c)
{
	copy(s, c, true);
}
