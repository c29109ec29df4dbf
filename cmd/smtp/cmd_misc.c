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

struct user {
	struct address to;
	bool is_8bit;
	bool smtputf8;    /* the parameter was given (RFC 6531 3.7.4.2) */
	bool is_bare;     /* postmaster, without a domain */
};

/* "a@b", "<a@b>", "postmaster"; "a" is not looked up. Then " SMTPUTF8". */
static bool
misc_parse_user(struct session *s, struct str argument, struct user *ret)
{
	static const struct str word = STR_INIT(" SMTPUTF8");
	struct str end = str_tail(argument,
	    argument.len > word.len ? argument.len - word.len : 0);
	size_t used;

	ret->smtputf8 = str_equals_nocase(end, word);
	if (ret->smtputf8)
		argument = str_trim(
		    str_slice(argument, 0, argument.len - word.len));
	if (argument.len && argument.p[0] == '<')
		return path_parse(s->command_arena, argument, &ret->to, &used,
			   &ret->is_8bit) == PATH_OK &&
		    used == argument.len && ret->to.local.len;
	ret->is_8bit = !str_is_ascii(argument);
	return path_parse_bare(s->command_arena, argument, &ret->to) == PATH_OK;
}

/* As RCPT would decide; *user is completed. */
static enum rc
misc_look_up(struct session *s, struct str argument, bool is_whole,
    struct user *user, struct rcpt_answer *ret, struct err *err)
{
	struct rcpt_question q = { .peer = s->c->peer.address,
		.is_whole = is_whole };
	enum rc rc = session_open_db(s, err);

	*user = (struct user){ .is_8bit = false };
	ret->verdict = RCPT_UNKNOWN;
	if (rc != RC_OK || !misc_parse_user(s, argument, user))
		return rc;
	user->is_bare = user->to.domain.len == 0;
	rc = cmd_complete_postmaster(s, &user->to, err);
	q.to = user->to;
	if (rc == RC_OK)
		rc = rcpt_decide(
		    s->p->db, s->command_arena, s->config, &q, ret, err);
	if (rc == RC_OK && user->is_bare && ret->verdict == RCPT_REFUSED)
		ret->verdict = RCPT_NO_POSTMASTER;
	return rc;
}

/* An answer with letters needs the parameter as well. */
static bool
misc_lacks_smtputf8(struct session *s, const struct user *user)
{
	if (!user->is_8bit || user->smtputf8)
		return false;
	chat_reply(s, 553, "5.6.7", "Address needs the SMTPUTF8 parameter");
	session_count_error(s);
	return true;
}

static void
misc_tell_user(
    struct session *s, const struct user *user, enum rcpt_verdict verdict)
{
	switch (verdict) {
	case RCPT_LOCAL:
	case RCPT_EXPAND:
	case RCPT_FULL:
	case RCPT_NO_POSTMASTER:
		chat_reply(s, 250, "2.1.5", "<%.*s>",
		    STR_ARG(cmd_print_address(s, &user->to)));
		break;
	case RCPT_RELAY:
	case RCPT_BACKUP:
	case RCPT_ROUTE:
		chat_reply(s, 252, "2.5.0",
		    "Cannot VRFY user, but will accept mail and try");
		break;
	case RCPT_UNKNOWN:
	case RCPT_DISABLED:
	case RCPT_REFUSED:
		chat_reply(s, 550, "5.1.1", "No such user here");
		session_count_error(s);
		break;
	}
}

void
cmd_vrfy(struct session *s, struct str argument)
{
	struct rcpt_answer answer;
	struct user user;
	struct err err;

	if (argument.len == 0)
		chat_reply(s, 501, "5.5.4", "VRFY takes an address");
	else if (!config_bool(s->config, CFG_SMTP_VRFY))
		chat_reply(s, 252, "2.5.0",
		    "Cannot VRFY user, but will accept mail and try");
	else if (misc_look_up(s, argument, false, &user, &answer, &err) !=
	    RC_OK)
		chat_temporary(s, &err);
	else if (!misc_lacks_smtputf8(s, &user))
		misc_tell_user(s, &user, answer.verdict);
}

static void
list_members(
    struct session *s, const struct user *user, const struct mailbox *m)
{
	struct user each = *user;
	size_t i;

	for (i = 0; i < m->n_destinations; i++)
		each.is_8bit |= !str_is_ascii(m->destinations[i]);
	if (misc_lacks_smtputf8(s, &each))
		return;
	for (i = 0; i + 1 < m->n_destinations; i++)
		chat_line(s, 250, "2.1.5 <%.*s>", STR_ARG(m->destinations[i]));
	chat_reply(s, 250, "2.1.5", "<%.*s>", STR_ARG(m->destinations[i]));
}

void
cmd_expn(struct session *s, struct str argument)
{
	struct rcpt_answer answer;
	struct user user;
	struct err err;

	if (!config_bool(s->config, CFG_SMTP_EXPN)) {
		chat_reply(s, 502, "5.5.1", "EXPN is not offered");
	} else if (misc_look_up(s, argument, true, &user, &answer, &err) !=
	    RC_OK) {
		chat_temporary(s, &err);
	} else if (answer.verdict == RCPT_EXPAND &&
	    answer.mailbox->n_destinations) {
		list_members(s, &user, answer.mailbox);
	} else {
		chat_reply(s, 550, "5.1.1", "No such list here");
		session_count_error(s);
	}
}
