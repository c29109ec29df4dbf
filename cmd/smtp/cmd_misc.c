/* RSET NOOP HELP QUIT VRFY EXPN, and what is refused. */
#include "commands.h"

#include "smtp/path.h"

#include "base/banned.h"

void
cmd_rset(struct session *s, struct str argument)
{
	(void)argument;
	session_reset(s);
	chat_reply(s, 250, "2.0.0", "OK");
}

void
cmd_noop(struct session *s, struct str argument)
{
	(void)argument;
	chat_reply(s, 250, "2.0.0", "OK");
}

void
cmd_help(struct session *s, struct str argument)
{
	(void)argument;
	chat_line(s, 214, "Commands: %s MAIL RCPT DATA RSET NOOP QUIT VRFY HELP",
	    s->role == ROLE_LMTP ? "LHLO" : "EHLO HELO");
	chat_reply(s, 214, "2.0.0", "See RFC 5321 and m3mta-smtp(8)");
}

void
cmd_quit(struct session *s, struct str argument)
{
	(void)argument;
	chat_close(s, 221, "2.0.0", "%.*s closing connection",
	    STR_ARG(s->p->hostname));
}

void
cmd_obsolete(struct session *s, struct str argument)
{
	(void)argument;
	chat_reply(s, 502, "5.5.1", "Command not implemented");
	session_count_error(s);
}

/* A browser was made to talk to us: its lines must not run as commands. */
void
cmd_foreign(struct session *s, struct str argument)
{
	(void)argument;
	chat_close(s, 500, "5.5.1", "This is SMTP");
}

/* "a@b", "<a@b>", or "a", which is not looked up. */
static bool
parse_user(struct session *s, struct str argument, struct address *ret)
{
	size_t used;
	bool is_8bit;

	if (argument.len && argument.p[0] == '<')
		return path_parse(s->txn_arena, argument, ret, &used,
			   &is_8bit) == PATH_OK &&
		    used == argument.len;
	return path_parse_bare(s->txn_arena, argument, ret) == PATH_OK;
}

static enum rc
look_up(struct session *s, struct str argument, struct rcpt_answer *ret,
    struct err *err)
{
	struct rcpt_question q = { .size = 0 };
	enum rc rc = session_open_db(s, err);

	ret->verdict = RCPT_UNKNOWN;
	if (rc != RC_OK || !parse_user(s, argument, &q.to))
		return rc;
	return rcpt_decide(s->p->db, s->txn_arena, s->config, &q, ret, err);
}

void
cmd_vrfy(struct session *s, struct str argument)
{
	struct rcpt_answer answer;
	struct err err;

	if (argument.len == 0) {
		chat_reply(s, 501, "5.5.4", "VRFY takes an address");
	} else if (!config_bool(s->config, CFG_SMTP_VRFY)) {
		chat_reply(s, 252, "2.5.0",
		    "Cannot VRFY user, but will accept mail and try");
	} else if (look_up(s, argument, &answer, &err) != RC_OK) {
		chat_temporary(s, &err);
	} else if (answer.verdict == RCPT_LOCAL ||
	    answer.verdict == RCPT_EXPAND || answer.verdict == RCPT_FULL) {
		chat_reply(s, 250, "2.1.5", "<%.*s>", STR_ARG(argument));
	} else {
		chat_reply(s, 550, "5.1.1", "No such user here");
		session_count_error(s);
	}
}

static void
list_members(struct session *s, const struct mailbox *m)
{
	size_t i;

	for (i = 0; i + 1 < m->n_destinations; i++)
		chat_line(s, 250, "2.1.5 <%.*s>", STR_ARG(m->destinations[i]));
	chat_reply(s, 250, "2.1.5", "<%.*s>", STR_ARG(m->destinations[i]));
}

void
cmd_expn(struct session *s, struct str argument)
{
	struct rcpt_answer answer;
	struct err err;

	if (!config_bool(s->config, CFG_SMTP_EXPN)) {
		chat_reply(s, 502, "5.5.1", "EXPN is not offered");
	} else if (look_up(s, argument, &answer, &err) != RC_OK) {
		chat_temporary(s, &err);
	} else if (answer.verdict == RCPT_EXPAND &&
	    answer.mailbox->n_destinations) {
		list_members(s, answer.mailbox);
	} else {
		chat_reply(s, 550, "5.1.1", "No such list here");
		session_count_error(s);
	}
}
