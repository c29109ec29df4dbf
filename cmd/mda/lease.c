/* Leases of this process; see lease.h. */
#include "lease.h"

#include "base/clock.h"
#include "base/pulse.h"
#include "log/log.h"
#include "mda.h"
#include "places.h"

#include "base/banned.h"

enum {
	BEAT_MS = 500,
	AGAIN_MS = 1000,      /* after a renewal that failed */
	ANSWER_MS = 10000,    /* told to stop behind the final dot */
};

static int64_t
lease_length(const struct mda *m)
{
	return config_int(m->config, CFG_MDA_LEASE);
}

bool
lease_is_ours(const struct job *j)
{
	return !j->is_lost && clock_left_ms(j->lease_ms) > 0;
}

static void
lease_log_lost(struct job *j)
{
	char id[OID_HEX];

	log_begin(LOG_AT_WARN, "lease-lost");
	log_str("queue", oid_format(&j->item->id, id));
	log_num("epoch", j->item->epoch);
	log_end();
}

static void
lease_take_renewed(struct mda *m, struct job **jobs, size_t n,
    const bool *lost, int64_t sent_ms)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!lost[i]) {
			jobs[i]->lease_ms = sent_ms + lease_length(m);
			continue;
		}
		jobs[i]->is_lost = true;
		lease_log_lost(jobs[i]);
	}
}

/* All that is left of what we have, in one write. */
static enum rc
lease_renew(struct mda *m, struct err *err)
{
	struct leases *l = &m->leases;
	struct arena *a = arena_new();
	const struct queue_item **items =
	    ARENA_ARRAY(a, l->n, const struct queue_item *);
	struct job **jobs = ARENA_ARRAY(a, l->n, struct job *);
	bool *lost = ARENA_ARRAY(a, l->n, bool);
	int64_t sent_ms = clock_mono_ms();
	enum rc rc = RC_OK;
	size_t i, n = 0;

	for (i = 0; i < l->n; i++) {
		if (l->v[i]->is_finished || l->v[i]->is_lost)
			continue;
		jobs[n] = l->v[i];
		items[n++] = l->v[i]->item;
	}
	if (n)
		rc = queue_renew(
		    m->db, items, n, lease_length(m), lost, err);
	if (rc == RC_OK) {
		lease_take_renewed(m, jobs, n, lost, sent_ms);
		l->renewed_ms = sent_ms;
		l->renew_at_ms = sent_ms + lease_length(m) / 4;
	} else {
		log_failure("renew", err);
		l->renew_at_ms = clock_deadline(AGAIN_MS);
	}
	arena_free(a);
	return rc;
}

/* Behind the final dot the answer is worth some seconds more. */
static bool
lease_may_stay(struct mda *m)
{
	struct leases *l = &m->leases;

	if (!mda_is_stopping(m))
		return true;
	if (!l->is_committed)
		return false;
	if (l->stop_by_ms == 0)
		l->stop_by_ms = clock_deadline(ANSWER_MS);
	return clock_left_ms(l->stop_by_ms) > 0;
}

static bool
lease_beat(void *ctx)
{
	struct mda *m = ctx;
	struct leases *l = &m->leases;
	struct err err;

	if (clock_left_ms(l->renew_at_ms) == 0 &&
	    lease_renew(m, &err) == RC_OK)
		places_keep(m);
	if (!lease_may_stay(m))
		return false;
	if (!l->job)
		return true;
	if (l->is_committed)
		return !l->job->is_lost;
	return lease_is_ours(l->job) && clock_left_ms(l->work_until_ms) > 0 &&
	    !couriers_is_impatient(m);
}

void
lease_hold(struct mda *m, struct job *const *jobs, size_t n)
{
	int64_t every_ms = lease_length(m) / 20;

	m->leases = (struct leases){ .v = jobs, .n = n,
		.renewed_ms = clock_mono_ms(),
		.renew_at_ms = clock_deadline(lease_length(m) / 4) };
	pulse_start(
	    lease_beat, m, every_ms < BEAT_MS ? every_ms : BEAT_MS);
}

void
lease_end(struct mda *m)
{
	struct leases *l = &m->leases;
	struct err unused;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->v[i]->is_lost && !l->v[i]->is_finished)
			(void)queue_forgive(m->db, l->v[i]->item, &unused);
	}
	pulse_start(NULL, NULL, 0);
	m->leases = (struct leases){ 0 };
}

void
lease_work(struct mda *m, struct job *j, int64_t max_ms)
{
	m->leases.job = j;
	m->leases.work_until_ms = clock_deadline(max_ms);
	m->leases.waits_since_ms = 0;
	m->leases.is_committed = false;
}

bool
lease_confirm(struct mda *m)
{
	struct leases *l = &m->leases;
	int64_t lease = lease_length(m);
	struct err err;

	if (!l->job)
		return false;
	if (clock_mono_ms() - l->renewed_ms < lease / 8)
		return lease_is_ours(l->job);
	if (lease_renew(m, &err) == RC_OK)
		return lease_is_ours(l->job);
	return !l->job->is_lost &&
	    clock_left_ms(l->job->lease_ms) > lease / 4;
}
