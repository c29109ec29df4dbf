/* The command table and the checks that all commands share. */
#include "commands.h"


#include "base/banned.h"

#define HELLO CMD_NEEDS_HELLO

static const struct command commands[] = {
	{ STR_INIT("AUTH"), HELLO | CMD_NO_MAIL | CMD_IS_LAST, cmd_auth },
	{ STR_INIT("BDAT"), CMD_CLOSES, cmd_obsolete },
	{ STR_INIT("CONNECT"), CMD_CLOSES, cmd_foreign },
	{ STR_INIT("DATA"), HELLO | CMD_NEEDS_MAIL | CMD_NO_ARGUMENT |
	    CMD_NEEDS_RCPT | CMD_IS_LAST, cmd_data },
	{ STR_INIT("EHLO"), CMD_NOT_LMTP | CMD_IN_CLEAR | CMD_IS_LAST |
	    CMD_TAKES_8BIT,
	    cmd_ehlo },
	{ STR_INIT("EXPN"), HELLO | CMD_TAKES_8BIT, cmd_expn },
	{ STR_INIT("GET"), CMD_CLOSES, cmd_foreign },
	{ STR_INIT("HELO"), CMD_NOT_LMTP | CMD_IN_CLEAR | CMD_IS_LAST |
	    CMD_TAKES_8BIT,
	    cmd_helo },
	{ STR_INIT("HELP"), CMD_IN_CLEAR, cmd_help },
	{ STR_INIT("LHLO"), CMD_LMTP_ONLY | CMD_IN_CLEAR | CMD_IS_LAST |
	    CMD_TAKES_8BIT,
	    cmd_ehlo },
	{ STR_INIT("MAIL"), HELLO | CMD_NO_MAIL | CMD_TAKES_8BIT |
	    CMD_NEEDS_LOGIN, cmd_mail },
	{ STR_INIT("NOOP"), CMD_IN_CLEAR, cmd_noop },
	{ STR_INIT("POST"), CMD_CLOSES, cmd_foreign },
	{ STR_INIT("QUIT"), CMD_NO_ARGUMENT | CMD_IN_CLEAR, cmd_quit },
	{ STR_INIT("RCPT"), HELLO | CMD_NEEDS_MAIL | CMD_TAKES_8BIT, cmd_rcpt },
	{ STR_INIT("RSET"), CMD_NO_ARGUMENT | CMD_IN_CLEAR, cmd_rset },
	{ STR_INIT("SAML"), 0, cmd_obsolete },
	{ STR_INIT("SEND"), 0, cmd_obsolete },
	{ STR_INIT("SOML"), 0, cmd_obsolete },
	{ STR_INIT("STARTTLS"), HELLO | CMD_NO_MAIL | CMD_NO_ARGUMENT |
	    CMD_IN_CLEAR, cmd_starttls },
	{ STR_INIT("TURN"), 0, cmd_obsolete },
	{ STR_INIT("VRFY"), HELLO | CMD_TAKES_8BIT, cmd_vrfy },
};

static const struct command *
find_command(struct str verb)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (str_equals_nocase(verb, commands[i].verb))
			return &commands[i];
	}
	return NULL;
}

static bool
is_wrong_protocol(const struct session *s, const struct command *c)
{
	unsigned not_here =
	    s->role == ROLE_LMTP ? CMD_NOT_LMTP : CMD_LMTP_ONLY;

	return (c->flags & not_here) != 0;
}

static bool
needs_tls(const struct session *s, const struct command *c)
{
	return !(c->flags & CMD_IN_CLEAR) && !stream_is_tls(s->stream) &&
	    str_equals(config_str(s->config, CFG_SMTP_STARTTLS),
		STR("required"));
}

/* The preconditions in the table, in the order of what matters most. */
static bool
may_run(struct session *s, const struct command *c, struct str argument)
{
	if (c->flags & CMD_NEEDS_HELLO && s->state == STATE_CONNECTED)
		chat_reply(s, 503, "5.5.1", "%s first",
		    s->role == ROLE_LMTP ? "LHLO" : "EHLO");
	else if (needs_tls(s, c))
		chat_reply(s, str_equals(c->verb, STR("AUTH")) ? 538 : 530,
		    str_equals(c->verb, STR("AUTH")) ? "5.7.11" : "5.7.0",
		    "STARTTLS first");
	else if (c->flags & CMD_NEEDS_LOGIN && s->role == ROLE_SUBMISSION &&
	    !s->login)
		chat_reply(s, 530, "5.7.0", "Authentication required");
	else if (c->flags & CMD_NEEDS_MAIL && s->state < STATE_MAIL)
		chat_reply(s, 503, "5.5.1", "MAIL first");
	else if (c->flags & CMD_NO_MAIL && s->state >= STATE_MAIL)
		chat_reply(s, 503, "5.5.1",
		    "Not inside a transaction: RSET first");
	else if (c->flags & CMD_NO_ARGUMENT && argument.len)
		chat_reply(s, 501, "5.5.4", "%.*s takes no argument",
		    STR_ARG(c->verb));
	else if (c->flags & CMD_NEEDS_RCPT && s->state < STATE_RCPT)
		/* RFC 2033 4.2 and RFC 5321 4.1.1.4 differ. */
		chat_reply(s, s->role == ROLE_LMTP ? 503 : 554, "5.5.1",
		    "No valid recipients");
	else
		return true;
	return false;
}

/*
 * What the client sends must depend on the answer to some commands. Octets
 * that stand behind one already are no command: they may be the body of a
 * message, or what another party put there. A script on a pipe may do so.
 */
static bool
goes_past(struct session *s, const struct command *c)
{
	return c->flags & CMD_IS_LAST && s->c->peer.is_socket &&
	    reader_has_input(s->reader);
}

void
command_run(struct session *s, struct str line)
{
	size_t end = str_find_char(line, ' ');
	struct str argument = str_trim(str_tail(line, end));
	const struct command *c = find_command(str_slice(line, 0, end));
	bool is_past;

	if (!c || is_wrong_protocol(s, c)) {
		chat_reply(s, 500, "5.5.1", "Unknown command");
		session_count_error(s);
		return;
	}
	if (!str_is_ascii(line) && !(c->flags & CMD_TAKES_8BIT)) {
		chat_reply(s, 500, "5.5.2", "8-bit octets in a command");
		session_count_error(s);
		return;
	}
	is_past = goes_past(s, c);
	if (c->flags & CMD_CLOSES || is_past)
		s->is_ending = true;
	if (!may_run(s, c, argument))
		session_count_error(s);
	else if (is_past)
		chat_reply(s, 503, "5.5.0", "Nothing may follow %.*s",
		    STR_ARG(c->verb));
	else
		c->run(s, argument);
}
