/* EHLO, HELO, LHLO (RFC 5321 4.1.1.1, RFC 2033 4.1). */
#include "commands.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "policy.h"

#include "base/banned.h"

static bool
hello_is_printable(struct str name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		if (ascii_is_cntl(name.p[i]))
			return false;
	}
	return name.len > 0 && name.len <= LIMIT_SMTP_DOMAIN;
}

/*
 * Any printable name is taken: a server must not refuse mail because of it
 * (RFC 5321 4.1.4), and devices send what they are called. It is only written
 * down; what could be taken for something else there becomes '?'.
 */
static struct str
hello_clean(struct session *s, struct str name)
{
	char *p = arena_alloc(s->arena, name.len + 1);
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.p[i];

		p[i] = !ascii_is_graph(c) || str_has_char(STR("<>()\\\";@,"), c)
		    ? '?'
		    : c;
	}
	return str_make(p, name.len);
}

/* False: answered. A new greeting ends a transaction, as RSET does. */
static bool
take_name(struct session *s, struct str name, bool is_esmtp)
{
	if (!hello_is_printable(name)) {
		chat_reply(s, 501, "5.5.4", "A domain name is wanted");
		session_count_error(s);
		return false;
	}
	session_reset(s);
	s->helo = hello_clean(s, name);
	s->is_esmtp = is_esmtp;
	if (!policy_passes(s, "helo", STR(""), NULL))
		return false;
	session_enter(s, STATE_HELLO);
	return true;
}

static void
offer_auth(struct session *s)
{
	struct scram_channel channel;
	struct buf b = BUF_INIT;

	if (s->role == ROLE_LMTP || s->login)
		return;
	cmd_scram_channel(s, &channel);
	sasl_list(&b, " ", cmd_is_private(s), &channel);
	chat_line(s, 250, "AUTH%.*s", STR_ARG(buf_str(&b)));
	buf_done(&b);
}

static bool
offers_starttls(const struct session *s)
{
	return s->h->tls && !stream_is_tls(s->stream) &&
	    !str_equals(config_str(s->config, CFG_SMTP_STARTTLS), STR("off"));
}

void
cmd_ehlo(struct session *s, struct str argument)
{
	if (!take_name(s, argument, true))
		return;
	chat_line(s, 250, "%.*s greets %.*s", STR_ARG(s->p->hostname),
	    STR_ARG(s->helo));
	chat_line(s, 250, "PIPELINING");
	if (config_bool(s->config, CFG_SMTP_SIZE_ADVERTISE))
		chat_line(s, 250, "SIZE %lld",
		    (long long)config_int(s->config, CFG_SMTP_SIZE_MAXIMUM));
	if (offers_starttls(s))
		chat_line(s, 250, "STARTTLS");
	offer_auth(s);
	chat_line(s, 250, "DSN");
	chat_line(s, 250, "8BITMIME");
	chat_line(s, 250, "SMTPUTF8");
	chat_reply(s, 250, "", "ENHANCEDSTATUSCODES");
}

void
cmd_helo(struct session *s, struct str argument)
{
	if (take_name(s, argument, false))
		chat_reply(s, 250, "", "%.*s", STR_ARG(s->p->hostname));
}
