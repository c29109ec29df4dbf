/*
 * FETCH (RFC 3501 6.4.5): its arguments and modifiers, then batches of
 * messages (fetch_batch.c).
 */
#include "fetch.h"
#include "progress.h"
#include "qresync.h"

#include "base/num.h"
#include "imap/search.h"
#include "log/log.h"

#include "base/banned.h"

enum { BATCH = 256, FACTS_ITEMS = FETCH_ENVELOPE | FETCH_BODY |
	FETCH_BODYSTRUCTURE | FETCH_PREVIEW };

/* (PARTIAL 1:100) of UID FETCH (RFC 9394 3.3): the window of what is there. */
static const char *
take_partial(struct fetch *f, struct str text)
{
	struct search_program p = { .is_extended = false };
	struct search_part part;
	const char *wrong = search_parse_partial(text, &p.partial);
	size_t i, n = 0;

	if (wrong || !f->s->is_uid)
		return "PARTIAL is for UID FETCH, with a range";
	for (i = 0; i < f->sel.n; i++) {
		if (!f->s->view->v[f->sel.v[i]].is_gone)
			f->sel.v[n++] = f->sel.v[i];
	}
	part = search_part_of(&p, n);
	f->sel.v += part.from;
	f->sel.n = part.n;
	return NULL;
}

/* CHANGEDSINCE n, VANISHED (RFC 7162 3.1.4.1, 3.2.6), PARTIAL lo:hi. */
static const char *
take_modifiers(struct fetch *f, const struct arg *list)
{
	const struct arg *v = list->v;
	size_t i;

	if (list->type != ARG_LIST || list->n == 0)
		return "Modifiers stand in parentheses";
	for (i = 0; i < list->n; i++) {
		bool has_value = i + 1 < list->n && arg_is_text(&v[i + 1]);
		const char *wrong = NULL;

		if (arg_is_atom(&v[i], STR("CHANGEDSINCE")) && has_value) {
			if (!num_parse_u64(
				v[++i].s, INT64_MAX, &f->changed_since))
				wrong = "Bad modseq";
			f->has_changed_since = true;
		} else if (arg_is_atom(&v[i], STR("VANISHED"))) {
			f->wants_vanished = true;
		} else if (arg_is_atom(&v[i], STR("PARTIAL")) && has_value) {
			wrong = take_partial(f, v[++i].s);
		} else {
			wrong = "Unknown modifier";
		}
		if (wrong)
			return wrong;
	}
	if (f->wants_vanished &&
	    (!f->has_changed_since || !f->s->is_uid || !f->s->has_qresync))
		return "VANISHED needs UID FETCH, CHANGEDSINCE and QRESYNC";
	return NULL;
}

/* False: answered. */
static bool
take_modifier(struct fetch *f, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	size_t n = c->text.n, i = 2;
	const char *wrong;

	if (i < n && arg_is_atom(&v[1], STR("PREVIEW")) && fetch_is_lazy(&v[i]))
		i++;
	if (i == n)
		return true;
	wrong = i + 1 < n ? "Too many arguments" : take_modifiers(f, &v[i]);
	if (wrong) {
		chat_bad(f->s, wrong);
		return false;
	}
	if (f->has_changed_since) {
		session_use_condstore(f->s);
		f->atts.items |= FETCH_MODSEQ;
	}
	return true;
}

static void
keep_changed(struct fetch *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->sel.n; i++) {
		if (f->s->view->v[f->sel.v[i]].e.modseq > f->changed_since)
			f->sel.v[n++] = f->sel.v[i];
	}
	f->sel.n = n;
}

static bool
sets_seen(const struct fetch *f)
{
	size_t i;

	for (i = 0; i < f->atts.n_sections; i++) {
		if (!f->atts.sections[i].is_peek &&
		    f->atts.sections[i].coding != CODING_BINARY_SIZE)
			return !f->s->view->is_read_only &&
			    f->s->view->rights & RIGHT_SEEN;
	}
	return false;
}

/* Reading a body sets \Seen; the new flags are in the same answer. */
static enum rc
set_seen(struct fetch *f, struct err *err)
{
	struct store_flags change = { STORE_ADD, FLAG_SEEN, NULL, 0,
		UINT64_MAX, 0 };
	struct session *s = f->s;
	struct selection unseen = { 0 };
	uint32_t *modified;
	uint64_t modseq;
	size_t n, i;
	enum rc rc;

	unseen.v = ARENA_ARRAY(s->command_arena, f->sel.n, uint32_t);
	for (i = 0; i < f->sel.n; i++) {
		if (!(s->view->v[f->sel.v[i]].e.flags & FLAG_SEEN))
			unseen.v[unseen.n++] = f->sel.v[i];
	}
	if (unseen.n == 0)
		return RC_OK;
	f->atts.items |= FETCH_FLAGS;
	/* As any news of flags has them (RFC 7162 3.2.4). */
	if (s->has_condstore)
		f->atts.items |= FETCH_MODSEQ;
	if ((s->has_qresync || s->is_rev2) && !s->has_uidonly)
		f->atts.items |= FETCH_UID;
	rc = store_flags(s->p->db, s->command_arena, &s->view->folder.owner,
	    &s->view->folder.id, view_uids(s, &unseen), &change, &modseq,
	    &modified, &n, err);
	if (rc == RC_OK)
		rc = view_update(s, err);
	if (rc == RC_OK)
		session_ring(s, &s->view->folder.owner);
	return rc;
}

static unsigned
needed_fields(const struct fetch *f)
{
	unsigned fields = 0;

	if (f->atts.items & FACTS_ITEMS || f->atts.n_sections)
		fields = MESSAGE_FACTS;
	if (f->atts.n_sections || f->atts.items & FETCH_EMAILID)
		fields |= MESSAGE_HEAD;
	return fields;
}

/* The last answer ends in its middle, perhaps in a literal. */
static bool
is_cut(const struct fetch *f)
{
	return f->pieces.n && f->at < f->pieces.n;
}

/*
 * Whatever was written now the client would take for octets of the message:
 * only the end of the connection cannot be misread.
 */
static void
cut(const struct fetch *f, const struct err *err)
{
	log_failure("fetch-cut", err);
	session_enter(f->s, STATE_LOGOUT);
}

static void
fail(const struct fetch *f, const struct err *err)
{
	if (is_cut(f))
		cut(f, err);
	else
		chat_failure(f->s, err);
}

enum rc
fetch_tell(struct session *s, const struct fetch_atts *atts,
    const struct selection *sel, struct err *err)
{
	struct fetch f = { .s = s, .atts = *atts };
	enum rc rc = RC_OK;
	size_t i, len;

	if ((s->has_qresync || s->is_rev2) && !s->has_uidonly)
		f.atts.items |= FETCH_UID;
	f.fields = needed_fields(&f);
	f.a = arena_new();
	for (i = 0; rc == RC_OK && i < sel->n; i += len) {
		len = sel->n - i < BATCH ? sel->n - i : BATCH;
		rc = fetch_batch(&f, sel->v + i, len, err);
	}
	if (rc != RC_OK && is_cut(&f))
		cut(&f, err);
	buf_done(&f.text);
	buf_done(&f.gathered);
	arena_free(f.a);
	return rc;
}

static bool
prepare(struct fetch *f, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	struct session *s = f->s;
	const char *wrong;
	struct err err;

	if (view_load(s, &err) != RC_OK) {
		chat_failure(s, &err);
		return false;
	}
	f->set = v[0].s;
	wrong = view_select(s, &v[0], s->is_uid, true, &f->sel);
	if (!wrong)
		wrong = fetch_atts_parse(s->command_arena, &v[1], &f->atts);
	if (wrong) {
		chat_bad(s, wrong);
		return false;
	}
	if (s->is_uid && !s->has_uidonly)
		f->atts.items |= FETCH_UID;
	if (f->atts.items & FETCH_MODSEQ)
		session_use_condstore(s);
	return take_modifier(f, c);
}

static enum rc
run(struct fetch *f, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i, len;

	if (f->wants_vanished)
		rc = qresync_tell_vanished(
		    f->s, f->set, f->changed_since, err);
	if (f->changed_since)
		keep_changed(f);
	if (rc == RC_OK && sets_seen(f))
		rc = set_seen(f, err);
	f->fields = needed_fields(f);
	for (i = 0; rc == RC_OK && i < f->sel.n; i += len) {
		len = f->sel.n - i < BATCH ? f->sel.n - i : BATCH;
		if (i)
			progress_step(f->s, i, f->sel.n);
		rc = fetch_batch(f, f->sel.v + i, len, err);
		if (writer_error(f->s->writer) != IO_OK)
			break;
	}
	return rc;
}

void
cmd_fetch(struct session *s, const struct read_command *c)
{
	struct fetch f = { .s = s };
	struct err err;

	if (!prepare(&f, c))
		return;
	f.a = arena_new();
	if (run(&f, &err) != RC_OK) {
		fail(&f, &err);
	} else if (f.has_unknown_cte) {
		chat_no(s, "[UNKNOWN-CTE] Cannot decode that");
	} else if (f.has_missing) {
		command_done(s, s->is_uid,
		    "[EXPUNGEISSUED] Some messages are gone");
	} else {
		command_done(s, s->is_uid, "Fetched");
	}
	buf_done(&f.text);
	buf_done(&f.gathered);
	arena_free(f.a);
}
