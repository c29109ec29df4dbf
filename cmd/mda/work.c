/*
 * Claims: the buckets in their order, in batches that may span several of
 * them, so that few messages in many buckets are few transactions.
 */
#include "mda.h"

#include <poll.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/rnd.h"
#include "db/blob.h"
#include "log/log.h"
#include "net/doorbell.h"

#include "base/banned.h"

enum {
	RELEASE_MS = 120000,
	RELEASE_STOP_MS = 3000, /* told to end: what then is left, its lease
				 * gives back */
	RELEASE_EVERY_MS = 500,
};

bool
mda_is_stopping(const struct mda *m)
{
	struct pollfd p = { m->stop_fd, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

bool
mda_is_wanted(const struct mda *m)
{
	struct pollfd p = { m->bell ? doorbell_fd(m->bell) : -1, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

/*
 * Small messages come inside their queue documents: their blobs are made
 * here, one write for a whole claim. From then on all refer to them.
 */
static enum rc
make_blobs(struct mda *m, const struct queue_claim *claim, struct err *err)
{
	struct small_blob *v = ARENA_ARRAY(m->a, claim->n, struct small_blob);
	size_t i, n = 0;

	for (i = 0; i < claim->n; i++) {
		if (claim->v[i].body.len)
			v[n++] = (struct small_blob){ claim->v[i].blob,
				claim->v[i].body };
	}
	return blob_insert(m->db, v, n, err);
}

/*
 * The database failed in the middle (a failover, mostly): what is still ours
 * is given back, so that it need not wait for the end of its lease.
 */
static void
release(struct mda *m, const struct queue_item *const *v, size_t k)
{
	int64_t start_ms = clock_mono_ms(), patience_ms;
	struct err err;

	while (k && queue_release_claim(m->db, v, k, 0, &err) != RC_OK) {
		log_failure("release", &err);
		patience_ms =
		    mda_is_stopping(m) ? RELEASE_STOP_MS : RELEASE_MS;
		if (clock_mono_ms() - start_ms > patience_ms)
			break;
		clock_sleep(RELEASE_EVERY_MS);
	}
}

void
mda_release(struct mda *m, struct job *const *jobs, size_t n)
{
	const struct queue_item **v =
	    ARENA_ARRAY(m->a, n, const struct queue_item *);
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (!jobs[i]->is_finished && !jobs[i]->is_lost)
			v[k++] = jobs[i]->item;
	}
	release(m, v, k);
}

enum rc
mda_put_off(
    struct mda *m, struct job *const *jobs, size_t n, struct err *err)
{
	const struct queue_item **v =
	    ARENA_ARRAY(m->a, n, const struct queue_item *);
	int64_t wait_ms = mda_is_stopping(m)
	    ? 0
	    : m->later_ms + rnd_below((uint32_t)m->later_ms);
	size_t i, k = 0;
	enum rc rc;

	for (i = 0; i < n; i++) {
		if (!jobs[i]->is_finished && !jobs[i]->is_lost &&
		    job_is_only_later(jobs[i]))
			v[k++] = jobs[i]->item;
	}
	rc = queue_release_claim(m->db, v, k, wait_ms, err);
	/* What is lost is another's: lease_end() forgives its start. */
	for (i = 0; rc == RC_OK && i < n; i++)
		jobs[i]->is_finished |=
		    !jobs[i]->is_lost && job_is_only_later(jobs[i]);
	return rc;
}

static void
release_claim(struct mda *m, const struct queue_claim *claim)
{
	const struct queue_item **v =
	    ARENA_ARRAY(m->a, claim->n, const struct queue_item *);
	size_t i;

	for (i = 0; i < claim->n; i++)
		v[i] = &claim->v[i];
	release(m, v, claim->n);
}

static void
work_log_held(const struct queue_claim *claim)
{
	char id[OID_HEX];
	size_t i;

	for (i = 0; i < claim->held.n; i++) {
		log_begin(LOG_AT_ERROR, "held");
		log_str("queue", oid_format(&claim->held.v[i].id, id));
		log_str("text", claim->held.v[i].reason);
		log_end();
	}
}

/*
 * A part of a claim, with nothing left over: delivered, handed to couriers,
 * put off, or with its outcome written. *ret_n: how many it was.
 */
static enum rc
work_on_part(struct mda *m, struct job *jobs, struct job *const *each,
    size_t n, size_t *ret_n, struct err *err)
{
	enum rc rc = local_deliver(m, jobs, n, ret_n, err);
	size_t i;

	if (rc == RC_OK)
		rc = couriers_hand_over(m, jobs, *ret_n, err);
	if (rc == RC_OK)
		rc = mda_put_off(m, each, *ret_n, err);
	for (i = 0; rc == RC_OK && i < *ret_n; i++) {
		rc = outcome_write(m, &jobs[i], err);
		jobs[i].is_finished |= rc == RC_OK && !jobs[i].is_lost;
	}
	return rc;
}

/*
 * What the part does not reach, since filters take their time, is given back
 * at once: other workers may have it, or we, behind what else is due.
 */
static enum rc
work_on(struct mda *m, const struct queue_claim *claim, int64_t claimed_ms,
    struct err *err)
{
	struct job *jobs = ARENA_ARRAY(m->a, claim->n, struct job);
	struct job **each = ARENA_ARRAY(m->a, claim->n, struct job *);
	int64_t now = db_time(m->db); /* the claim asked for it */
	size_t i, n_done = 0;
	enum rc rc;

	for (i = 0; i < claim->n; i++) {
		jobs[i].item = &claim->v[i];
		jobs[i].is_expired = claim->v[i].expires_ms <= now;
		jobs[i].lease_ms =
		    claimed_ms + config_int(m->config, CFG_MDA_LEASE);
		each[i] = &jobs[i];
	}
	lease_hold(m, each, claim->n);
	rc = make_blobs(m, claim, err);
	if (rc == RC_OK)
		rc = work_on_part(m, jobs, each, claim->n, &n_done, err);
	m->has_more |= n_done < claim->n;
	if (rc == RC_TEMP)
		mda_release(m, each, claim->n);
	else if (rc == RC_OK)
		mda_release(m, each + n_done, claim->n - n_done);
	lease_end(m);
	return rc;
}

/* Up to a batch of what is due, from this bucket on. */
static enum rc
claim_batch(struct mda *m, uint64_t buckets, uint32_t *b,
    struct queue_claim *all, struct err *err)
{
	size_t max = (size_t)config_int(m->config, CFG_MDA_BATCH);
	struct queue_claim claim;
	enum rc rc = RC_OK;

	*all = (struct queue_claim){ 0 };
	all->v = ARENA_ARRAY(m->a, max, struct queue_item);
	for (; rc == RC_OK && *b < QUEUE_BUCKETS && all->n < max; ++*b) {
		if (!((buckets >> *b) & 1))
			continue;
		rc = queue_claim(m->db, m->a, *b, m->worker, max - all->n,
		    config_int(m->config, CFG_MDA_LEASE), all->n == 0, &claim,
		    err);
		work_log_held(&claim);
		if (rc != RC_OK || claim.n == 0)
			continue;
		memcpy(all->v + all->n, claim.v, claim.n * sizeof(*claim.v));
		all->n += claim.n;
		if (all->n == max || claim.is_alone)
			break; /* it may have more */
	}
	return rc;
}

enum rc
mda_work(struct mda *m, uint64_t buckets, struct err *err)
{
	struct queue_claim claim;
	int64_t claimed_ms;
	uint32_t b = 0;
	enum rc rc = RC_OK;

	couriers_new_pass(m->couriers);
	while (rc == RC_OK && b < QUEUE_BUCKETS && !mda_is_stopping(m)) {
		arena_reset(m->a);
		route_cache_refresh(m->cache);
		claimed_ms = clock_mono_ms();
		rc = claim_batch(m, buckets, &b, &claim, err);
		if (rc != RC_OK)
			release_claim(m, &claim);
		if (rc != RC_OK || claim.n == 0)
			continue;
		FAULT_POINT("mda-claimed");
		rc = work_on(m, &claim, claimed_ms, err);
	}
	return rc;
}
