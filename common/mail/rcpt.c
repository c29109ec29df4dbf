/*
 * The decision of RCPT, in the order of 2013: local mailbox, alias, list or
 * catch-all; quota; relay by network or login; backup MX; refused.
 */
#include "mail/rcpt.h"

#include <assert.h>

#include "base/cidr.h"
#include "smtp/path.h"

#include "base/banned.h"

static bool
is_postmaster(const struct address *to)
{
	return str_equals_nocase(to->local, STR("postmaster"));
}

enum { LOOK_ON = 10 }; /* destinations that RCPT looks at */
static_assert((int)LOOK_ON < (int)MAILBOX_FEW, "RCPT sees if there are more");

size_t
rcpt_keys(struct arena *a, const struct config *c, const struct address *to,
    struct str keys[RCPT_KEYS])
{
	struct address shorter = *to;
	size_t n = 0;

	keys[n++] = address_key(a, to);
	if (address_strip_tag(to, config_str(c, CFG_ADDRESS_SEPARATOR),
		&shorter.local))
		keys[n++] = address_key(a, &shorter);
	keys[n++] = arena_join(
	    a, STR("*@"), address_fold_domain(a, to->domain));
	return n;
}

bool
rcpt_parse_stored(
    struct arena *a, struct str text, struct address *ret_address)
{
	return path_parse_bare(a, text, ret_address) == PATH_OK ||
	    address_from_key(text, ret_address);
}

static bool
is_full(const struct mailbox *m, uint64_t size)
{
	return m->kind == ADDRESS_MAILBOX && m->size_maximum &&
	    (m->size_current >= m->size_maximum ||
		size > m->size_maximum - m->size_current);
}

static enum rcpt_verdict
judge_mailbox(const struct rcpt_question *q, const struct mailbox *m)
{
	if (m->disabled)
		return RCPT_DISABLED;
	if (m->kind != ADDRESS_MAILBOX)
		return RCPT_EXPAND;
	if (is_full(m, q->size) && !is_postmaster(&q->to))
		return RCPT_FULL;
	return RCPT_LOCAL;
}

/* The domain's own choice, where postmaster@ it is no mailbox. */
static enum rc
find_postmaster(struct db *db, struct arena *a,
    const struct rcpt_question *q, struct rcpt_answer *answer,
    struct err *err)
{
	struct str other = answer->domain->postmaster;

	if (str_is_empty(other))
		return RC_OK;
	other = address_key_of(a, other);
	return mailbox_find_first(
	    db, a, &other, 1, q->is_whole, &answer->mailbox, err);
}

static enum rc
decide_local(struct db *db, struct arena *a, const struct config *c,
    const struct rcpt_question *q, struct rcpt_answer *answer,
    struct err *err)
{
	struct str keys[RCPT_KEYS];
	size_t n = rcpt_keys(a, c, &q->to, keys);
	enum rc rc;

	rc = mailbox_find_first(
	    db, a, keys, n, q->is_whole, &answer->mailbox, err);
	if (rc == RC_OK && !answer->mailbox && is_postmaster(&q->to))
		rc = find_postmaster(db, a, q, answer, err);
	if (rc != RC_OK)
		return rc;
	if (answer->mailbox)
		answer->verdict = judge_mailbox(q, answer->mailbox);
	else
		answer->verdict = is_postmaster(&q->to) ? RCPT_NO_POSTMASTER
							: RCPT_UNKNOWN;
	return RC_OK;
}

bool
rcpt_is_relay_network(const struct config *c, struct str peer)
{
	const struct config_value *nets = &c->v[CFG_SMTP_RELAY_NETWORKS];
	size_t i;

	for (i = 0; i < nets->count; i++) {
		if (cidr_matches(nets->list[i], peer))
			return true;
	}
	return false;
}

bool
rcpt_may_relay(
    const struct config *c, const struct mailbox *login, struct str peer)
{
	/* A mailbox with a relay of its own takes that one. */
	return (login && (login->may_relay || login->route.len)) ||
	    rcpt_is_relay_network(c, peer);
}

static bool
may_relay(const struct config *c, const struct rcpt_question *q)
{
	return q->is_delivery || rcpt_may_relay(c, q->login, q->peer);
}

static enum rcpt_verdict
judge_domain(const struct config *c, const struct rcpt_question *q,
    const struct domain *d)
{
	if (!d || d->disabled)
		return may_relay(c, q) && !d ? RCPT_RELAY : RCPT_REFUSED;
	return d->delivery == DOMAIN_BACKUP ? RCPT_BACKUP : RCPT_ROUTE;
}

static enum rc
decide(struct db *db, struct arena *a, const struct config *c,
    const struct rcpt_question *q, struct rcpt_answer *ret_answer,
    struct err *err)
{
	struct rcpt_answer answer = { .verdict = RCPT_REFUSED };
	struct str name = address_fold_domain(a, q->to.domain);
	enum rc rc = domain_find(db, a, name, &answer.domain, err);

	if (rc != RC_OK)
		return rc;
	if (answer.domain && !answer.domain->disabled &&
	    answer.domain->delivery == DOMAIN_LOCAL)
		rc = decide_local(db, a, c, q, &answer, err);
	else
		answer.verdict = judge_domain(c, q, answer.domain);
	if (rc == RC_OK)
		*ret_answer = answer;
	return rc;
}

/*
 * RCPT looks one step on: an alias all of whose destinations are addresses
 * here that are gone is no more than they are. The sender is told at once,
 * and nobody gets a report that he has not asked for.
 */
static enum rc
look_on(struct db *db, struct arena *a, const struct config *c,
    struct rcpt_answer *answer, struct err *err)
{
	const struct mailbox *alias = answer->mailbox;
	struct rcpt_question q = { .is_delivery = true };
	struct rcpt_answer next = { .verdict = RCPT_UNKNOWN };
	enum rc rc = RC_OK;
	size_t i;

	if (alias->kind != ADDRESS_ALIAS || alias->n_destinations > LOOK_ON)
		return RC_OK;
	for (i = 0; rc == RC_OK && next.verdict == RCPT_UNKNOWN &&
	     i < alias->n_destinations; i++) {
		if (rcpt_parse_stored(a, alias->destinations[i], &q.to))
			rc = decide(db, a, c, &q, &next, err);
	}
	if (rc == RC_OK && next.verdict == RCPT_UNKNOWN)
		answer->verdict = RCPT_UNKNOWN;
	return rc;
}

enum rc
rcpt_decide(struct db *db, struct arena *a, const struct config *c,
    const struct rcpt_question *q, struct rcpt_answer *ret_answer,
    struct err *err)
{
	enum rc rc = decide(db, a, c, q, ret_answer, err);

	if (rc == RC_OK && !q->is_delivery &&
	    ret_answer->verdict == RCPT_EXPAND)
		rc = look_on(db, a, c, ret_answer, err);
	return rc;
}
