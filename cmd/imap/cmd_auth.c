/* LOGIN, AUTHENTICATE, STARTTLS, LOGOUT. */
#include "commands.h"

#include "auth/login.h"
#include "auth/sasl.h"
#include "base/clock.h"
#include "base/limits.h"
#include "log/log.h"
#include "mail/guard.h"
#include "net/tlsconf.h"
#include "text/base64.h"

#include "base/banned.h"

enum { LOGIN_TRIES = 5 };

bool
command_may_log_in(const struct session *s)
{
	return stream_is_tls(s->stream) ||
	    config_bool(s->config, CFG_IMAP_PLAIN_NO_TLS);
}

bool
command_offers_starttls(const struct session *s)
{
	return s->h->tls && !stream_is_tls(s->stream) &&
	    !str_equals(config_str(s->config, CFG_IMAP_STARTTLS), STR("off"));
}

void
command_scram_channel(struct session *s, struct scram_channel *ret)
{
	*ret = (struct scram_channel){
		.is_off = !config_bool(s->config, CFG_AUTH_SCRAM),
		.exporter = stream_tls_exporter(s->stream, s->command_arena),
		.end_point = stream_tls_end_point(s->stream, s->command_arena),
	};
}

/* --- logins ---------------------------------------------------------------------------- */

struct attempt {
	struct str key;          /* the address, lower case */
	struct mailbox *mailbox;
	struct guard guard;
	struct login_guard login;
	bool is_begun;           /* it was told something of the mailbox */
};

static struct attempt
attempt_new(struct session *s)
{
	return (struct attempt){ .guard = { s->p->db, s->command_arena,
		s->config, s->c->peer.address } };
}

static void
log_failed(struct session *s, const struct attempt *t)
{
	log_begin(LOG_AT_NOTE, "login-failed");
	log_str("name", t->key);
	log_num("tls", stream_is_tls(s->stream));
	log_end();
	s->n_failed_logins++;
}

static void
count_failure(struct session *s, struct attempt *t, struct str password)
{
	guard_login_failed(&t->guard, t->key, password, &t->login);
	log_failed(s, t);
}

static void
end_at_last(struct session *s)
{
	if (s->n_failed_logins >= LOGIN_TRIES)
		chat_bye(s, "Too many failed logins");
}

/* It was not tried, or nobody shall know how that ended. */
static void
refuse(struct session *s)
{
	chat_no(s, "[UNAVAILABLE] Too many failed logins, try later");
}

static void
answer_failure(struct session *s, const struct attempt *t)
{
	clock_sleep(t->login.delay_ms);
	if (t->login.is_refused)
		refuse(s);
	else
		chat_no(s, "[AUTHENTICATIONFAILED] Authentication failed");
	end_at_last(s);
}

static void
fail(struct session *s, struct attempt *t, struct str password)
{
	count_failure(s, t, password);
	answer_failure(s, t);
}

static void
succeed(struct session *s, struct attempt *t)
{
	struct buf b = BUF_INIT;

	if (!guard_login_good(&t->guard, t->key, &t->login)) {
		log_failed(s, t);
		answer_failure(s, t);
		return;
	}
	session_login(s, t->mailbox);
	command_capabilities(s, &b);
	chat_ok(s, "[CAPABILITY %.*s] Logged in", STR_ARG(buf_str(&b)));
	buf_done(&b);
}

/*
 * An exchange that ends behind its first answer has tried something: who
 * looks for users or guesses without the last step is counted as well.
 */
static void
abandon(struct session *s, struct attempt *t)
{
	if (!t->is_begun)
		return;
	count_failure(s, t, STR_NONE);
	end_at_last(s);
}

/* The mailbox, counted and delayed by the limits. RC_TEMP: answered. */
static enum rc
look_up(struct session *s, struct attempt *t, struct str name, bool is_slow)
{
	struct err err;

	t->key = address_key_of(s->arena, name);
	s->account.read_ms = clock_mono_ms();
	if (session_open_db(s, &err) != RC_OK ||
	    mailbox_find(s->p->db, s->arena, t->key, &t->mailbox, &err) !=
		RC_OK ||
	    guard_login(&t->guard, t->key, is_slow, &t->login, &err) !=
		RC_OK) {
		chat_failure(s, &err);
		return RC_TEMP;
	}
	if (t->login.is_refused) {
		s->n_failed_logins++;
		clock_sleep(t->login.delay_ms);
		refuse(s);
		end_at_last(s);
		return RC_TEMP;
	}
	t->is_begun = true;
	return RC_OK;
}

/* The password is in the command's arena. */
static void
forget_secrets(struct session *s)
{
	arena_wipe(s->command_arena);
	reader_forget(s->reader);
	s->tag = STR("");
}

static bool
check_privacy(struct session *s)
{
	if (command_may_log_in(s))
		return true;
	chat_no(s, "[PRIVACYREQUIRED] STARTTLS first");
	return false;
}

void
cmd_login(struct session *s, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	struct attempt t = attempt_new(s);

	if (!arg_is_text(&v[0]) || !arg_is_text(&v[1]))
		chat_bad(s, "LOGIN takes a name and a password");
	else if (check_privacy(s) && look_up(s, &t, v[0].s, false) == RC_OK) {
		if (login_check(t.mailbox, v[1].s))
			succeed(s, &t);
		else
			fail(s, &t, v[1].s);
	}
	forget_secrets(s);
}

/* --- AUTHENTICATE ------------------------------------------------------------------------ */

static bool
decode(struct session *s, struct str text, struct str *ret)
{
	if (base64_decode(s->command_arena, text, ret))
		return true;
	chat_bad(s, "That is not base64");
	return false;
}

/* One line of base64; false: answered. */
static bool
ask(struct session *s, struct str challenge, struct str *ret)
{
	struct buf b = BUF_INIT;
	struct line l;
	enum io io;

	base64_encode(&b, challenge);
	chat_continue(s, arena_dup_cstr(s->command_arena, buf_str(&b)));
	buf_done(&b);
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
	if (l.end == LINE_LF) {
		chat_bad(s, "Lines end with CR LF");
		return false;
	}
	return decode(s, l.text, ret);
}

static void
exchange(struct session *s, struct sasl *sasl, struct str response)
{
	struct attempt t = attempt_new(s);
	struct str challenge;
	enum sasl_step step = sasl_step(sasl, response, &challenge);

	while (step == SASL_ASK || step == SASL_LOOKUP) {
		if (step == SASL_LOOKUP) {
			if (look_up(s, &t, sasl_name(sasl),
				!sasl_is_clear(sasl)) != RC_OK)
				return;
			step = sasl_judge(sasl, t.mailbox, t.key,
			    s->config->secret, &challenge);
		} else if (ask(s, challenge, &response)) {
			step = sasl_step(sasl, response, &challenge);
		} else {
			abandon(s, &t);
			return;
		}
	}
	if (step == SASL_GOOD) {
		succeed(s, &t);
	} else if (step == SASL_MALFORMED) {
		chat_bad(s, "That is no message of this mechanism");
		abandon(s, &t);
	} else {
		fail(s, &t, sasl_password(sasl));
	}
}

static void
authenticate(struct session *s, const struct read_command *c)
{
	struct str response = STR_NONE;
	struct scram_channel channel;
	struct sasl *sasl;

	command_scram_channel(s, &channel);
	sasl = sasl_new(s->command_arena, c->text.args[0].s, &channel);
	if (!sasl) {
		chat_no(s, "[CANNOT] Unknown mechanism");
		return;
	}
	if (sasl_is_clear(sasl) && !check_privacy(s))
		return;
	if (c->text.n > 1 && str_equals(c->text.args[1].s, STR("=")))
		response = STR("");
	else if (c->text.n > 1 && !decode(s, c->text.args[1].s, &response))
		return;
	exchange(s, sasl, response);
}

/* However it ends: what it refuses may hold a password too. */
void
cmd_authenticate(struct session *s, const struct read_command *c)
{
	authenticate(s, c);
	forget_secrets(s);
}

void
cmd_starttls(struct session *s, const struct read_command *c)
{
	struct err err;
	enum io io;

	(void)c;
	if (!command_offers_starttls(s)) {
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
	/* What waits is told, so that a client's cache has it. */
	if (s->view && !s->notify)
		view_tell(s, true);
	chat_untagged(s, "BYE Logging out");
	chat_ok(s, "Done");
	session_enter(s, STATE_LOGOUT);
}
