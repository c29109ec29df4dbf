/* RCPT TO (RFC 5321 4.1.1.3). */
#include "commands.h"

#include "policy.h"
#include "smtp/params.h"
#include "smtp/path.h"

#include "base/banned.h"

struct verdict_reply {
	int code;         /* 250: accepted */
	const char *status;
	const char *text;
	bool is_error;    /* counts against the session */
};

static const struct verdict_reply replies[] = {
	[RCPT_LOCAL] = { 250, "2.1.5", "OK", false },
	[RCPT_EXPAND] = { 250, "2.1.5", "OK", false },
	[RCPT_RELAY] = { 250, "2.1.5", "OK, will relay", false },
	[RCPT_BACKUP] = { 250, "2.1.5", "OK, will relay", false },
	[RCPT_ROUTE] = { 250, "2.1.5", "OK, will relay", false },
	[RCPT_UNKNOWN] = { 550, "5.1.1", "No such user here", true },
	[RCPT_DISABLED] = { 550, "5.2.1", "Mailbox disabled", true },
	[RCPT_FULL] = { 452, "4.2.2", "Mailbox full", false },
	[RCPT_REFUSED] = { 550, "5.7.1", "Relaying denied", true },
	[RCPT_NO_POSTMASTER] = { 250, "2.1.5", "OK", false },
};

static void
refuse(struct session *s, int code, const char *status, const char *text)
{
	chat_reply(s, code, status, "%s", text);
	session_count_error(s);
}

/*
 * <postmaster> (RFC 5321 4.5.1) is that of the domain which is this host's
 * name, else of the first local domain.
 */
enum rc
cmd_complete_postmaster(
    struct session *s, struct address *to, struct err *err)
{
	struct arena *a = s->command_arena;
	struct domain *d;
	enum rc rc;

	if (to->domain.len)
		return RC_OK;
	to->domain = s->p->hostname;
	rc = domain_find(s->p->db, a, address_fold_domain(a, to->domain), &d,
	    err);
	if (rc == RC_OK && !d)
		rc = domain_find_local(s->p->db, a, &d, err);
	if (rc == RC_OK && d)
		to->domain = d->name;
	return rc;
}

static bool
is_remote(enum rcpt_verdict v)
{
	return v == RCPT_RELAY || v == RCPT_BACKUP || v == RCPT_ROUTE;
}

static bool
needs_tls(const struct session *s, enum rcpt_verdict v)
{
	return is_remote(v) && !stream_is_tls(s->stream) &&
	    str_equals(
		config_str(s->config, CFG_SMTP_STARTTLS), STR("remote"));
}

/*
 * The same address twice is delivered once, and told of as either of the two
 * asks for. It was accepted twice though, and an LMTP client waits for a
 * reply to each (RFC 2033 4.2).
 */
static void
add_recipient(struct session *s, const struct address *to,
    const struct rcpt_answer *answer, const struct smtp_rcpt_params *p)
{
	struct arena *a = s->txn_arena;
	struct str key = address_key(s->command_arena, to);
	struct recipient r = { .notify = p->notify };
	size_t i;

	for (i = 0; i < s->txn.recipients.n; i++) {
		struct recipient *x = &s->txn.recipients.v[i];

		if (!str_equals(x->key, key))
			continue;
		x->notify = notify_merge(x->notify, p->notify);
		VEC_PUSH(a, &s->txn.accepted, i);
		return;
	}
	VEC_PUSH(a, &s->txn.accepted, i);
	r.key = arena_dup_str(a, key);
	r.to.local = arena_dup_str(a, to->local);
	r.to.domain = arena_dup_str(a, to->domain);
	r.text = arena_dup_str(a, cmd_print_address(s, to));
	r.orcpt = arena_dup_str(a, p->orcpt);
	if (answer->verdict == RCPT_LOCAL) {
		r.mailbox = arena_dup_str(a, answer->mailbox->address);
		r.has_quota = answer->mailbox->size_maximum != 0;
	}
	VEC_PUSH(a, &s->txn.recipients, r);
}

static void
answer(struct session *s, const struct address *to,
    const struct rcpt_answer *a, const struct smtp_rcpt_params *p)
{
	enum rcpt_verdict v = a->verdict;
	const struct verdict_reply *r = &replies[v];

	if (needs_tls(s, v)) {
		refuse(s, 530, "5.7.0", "STARTTLS first");
		return;
	}
	if (r->code == 250 &&
	    !policy_passes(s, "rcpt", cmd_print_address(s, to), NULL))
		return;
	if (r->code == 250) {
		add_recipient(s, to, a, p);
		session_enter(s, STATE_RCPT);
	}
	if (v == RCPT_FULL &&
	    str_equals(config_str(s->config, CFG_QUOTA_FULL),
		STR("permanent")))
		chat_reply(s, 552, "5.2.2", "%s", r->text);
	else
		chat_reply(s, r->code, r->status, "%s", r->text);
	if (r->is_error)
		session_count_error(s);
}

static bool
parse(struct session *s, struct str argument, struct address *to,
    struct smtp_rcpt_params *p)
{
	struct smtp_refusal why;
	bool is_8bit;

	if (!cmd_take_keyword(s, &argument, STR("TO:")) ||
	    !cmd_take_path(s, &argument, "5.1.3", to, &is_8bit))
		return false;
	if (address_is_null(to))
		refuse(s, 501, "5.1.3", "A recipient is wanted");
	else if (is_8bit && !s->txn.smtputf8)
		refuse(s, 553, "5.6.7",
		    "Address needs the SMTPUTF8 parameter of MAIL");
	else if (!smtp_rcpt_params_parse(argument, p, &why))
		refuse(s, why.code, why.status, why.text);
	else
		return true;
	return false;
}

/*
 * smtp.sender.local = login: nobody else comes from outside with an address
 * of ours. Looked at here, since MAIL goes without the database.
 */
static enum rc
check_local_sender(struct session *s, bool *ret_forged, struct err *err)
{
	size_t at = str_find_last_char(s->txn.sender, '@');
	struct domain *d;
	enum rc rc;

	*ret_forged = false;
	if (s->login || s->role == ROLE_LMTP || s->txn.is_null_sender ||
	    !str_equals(config_str(s->config, CFG_SMTP_SENDER_LOCAL),
		STR("login")) ||
	    rcpt_is_relay_network(s->config, s->c->peer.address))
		return RC_OK;
	rc = domain_find(s->p->db, s->command_arena,
	    address_fold_domain(
		s->command_arena, str_tail(s->txn.sender, at + 1)),
	    &d, err);
	if (rc == RC_OK)
		*ret_forged = d && d->delivery == DOMAIN_LOCAL;
	return rc;
}

void
cmd_rcpt(struct session *s, struct str argument)
{
	struct rcpt_question q = { .peer = s->c->peer.address,
		.login = s->login };
	struct rcpt_answer a;
	struct smtp_rcpt_params p;
	struct err err;
	bool is_bare, is_forged;

	if (!parse(s, argument, &q.to, &p))
		return;
	is_bare = q.to.domain.len == 0;
	if (session_open_db(s, &err) != RC_OK) {
		chat_temporary(s, &err);
		return;
	}
	if (account_is_due(&s->account) && !session_check_account(s))
		return;
	/* In an orderly fashion (RFC 5321 4.5.3.1.10): no error is counted. */
	if (s->txn.accepted.n >=
		(size_t)config_int(s->config, CFG_SMTP_LIMIT_RECIPIENTS) ||
	    arena_is_over(s->txn_arena)) {
		chat_reply(s, 452, "4.5.3", "Too many recipients");
		return;
	}
	if (check_local_sender(s, &is_forged, &err) != RC_OK) {
		chat_temporary(s, &err);
		return;
	}
	if (is_forged) {
		refuse(s, 550, "5.7.1",
		    "That sender address is for its owner: log in");
		return;
	}
	if (config_bool(s->config, CFG_SMTP_SIZE_CHECK_RCPT))
		q.size = s->txn.size;
	if (cmd_complete_postmaster(s, &q.to, &err) != RC_OK ||
	    rcpt_decide(s->p->db, s->command_arena, s->config, &q, &a, &err) !=
		RC_OK)
		chat_temporary(s, &err);
	else {
		if (is_bare && a.verdict == RCPT_REFUSED)
			a.verdict = RCPT_NO_POSTMASTER;
		answer(s, &q.to, &a, &p);
	}
}
