/* SELECT, EXAMINE, UNSELECT, CLOSE, EXPUNGE. */
#include "commands.h"
#include "place.h"
#include "qresync.h"
#include "rights.h"

#include "base/banned.h"

/*
 * (CONDSTORE): FETCH answers carry MODSEQ from now on; (QRESYNC (...)): what
 * changed since the client was here (RFC 7162 3.1.8, 3.2.5).
 */
static bool
take_parameters(
    struct session *s, const struct read_command *c, struct qresync *q)
{
	const char *wrong = NULL;
	const struct arg *list;
	bool wants_condstore = false;
	size_t i;

	if (c->text.n < 2)
		return true;
	list = &c->text.args[1];
	if (list->type != ARG_LIST || list->n == 0)
		wrong = "Parameters stand in parentheses";
	for (i = 0; !wrong && i < list->n; i++) {
		if (arg_is_atom(&list->v[i], STR("CONDSTORE")))
			wants_condstore = true;
		else if (arg_is_atom(&list->v[i], STR("QRESYNC")) &&
		    i + 1 < list->n)
			wrong = qresync_parse(s, &list->v[++i], q);
		else
			wrong = "Unknown parameter";
	}
	if (wrong)
		chat_bad(s, wrong);
	s->has_condstore |= wants_condstore && !wrong;
	return !wrong;
}

/* IMAP4rev2: the name, and how it was given when that differs (6.3.2). */
static void
tell_name(struct session *s, struct str given)
{
	struct str name = place_name(s, &s->view->folder);

	writer_add_cstr(s->writer, "* LIST () \"/\" ");
	chat_mailbox(s, name);
	if (!str_equals(given, name)) {
		writer_add_cstr(s->writer, " (OLDNAME (");
		chat_string(s, given);
		writer_add_cstr(s->writer, "))");
	}
	writer_add_cstr(s->writer, "\r\n");
}

static void
tell(struct session *s, struct str given)
{
	const struct view *v = s->view;
	char text[OID_HEX];

	view_tell_flags(s, true);
	chat_untagged(s, "%u EXISTS", v->folder.exists);
	if (!s->is_rev2)
		chat_untagged(s, "%u RECENT", view_count_recent(v));
	if (v->folder.first_unseen)
		chat_untagged(s, "OK [UNSEEN %u] First unseen",
		    v->folder.first_unseen);
	chat_untagged(
	    s, "OK [UIDVALIDITY %u] Valid", v->folder.uidvalidity);
	chat_untagged(s, "OK [UIDNEXT %u] Next", v->folder.uidnext);
	chat_untagged(s, "OK [HIGHESTMODSEQ %llu] Highest",
	    (unsigned long long)v->folder.highestmodseq);
	chat_untagged(s, "OK [MAILBOXID (%.*s)] Id",
	    STR_ARG(oid_format(&v->folder.id, text)));
	if (s->is_rev2)
		tell_name(s, given);
}

static void
select_mailbox(
    struct session *s, const struct read_command *c, bool is_read_only)
{
	struct qresync q = { .is_wanted = false };
	struct folder *f;
	struct err err;

	if (!take_parameters(s, c, &q))
		return;
	if (s->view) {
		session_unselect(s);
		chat_untagged(s, "OK [CLOSED] Previous mailbox closed");
	}
	f = command_folder_to_open(s, &c->text.args[0]);
	if (!f)
		return;
	s->view = view_new(f);
	s->view->is_read_only = is_read_only;
	s->view->rights = rights_of(s, f);
	s->view->is_rev2 = s->is_rev2;
	if (view_take_recent(s, &err) != RC_OK) {
		session_unselect(s);
		chat_failure(s, &err);
		return;
	}
	session_enter(s, STATE_SELECTED);
	tell(s, c->text.args[0].s);
	if (qresync_tell(s, &q, &err) != RC_OK) {
		chat_failure(s, &err);
		session_unselect(s);
		return;
	}
	chat_ok(s, "[READ-%s] Selected",
	    view_is_writable(s->view) ? "WRITE" : "ONLY");
}

void
cmd_select(struct session *s, const struct read_command *c)
{
	select_mailbox(s, c, false);
}

void
cmd_examine(struct session *s, const struct read_command *c)
{
	select_mailbox(s, c, true);
}

void
cmd_unselect(struct session *s, const struct read_command *c)
{
	(void)c;
	session_unselect(s);
	chat_ok(s, "Unselected");
}

static const struct uid_range every_uid = { 1, UINT32_MAX };

static enum rc
expunge(struct session *s, struct uid_set uids, struct err *err)
{
	uint64_t modseq;
	enum rc rc;

	if (uids.n == 0)
		return RC_OK;
	rc = store_expunge(s->p->db, &s->view->folder.owner,
	    &s->view->folder.id, uids, false, &modseq, err);
	if (rc == RC_OK && modseq) {
		s->view->has_own_expunge = true;
		session_ring(s, &s->view->folder.owner);
	}
	return rc;
}

/* Only what this client has seen: later mail is not its to remove. */
static struct uid_set
seen_uids(struct session *s)
{
	struct uid_range *r = ARENA_NEW(s->command_arena, struct uid_range);

	*r = every_uid;
	r->hi = s->view->folder.uidnext - 1;
	return (struct uid_set){ r, r->hi ? 1 : 0 };
}

void
cmd_close(struct session *s, const struct read_command *c)
{
	struct err err;

	(void)c;
	if (view_check_rights(s, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	if (s->state == STATE_LOGOUT)
		return;
	/* Who may not expunge closes and no more (RFC 4314 4). */
	if (!s->view->is_read_only && s->view->rights & RIGHT_EXPUNGE &&
	    expunge(s, seen_uids(s), &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	session_unselect(s);
	/* Without HIGHESTMODSEQ: the client has not heard what went with it
	 * (RFC 7162 3.2.8). */
	chat_ok(s, "Closed");
}

void
cmd_expunge(struct session *s, const struct read_command *c)
{
	struct selection sel;
	struct uid_set uids;
	const char *wrong = NULL;
	struct err err;

	if (s->is_uid != (c->text.n == 1)) {
		chat_bad(s, s->is_uid ? "UID EXPUNGE takes a set"
				      : "EXPUNGE takes no argument");
		return;
	}
	if (!command_may(s, RIGHT_EXPUNGE))
		return;
	if (view_load(s, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	if (s->is_uid)
		wrong = view_select(
		    s, &c->text.args[0], true, false, &sel);
	if (wrong) {
		chat_bad(s, wrong);
		return;
	}
	uids = s->is_uid ? view_uids(s, &sel) : seen_uids(s);
	if (expunge(s, uids, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	s->view->owes_modseq |= s->has_qresync;
	command_done(s, true, "Expunged");
}
