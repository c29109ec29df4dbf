/* AUTH PLAIN and LOGIN (RFC 4954, RFC 4616). */
#include "commands.h"

#include "auth/login.h"
#include "base/limits.h"
#include "db/directory.h"
#include "log/log.h"
#include "text/base64.h"

#include "base/banned.h"

/* --- the exchange: false when it has answered ------------------------------------- */

static bool
fail(struct session *s, int code, const char *status, const char *text)
{
	chat_reply(s, code, status, "%s", text);
	session_count_error(s);
	return false;
}

static bool
decode(struct session *s, struct str text, struct str *ret)
{
	if (str_equals(text, STR("*")))
		return fail(s, 501, "5.7.0", "Authentication cancelled");
	if (!base64_decode(s->txn_arena, text, ret))
		return fail(s, 501, "5.5.2", "That is not base64");
	return true;
}

static bool
ask(struct session *s, const char *challenge, struct str *ret)
{
	struct line l;
	enum io io;

	chat_reply(s, 334, "", "%s", challenge);
	chat_flush(s);
	io = reader_line(s->reader, LIMIT_SMTP_AUTH_LINE,
	    LIMIT_SMTP_LINE_DISCARD,
	    session_deadline(s, CFG_SMTP_TIMEOUT_COMMAND), &l);
	if (io == IO_TIMEOUT)
		chat_close(s, 421, "4.4.2", "%.*s timed out",
		    STR_ARG(s->p->hostname));
	if (io != IO_OK) {
		s->is_ending = true;
		return false;
	}
	if (l.is_long)
		return fail(s, 500, "5.5.6", "Authentication line too long");
	return decode(s, l.text, ret);
}

/* initial: STR_NONE when there was none; "=" is the empty one. */
static bool
first_response(struct session *s, struct str initial, const char *challenge,
    struct str *ret)
{
	if (!initial.p)
		return ask(s, challenge, ret);
	if (str_equals(initial, STR("="))) {
		*ret = STR("");
		return true;
	}
	return decode(s, initial, ret);
}

/* --- mechanisms: name and password, or false and answered ---------------------------- */

struct credentials {
	struct str name;
	struct str password;
};

/* [authzid] NUL authcid NUL passwd */
static bool
get_plain(struct session *s, struct str initial, struct credentials *ret)
{
	struct str text, authzid, rest;

	if (!first_response(s, initial, "", &text))
		return false;
	rest = text;
	if (!str_has_char(text, '\0') ||
	    !str_split_char(&rest, '\0', &authzid) ||
	    !str_has_char(rest, '\0') ||
	    !str_split_char(&rest, '\0', &ret->name) ||
	    str_has_char(rest, '\0') || ret->name.len == 0)
		return fail(s, 501, "5.5.2", "That is not PLAIN");
	ret->password = rest;
	if (authzid.len && !str_equals_nocase(authzid, ret->name))
		return fail(s, 535, "5.7.8", "Authentication failed");
	return true;
}

static bool
get_login(struct session *s, struct str initial, struct credentials *ret)
{
	return first_response(s, initial, "VXNlcm5hbWU6", &ret->name) &&
	    ask(s, "UGFzc3dvcmQ6", &ret->password);
}

struct mechanism {
	struct str name;
	bool (*get)(struct session *s, struct str initial,
	    struct credentials *ret);
};

static const struct mechanism mechanisms[] = {
	{ STR_INIT("PLAIN"), get_plain },
	{ STR_INIT("LOGIN"), get_login },
};

static const struct mechanism *
find_mechanism(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++) {
		if (str_equals_nocase(name, mechanisms[i].name))
			return &mechanisms[i];
	}
	return NULL;
}

/* --- the decision ---------------------------------------------------------------------- */

static void
log_login(struct str name, bool is_good)
{
	log_begin(LOG_AT_INFO, is_good ? "login" : "login-failed");
	log_str("name", name);
	log_end();
}

static void
verify(struct session *s, const struct credentials *c)
{
	struct mailbox *m = NULL;
	struct str key = arena_dup_lower(s->arena, c->name);
	struct err err;

	if (session_open_db(s, &err) != RC_OK ||
	    mailbox_find(s->p->db, s->arena, key, &m, &err) != RC_OK) {
		log_failure("database", &err);
		chat_reply(s, 454, "4.7.0",
		    "Temporary authentication failure");
		return;
	}
	if (login_check(m, c->password)) {
		s->login = m;
		log_login(key, true);
		chat_reply(s, 235, "2.7.0", "Authentication successful");
	} else {
		log_login(key, false);
		fail(s, 535, "5.7.8", "Authentication failed");
	}
}

static bool
is_allowed(const struct session *s)
{
	return stream_is_tls(s->stream) ||
	    config_bool(s->config, CFG_SMTP_AUTH_PLAIN_NO_TLS);
}

void
cmd_auth(struct session *s, struct str argument)
{
	size_t end = str_find_char(argument, ' ');
	struct str initial = str_trim(str_tail(argument, end));
	const struct mechanism *m =
	    find_mechanism(str_slice(argument, 0, end));
	struct credentials c;

	if (s->role == ROLE_LMTP)
		fail(s, 502, "5.5.1", "AUTH is not offered");
	else if (s->login)
		fail(s, 503, "5.5.1", "Already authenticated");
	else if (!m)
		fail(s, 504, "5.5.4", "Unknown mechanism");
	else if (!is_allowed(s))
		fail(s, 538, "5.7.11", "STARTTLS first");
	else if (m->get(s, initial.len ? initial : STR_NONE, &c))
		verify(s, &c);
	arena_wipe(s->txn_arena);
}
