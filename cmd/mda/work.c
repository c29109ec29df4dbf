/* Claims: bucket by bucket, until nothing is due. */
#include "mda.h"

#include <poll.h>

#include "base/clock.h"
#include "base/fault.h"
#include "log/log.h"
#include "remote.h"

#include "base/banned.h"

bool
mda_is_stopping(const struct mda *m)
{
	struct pollfd p = { m->stop_fd, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

/* What was claimed and not ended is tried again when its lease ends. */
static enum rc
work_on(struct mda *m, const struct queue_claim *claim, struct err *err)
{
	struct job *jobs = ARENA_ARRAY(m->a, claim->n, struct job);
	int64_t now = clock_wall_ms();
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < claim->n; i++) {
		jobs[i].item = &claim->v[i];
		jobs[i].is_expired = claim->v[i].expires_ms <= now;
		rc = route_job(m, &jobs[i], err);
	}
	if (rc == RC_OK)
		rc = local_deliver(m, jobs, claim->n, err);
	if (rc == RC_OK)
		rc = remote_deliver(m, jobs, claim->n, err);
	for (i = 0; rc == RC_OK && i < claim->n; i++)
		rc = outcome_write(m, &jobs[i], err);
	return rc;
}

static enum rc
work_bucket(
    struct mda *m, uint32_t bucket, size_t *ret_n, struct err *err)
{
	struct queue_claim claim;
	enum rc rc;

	arena_reset(m->a);
	rc = queue_claim(m->db, m->a, bucket, m->worker,
	    (size_t)config_int(m->config, CFG_MDA_BATCH),
	    config_int(m->config, CFG_MDA_LEASE), &claim, err);
	if (rc != RC_OK)
		return rc;
	*ret_n = claim.n;
	if (claim.n == 0)
		return RC_OK;
	FAULT_POINT("mda-claimed");
	return work_on(m, &claim, err);
}

enum rc
mda_work(struct mda *m, uint64_t buckets, struct err *err)
{
	uint32_t b;
	size_t n;
	enum rc rc = RC_OK;

	for (b = 0; rc == RC_OK && b < QUEUE_BUCKETS; b++) {
		n = (buckets >> b) & 1;
		while (rc == RC_OK && n > 0 && !mda_is_stopping(m))
			rc = work_bucket(m, b, &n, err);
	}
	return rc;
}
