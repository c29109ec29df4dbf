/* CAPABILITY, LOGIN, AUTHENTICATE PLAIN, STARTTLS, LOGOUT. */
#include "commands.h"

#include <time.h>

#include "auth/login.h"
#include "base/clock.h"
#include "base/limits.h"
#include "log/log.h"
#include "net/tlsconf.h"
#include "text/base64.h"

#include "base/banned.h"

enum { LOGIN_TRIES = 5, FAILED_LOGIN_MS = 500 };

static bool
may_log_in(const struct session *s)
{
	return stream_is_tls(s->stream) ||
	    config_bool(s->config, CFG_IMAP_PLAIN_NO_TLS);
}

static bool
offers_starttls(const struct session *s)
{
	return s->h->tls && !stream_is_tls(s->stream) &&
	    !str_equals(config_str(s->config, CFG_IMAP_STARTTLS), STR("off"));
}

void
command_capabilities(struct session *s, struct buf *b)
{
	buf_add_cstr(b, "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE");
	if (s->state == STATE_CONNECTED) {
		if (offers_starttls(s))
			buf_add_cstr(b, " STARTTLS");
		buf_add_cstr(
		    b, may_log_in(s) ? " AUTH=PLAIN" : " LOGINDISABLED");
		return;
	}
	buf_add_cstr(b,
	    " NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE IDLE CONDSTORE "
	    "ESEARCH SEARCHRES WITHIN SPECIAL-USE LIST-EXTENDED LIST-STATUS "
	    "STATUS=SIZE OBJECTID SAVEDATE PREVIEW MULTIAPPEND BINARY "
	    "UTF8=ACCEPT");
	buf_printf(b, " APPENDLIMIT=%lld",
	    (long long)config_int(s->config, CFG_IMAP_APPEND_MAXIMUM));
}

void
cmd_capability(struct session *s, const struct read_command *c)
{
	struct buf b = BUF_INIT;

	(void)c;
	command_capabilities(s, &b);
	chat_untagged(s, "CAPABILITY %.*s", STR_ARG(buf_str(&b)));
	command_done(s, true, "Done");
	buf_done(&b);
}

/* --- logins ---------------------------------------------------------------------------- */

static void
succeed(struct session *s, struct mailbox *m)
{
	struct buf b = BUF_INIT;

	session_login(s, m);
	command_capabilities(s, &b);
	chat_ok(s, "[CAPABILITY %.*s] Logged in", STR_ARG(buf_str(&b)));
	buf_done(&b);
}

/* The wait grows with each failure of this connection. */
static void
fail(struct session *s, struct str name)
{
	long ms = (long)FAILED_LOGIN_MS << s->n_failed_logins;
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	log_begin(LOG_AT_NOTE, "login-failed");
	log_str("name", name);
	log_end();
	nanosleep(&t, NULL);
	chat_no(s, "[AUTHENTICATIONFAILED] Authentication failed");
	if (++s->n_failed_logins >= LOGIN_TRIES)
		chat_bye(s, "Too many failed logins");
}

static void
log_in(struct session *s, struct str name, struct str password)
{
	struct str key = arena_dup_lower(s->arena, name);
	struct mailbox *m = NULL;
	struct err err;

	if (session_open_db(s, &err) != RC_OK ||
	    mailbox_find(s->p->db, s->arena, key, &m, &err) != RC_OK)
		chat_failure(s, &err);
	else if (login_check(m, password))
		succeed(s, m);
	else
		fail(s, key);
	arena_wipe(s->command_arena);
	s->tag = STR("");
}

static bool
check_privacy(struct session *s)
{
	if (may_log_in(s))
		return true;
	chat_no(s, "[PRIVACYREQUIRED] STARTTLS first");
	return false;
}

void
cmd_login(struct session *s, const struct read_command *c)
{
	const struct arg *v = c->text.args;

	if (!arg_is_text(&v[0]) || !arg_is_text(&v[1]))
		chat_bad(s, "LOGIN takes a name and a password");
	else if (check_privacy(s))
		log_in(s, v[0].s, v[1].s);
}

/* One line of base64; false: answered. */
static bool
ask(struct session *s, struct str *ret)
{
	struct line l;
	enum io io;

	chat_continue(s, "");
	io = reader_line(s->reader, LIMIT_SMTP_AUTH_LINE,
	    LIMIT_IMAP_LINE, session_deadline(s), &l);
	if (io != IO_OK) {
		session_enter(s, STATE_LOGOUT);
		return false;
	}
	if (str_equals(l.text, STR("*")) || l.is_long) {
		chat_bad(s, l.is_long ? "Too long" : "Cancelled");
		return false;
	}
	*ret = arena_dup_str(s->command_arena, l.text);
	return true;
}

/* [authzid] NUL authcid NUL passwd (RFC 4616) */
static void
plain(struct session *s, struct str coded)
{
	struct str text, authzid, name, rest;

	if (str_equals(coded, STR("=")))
		coded = STR("");
	if (!base64_decode(s->command_arena, coded, &text)) {
		chat_bad(s, "That is not base64");
		return;
	}
	rest = text;
	if (!str_has_char(text, '\0') ||
	    !str_split_char(&rest, '\0', &authzid) ||
	    !str_has_char(rest, '\0') ||
	    !str_split_char(&rest, '\0', &name) ||
	    str_has_char(rest, '\0'))
		chat_bad(s, "That is not PLAIN");
	else if (authzid.len && !str_equals_nocase(authzid, name))
		fail(s, name);
	else
		log_in(s, name, rest);
}

void
cmd_authenticate(struct session *s, const struct read_command *c)
{
	struct str coded;

	if (!arg_is_atom(&c->text.args[0], STR("PLAIN"))) {
		chat_no(s, "[CANNOT] Unknown mechanism");
		return;
	}
	if (!check_privacy(s))
		return;
	if (c->text.n > 1)
		plain(s, c->text.args[1].s);
	else if (ask(s, &coded))
		plain(s, coded);
}

void
cmd_starttls(struct session *s, const struct read_command *c)
{
	struct err err;
	enum io io;

	(void)c;
	if (!offers_starttls(s)) {
		chat_bad(s, stream_is_tls(s->stream) ? "TLS is on already"
						     : "No STARTTLS here");
		return;
	}
	if (reader_pending(s->reader)) {
		/* Octets that came with the command (CVE-2011-0411). */
		chat_bad(s, "Nothing may follow STARTTLS");
		session_enter(s, STATE_LOGOUT);
		return;
	}
	if (!tls_server_refresh(s->h->tls, &err))
		log_failure("certificate", &err);
	chat_ok(s, "Go ahead");
	chat_flush(s);
	io = stream_start_tls_server(
	    s->stream, s->h->tls, session_deadline(s));
	if (io != IO_OK) {
		log_begin(LOG_AT_INFO, "tls-failed");
		log_cstr("text", stream_error_text(s->stream));
		log_end();
		session_enter(s, STATE_LOGOUT);
	}
}

void
cmd_logout(struct session *s, const struct read_command *c)
{
	(void)c;
	chat_untagged(s, "BYE Logging out");
	chat_ok(s, "Done");
	session_enter(s, STATE_LOGOUT);
}
