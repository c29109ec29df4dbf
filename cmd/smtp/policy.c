/* Hooks and spamd in a session; see policy.h. */
#include "policy.h"

#include "log/log.h"
#include "mail/hook.h"
#include "mail/spam.h"

#include "base/banned.h"

struct stage_name {
	const char *stage;
	struct str postfix; /* its protocol_state */
};

static const struct stage_name stages[] = {
	{ "connect", STR_INIT("CONNECT") },
	{ "helo", STR_INIT("EHLO") },
	{ "mail", STR_INIT("MAIL") },
	{ "rcpt", STR_INIT("RCPT") },
	{ "data", STR_INIT("DATA") },
	{ "end", STR_INIT("END-OF-MESSAGE") },
};

static struct str
state_of(const char *stage)
{
	size_t i;

	for (i = 0; i < sizeof(stages) / sizeof(*stages); i++) {
		if (strcmp(stage, stages[i].stage) == 0)
			return stages[i].postfix;
	}
	return STR("");
}

static void
add_number(struct session *s, struct buf *b, const char *name, uint64_t n)
{
	hook_add(b, name, arena_printf(s->command_arena, "%llu",
	    (unsigned long long)n));
}

static void
add_attributes(struct session *s, struct buf *b, const char *stage,
    struct str recipient, const struct queue_item *item)
{
	char id[OID_HEX];

	hook_add(b, "request", STR("smtpd_access_policy"));
	hook_add(b, "protocol_state", state_of(stage));
	hook_add(b, "protocol_name", s->is_esmtp ? STR("ESMTP")
						 : STR("SMTP"));
	hook_add(b, "client_address", s->c->peer.address);
	add_number(s, b, "client_port", s->c->peer.port);
	hook_add(b, "client_name", STR("unknown"));
	hook_add(b, "reverse_client_name", STR("unknown"));
	hook_add(b, "helo_name", s->helo);
	hook_add(b, "sender", s->txn.sender);
	hook_add(b, "recipient", recipient);
	add_number(s, b, "recipient_count", s->txn.recipients.n);
	hook_add(b, "queue_id", item ? oid_format(&item->id, id) : STR(""));
	add_number(s, b, "size", item ? item->size : s->txn.size);
	hook_add(b, "sasl_username",
	    s->login ? s->login->address : STR(""));
	hook_add(b, "encryption_protocol", stream_tls_version(s->stream));
	hook_add(b, "encryption_cipher", stream_tls_cipher(s->stream));
	hook_add(b, "instance", arena_printf(s->command_arena, "%.*s.%u",
	    (int)sizeof(s->id), s->id, s->n_messages));
}

static void
add_header(struct session *s, struct str field)
{
	s->txn.headers = arena_join3(
	    s->txn_arena, s->txn.headers, field, STR("\r\n"));
}

static void
refuse(struct session *s, const char *stage, const struct hook_answer *a)
{
	const char *status = arena_dup_cstr(s->command_arena, a->status);

	log_begin(LOG_AT_NOTE, "hook");
	log_cstr("at", stage);
	log_num("code", a->code);
	log_str("text", a->text);
	log_end();
	if (strcmp(stage, "end") == 0)
		cmd_answer_data(s, a->code, status, a->text);
	else
		chat_reply(s, a->code, status, "%.*s", STR_ARG(a->text));
}

/* False: answered. */
static bool
obey(struct session *s, const char *stage, const struct hook_answer *a)
{
	switch (a->action) {
	case HOOK_PASS:
		break;
	case HOOK_REPLY:
		refuse(s, stage, a);
		return false;
	case HOOK_HEADER:
		if (str_has_char(a->text, ':'))
			add_header(s, a->text);
		break;
	case HOOK_HOLD:
		s->txn.is_held = true;
		break;
	case HOOK_DISCARD:
		s->txn.is_discarded = true;
		break;
	case HOOK_REDIRECT:
		s->txn.redirect = arena_dup_str(s->txn_arena, a->text);
		break;
	case HOOK_IF_PERMIT:
	case HOOK_IF_REJECT:
		break; /* see policy_ask */
	}
	return true;
}

/*
 * The hooks of a stage, one after the other. What one said for the case that
 * others pass, or refuse, waits for them. True: all passed.
 */
static bool
policy_ask(struct session *s, const char *stage, struct str attributes)
{
	struct hook_answer permit = { 0 }, reject = { 0 }, a;
	size_t i;

	for (i = 0; i < hooks_count(s->hooks); i++) {
		a = hooks_ask(
		    s->hooks, s->command_arena, i, stage, attributes);
		if (a.action == HOOK_IF_PERMIT && !permit.code)
			permit = a;
		if (a.action == HOOK_IF_REJECT && !reject.code)
			reject = a;
		if (a.action == HOOK_REPLY && a.code >= 500 && reject.code) {
			refuse(s, stage, &reject);
			return false;
		}
		if (!obey(s, stage, &a))
			return false;
	}
	if (permit.code)
		refuse(s, stage, &permit);
	return !permit.code;
}

bool
policy_passes(struct session *s, const char *stage, struct str recipient,
    const struct queue_item *item)
{
	struct buf b = BUF_INIT;
	bool passes;

	if (!s->hooks && s->config->v[CFG_HOOKS].count)
		s->hooks = hooks_new(s->arena, s->config);
	if (!hooks_have(s->hooks, stage))
		return true;
	add_attributes(s, &b, stage, recipient, item);
	passes = policy_ask(s, stage, buf_str(&b));
	buf_done(&b);
	return passes;
}

bool
policy_is_judged_here(const struct session *s)
{
	return s->role == ROLE_MX && !s->login &&
	    config_str(s->config, CFG_SPAM_SERVER).len > 0;
}

bool
policy_spam(
    struct session *s, struct queue_item *item, const char **ret_text)
{
	struct spam_answer answer;
	struct err err;

	if (!policy_is_judged_here(s) ||
	    !spam_is_wanted(s->config, "data"))
		return true;
	if (spam_ask(s->p->db, s->txn_arena, s->config, item, &answer,
		&err) != RC_OK) {
		log_failure("spam", &err);
		return true;
	}
	if (!answer.is_asked)
		return true;
	item->is_spam = answer.is_junk;
	item->headers =
	    arena_join(s->txn_arena, answer.headers, item->headers);
	*ret_text = "That looks like spam";
	return !answer.is_rejected;
}
