/*
 * What becomes of a recipient, asked anew at each attempt: nothing is frozen
 * in the queue. Answers of the directory are kept for a few seconds; what
 * they say of quota and disabled mailboxes is checked again by the delivery.
 */
#include "mda.h"

#include "base/clock.h"
#include "mail/report.h"
#include "smtp/path.h"

#include "base/banned.h"

enum { CACHE_MS = 5000, CACHE_ENTRIES = 4096 };

struct cached {
	struct str key;
	struct rcpt_answer answer;
};

/* Open addressing; emptied whole. */
struct route_cache {
	struct arena *a;
	int64_t until_ms;
	size_t n;
	struct cached v[CACHE_ENTRIES * 2];
};

struct route_cache *
route_cache_new(void)
{
	struct route_cache *c = mem_alloc(sizeof(*c));

	c->a = arena_new();
	return c;
}

void
route_cache_free(struct route_cache *c)
{
	if (!c)
		return;
	arena_free(c->a);
	mem_free(c);
}

/* Only between claims: the verdicts of jobs point into the answers. */
void
route_cache_refresh(struct route_cache *c)
{
	if (clock_mono_ms() < c->until_ms && c->n < CACHE_ENTRIES)
		return;
	arena_reset(c->a);
	memset(c->v, 0, sizeof(c->v));
	c->n = 0;
	c->until_ms = clock_deadline(CACHE_MS);
}

void
route_cache_forget(struct route_cache *c)
{
	c->until_ms = 0;
}

static struct cached *
slot_of(struct route_cache *c, struct str key)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.p[i]) * 16777619u;
	for (i = hash % (CACHE_ENTRIES * 2); c->v[i].key.p;
	     i = (i + 1) % (CACHE_ENTRIES * 2)) {
		if (str_equals(c->v[i].key, key))
			break;
	}
	return &c->v[i];
}

/* Of a domain that is not ours the answer is the same for all addresses. */
static struct str
route_domain_key(struct mda *m, const struct address *to)
{
	return arena_join(
	    m->a, STR("@"), address_fold_domain(m->a, to->domain));
}

static void
route_keep(struct mda *m, struct str key, const struct rcpt_answer *answer)
{
	struct route_cache *c = m->cache;
	struct cached *slot;

	if (c->n >= CACHE_ENTRIES)
		return;
	slot = slot_of(c, key);
	slot->key = arena_dup_str(c->a, key);
	slot->answer = *answer;
	c->n++;
}

enum rc
route_decide(struct mda *m, const struct address *to,
    struct rcpt_answer *ret, struct err *err)
{
	struct rcpt_question q = { .to = *to, .is_delivery = true,
		.is_whole = true };
	struct route_cache *c = m->cache;
	struct str of_domain = route_domain_key(m, to);
	struct str key = address_key(m->a, to);
	struct cached *slot = slot_of(c, of_domain);
	enum rc rc;

	if (!slot->key.p)
		slot = slot_of(c, key);
	if (slot->key.p) {
		*ret = slot->answer;
		return RC_OK;
	}
	rc = rcpt_decide(m->db, c->n < CACHE_ENTRIES ? c->a : m->a,
	    m->config, &q, ret, err);
	if (rc == RC_OK)
		route_keep(m, ret->verdict == RCPT_RELAY ||
			    ret->verdict == RCPT_ROUTE ||
			    ret->verdict == RCPT_BACKUP
			? of_domain
			: key, ret);
	return rc;
}

/* --- verdicts ----------------------------------------------------------------------- */

void
verdict_set(struct mda *m, struct verdict *v, enum fate fate, uint32_t code,
    const char *status, struct str text)
{
	v->fate = fate;
	v->now.code = code;
	v->now.status = str_from_cstr(status);
	v->now.text = arena_dup_str(m->a, text);
	v->now.tries++;
	v->now.last_ms = db_time(m->db);
}

void
verdict_fail(struct mda *m, struct verdict *v, uint32_t code,
    const char *status, struct str text)
{
	verdict_set(m, v, FATE_FAILED, code, status, text);
	v->now.state = RECIPIENT_BOUNCED;
}

void
verdict_retry(struct mda *m, struct verdict *v, uint32_t code,
    const char *status, struct str text)
{
	verdict_set(m, v, FATE_RETRY, code, status, text);
}

void
verdict_later(struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_REMOTE)
			j->verdicts[i].fate = FATE_LATER;
	}
}

bool
job_has_later(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_LATER)
			return true;
	}
	return false;
}

bool
job_is_only_later(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		enum fate fate = j->verdicts[i].fate;

		if (fate != FATE_LATER && fate != FATE_NONE)
			return false;
	}
	return job_has_later(j) && j->added.n == 0 && j->posts.n == 0;
}

/* A copy of it was there before: somebody sends it round in a circle. */
static bool
is_loop(struct mda *m, const struct job *j, const struct verdict *v)
{
	struct str rest = j->item->delivered_to, line;
	struct str here = local_delivered_to(m, v);

	while (rest.len && str_split_char(&rest, '\n', &line)) {
		if (str_equals_nocase(line, here))
			return true;
	}
	return false;
}

/* --- one recipient --------------------------------------------------------------------------- */

static enum rc
judge(struct mda *m, struct job *j, struct verdict *v, struct err *err)
{
	switch (v->answer.verdict) {
	case RCPT_LOCAL:
	case RCPT_FULL: /* the delivery's transaction has the last word */
		if (is_loop(m, j, v))
			verdict_fail(m, v, 554, "5.4.6",
			    STR("Delivered here before: a loop"));
		else
			v->fate = FATE_LOCAL;
		break;
	case RCPT_EXPAND:
		return expansion_apply(m, j, v, err);
	case RCPT_RELAY:
	case RCPT_BACKUP:
	case RCPT_ROUTE:
		v->fate = FATE_REMOTE;
		break;
	case RCPT_UNKNOWN:
		verdict_fail(m, v, 550, "5.1.1", STR("No such user here"));
		break;
	case RCPT_DISABLED:
		verdict_fail(m, v, 550, "5.2.1", STR("Mailbox disabled"));
		break;
	case RCPT_REFUSED:
		verdict_fail(m, v, 550, "5.7.1", STR("Domain disabled"));
		break;
	case RCPT_NO_POSTMASTER:
		verdict_retry(m, v, 451, "4.2.0",
		    STR("Nobody reads the postmaster's mail: make "
			"postmaster@ of a domain"));
		break;
	}
	return RC_OK;
}

static enum rc
route_recipient(
    struct mda *m, struct job *j, struct verdict *v, struct err *err)
{
	enum rc rc;

	if (path_parse_bare(m->a, v->now.address, &v->to) != PATH_OK) {
		verdict_fail(m, v, 553, "5.1.3", STR("That is no address"));
		return RC_OK;
	}
	rc = route_decide(m, &v->to, &v->answer, err);
	return rc == RC_OK ? judge(m, j, v, err) : rc;
}

static void
expire(struct mda *m, struct verdict *v)
{
	struct str last = report_said(m->a, &v->now);

	verdict_set(m, v, FATE_FAILED, v->now.code, "4.4.7",
	    last.len ? arena_join(m->a, STR(REPORT_GAVE_UP), last)
		     : STR("Gave up: the time for delivery is over"));
	v->now.state = RECIPIENT_EXPIRED;
}

static void
route_begin(struct job *j, size_t i)
{
	struct verdict *v = &j->verdicts[i];

	v->fate = FATE_NONE;
	v->now = j->item->recipients[i];
	if (v->wider)
		v->now.notify = v->wider;
}

bool
job_has_wider(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].wider)
			return true;
	}
	return false;
}

/*
 * Who is added is tried together with the others, at once: a mailbox that
 * two addresses lead to gets one copy, which names both. So is who stands
 * for more than before.
 */
static void
route_wait_for_added(struct job *j)
{
	size_t i;

	if (j->added.n == 0 && !job_has_wider(j))
		return;
	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate != FATE_EXPANDED)
			route_begin(j, i);
	}
}

enum rc
route_job(struct mda *m, struct job *j, struct err *err)
{
	size_t i, n = j->item->n_recipients;
	enum rc rc = RC_OK;

	j->verdicts = ARENA_ARRAY(m->a, n, struct verdict);
	for (i = 0; rc == RC_OK && i < n; i++) {
		struct verdict *v = &j->verdicts[i];

		route_begin(j, i);
		if (v->now.state != RECIPIENT_PENDING)
			continue;
		if (j->is_expired)
			expire(m, v);
		else
			rc = route_recipient(m, j, v, err);
	}
	route_wait_for_added(j);
	return rc;
}
