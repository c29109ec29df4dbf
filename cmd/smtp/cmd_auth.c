/* AUTH (RFC 4954); the mechanisms are in auth/sasl.h. */
#include "commands.h"

#include "base/clock.h"
#include "base/limits.h"
#include "db/directory.h"
#include "log/log.h"
#include "text/base64.h"

#include "base/banned.h"

static void
fail(struct session *s, int code, const char *status, const char *text)
{
	chat_reply(s, code, status, "%s", text);
	session_count_error(s);
}

/* --- messages: false when it has answered -------------------------------------------- */

static bool
decode(struct session *s, struct str text, struct str *ret)
{
	if (str_equals(text, STR("*")))
		fail(s, 501, "5.7.0", "Authentication cancelled");
	else if (!base64_decode(s->txn_arena, text, ret))
		fail(s, 501, "5.5.2", "That is not base64");
	else
		return true;
	return false;
}

static void
send_challenge(struct session *s, struct str challenge)
{
	struct buf b = BUF_INIT;

	base64_encode(&b, challenge);
	chat_reply(s, 334, "", "%.*s", STR_ARG(buf_str(&b)));
	chat_flush(s);
	buf_done(&b);
}

static bool
ask(struct session *s, struct str challenge, struct str *ret)
{
	struct line l;

	send_challenge(s, challenge);
	return session_line(s, LIMIT_SMTP_AUTH_LINE, &l) &&
	    decode(s, l.text, ret);
}

/* None is STR_NONE; "=" is the empty one. */
static bool
initial_response(struct session *s, struct str text, struct str *ret)
{
	*ret = STR_NONE;
	if (str_is_empty(text))
		return true;
	if (!str_equals(text, STR("=")))
		return decode(s, text, ret);
	*ret = STR("");
	return true;
}

/* --- the exchange --------------------------------------------------------------------- */

struct login {
	struct sasl *sasl;
	struct str key;         /* the address, lower case */
	struct mailbox *mailbox;
	struct guard guard;
	struct login_guard counted;
	bool is_begun;          /* it was told something of the mailbox */
};

static enum sasl_step
look_up(struct session *s, struct login *l, struct str *ret_challenge,
    struct err *err)
{
	l->key = address_key_of(s->arena, sasl_name(l->sasl));
	s->account.read_ms = clock_mono_ms();
	if (session_open_db(s, err) != RC_OK ||
	    mailbox_find(s->p->db, s->arena, l->key, &l->mailbox, err) !=
		RC_OK ||
	    guard_login(&l->guard, l->key, !sasl_is_clear(l->sasl),
		&l->counted, err) != RC_OK)
		return SASL_LOOKUP;
	if (l->counted.is_refused) {
		err_set(err, RC_TEMP, "4.7.0", "too many failed logins");
		return SASL_LOOKUP;
	}
	l->is_begun = true;
	return sasl_judge(l->sasl, l->mailbox, l->key, s->config->secret,
	    ret_challenge);
}

static void
log_login(struct session *s, struct str name, bool is_good)
{
	log_begin(is_good ? LOG_AT_INFO : LOG_AT_NOTE,
	    is_good ? "login" : "login-failed");
	log_str("name", name);
	log_num("tls", stream_is_tls(s->stream));
	log_end();
}

/*
 * An exchange that ends behind its first answer has tried something: who
 * looks for users or guesses without the last step is counted as well.
 */
static void
abandon(struct session *s, struct login *l)
{
	if (!l->is_begun)
		return;
	guard_login_failed(&l->guard, l->key, STR_NONE, &l->counted);
	log_login(s, l->key, false);
}

static void
refuse(struct session *s, struct login *l)
{
	clock_sleep(l->counted.delay_ms);
	log_login(s, l->key, false);
	if (l->counted.is_refused)
		fail(s, 454, "4.7.0", "Too many failed logins");
	else
		fail(s, 535, "5.7.8", "Authentication failed");
}

static void
finish(struct session *s, struct login *l, enum sasl_step step,
    const struct err *err)
{
	switch (step) {
	case SASL_GOOD:
		if (!guard_login_good(&l->guard, l->key, &l->counted)) {
			refuse(s, l);
			break;
		}
		session_login(s, l->mailbox);
		log_login(s, l->key, true);
		chat_reply(s, 235, "2.7.0", "Authentication successful");
		break;
	case SASL_LOOKUP:
		if (err->rc == RC_PERM) {
			chat_temporary(s, err);
			break;
		}
		log_failure("login-not-tried", err);
		clock_sleep(l->counted.delay_ms);
		chat_reply(s, 454, "4.7.0",
		    "Temporary authentication failure");
		if (l->counted.is_refused)
			session_count_error(s);
		break;
	case SASL_MALFORMED:
		abandon(s, l);
		fail(s, 501, "5.5.2", "That is no message of this mechanism");
		break;
	case SASL_ASK:
	case SASL_FAILED:
		guard_login_failed(&l->guard, l->key,
		    sasl_password(l->sasl), &l->counted);
		refuse(s, l);
		break;
	}
}

static void
exchange(struct session *s, struct sasl *sasl, struct str response)
{
	struct login l = { .sasl = sasl, .guard = session_guard(s) };
	struct str challenge;
	struct err err = { .rc = RC_OK };
	enum sasl_step step = sasl_step(sasl, response, &challenge);

	for (;;) {
		if (step == SASL_LOOKUP)
			step = look_up(s, &l, &challenge, &err);
		if (step != SASL_ASK)
			break;
		if (!ask(s, challenge, &response)) {
			abandon(s, &l);
			return;
		}
		step = sasl_step(sasl, response, &challenge);
	}
	finish(s, &l, step, &err);
}

void
cmd_auth(struct session *s, struct str argument)
{
	size_t end = str_find_char(argument, ' ');
	struct scram_channel channel;
	struct sasl *sasl;
	struct str response;

	cmd_scram_channel(s, &channel);
	sasl = sasl_new(s->txn_arena, str_slice(argument, 0, end), &channel);
	if (s->role == ROLE_LMTP)
		fail(s, 502, "5.5.1", "AUTH is not offered");
	else if (s->login)
		fail(s, 503, "5.5.1", "Already authenticated");
	else if (!sasl)
		fail(s, 504, "5.5.4", "Unknown mechanism");
	else if (sasl_is_clear(sasl) && !cmd_is_private(s))
		fail(s, 538, "5.7.11", "STARTTLS first");
	else if (initial_response(
		     s, str_trim(str_tail(argument, end)), &response))
		exchange(s, sasl, response);
	arena_wipe(s->txn_arena);
	reader_forget(s->reader);
}

/* --- what EHLO says --------------------------------------------------------------------- */

void
cmd_scram_channel(struct session *s, struct scram_channel *ret)
{
	*ret = (struct scram_channel){
		.is_off = !config_bool(s->config, CFG_AUTH_SCRAM),
		.exporter = stream_tls_exporter(s->stream, s->txn_arena),
		.end_point = stream_tls_end_point(s->stream, s->txn_arena),
	};
}

bool
cmd_is_private(const struct session *s)
{
	return stream_is_tls(s->stream) ||
	    config_bool(s->config, CFG_SMTP_AUTH_PLAIN_NO_TLS);
}
