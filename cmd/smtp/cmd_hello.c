/* EHLO, HELO, LHLO (RFC 5321 4.1.1.1, RFC 2033 4.1). */
#include "commands.h"

#include "policy.h"
#include "smtp/path.h"

#include "base/banned.h"

/* False: answered. A new greeting ends a transaction, as RSET does. */
static bool
take_name(struct session *s, struct str name, bool is_esmtp)
{
	if (!path_is_host(name)) {
		chat_reply(s, 501, "5.5.4", "%s",
		    name.len ? "That is no domain name or address literal"
			     : "A domain name is wanted");
		session_count_error(s);
		return false;
	}
	session_reset(s);
	s->helo = arena_dup_str(s->arena, name);
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
