/*
 * The leases of the jobs that this process has: renewed at the pulse
 * (base/pulse.h) of whatever it waits for, remote systems, filters and
 * spamd alike. A lease that is lost, or that could not be renewed before
 * its end by the monotonic clock, stops the work on that job; so does the
 * end of the time that one job may take, and SIGTERM.
 */
#ifndef M3_CMD_MDA_LEASE_H
#define M3_CMD_MDA_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job;
struct mda;

struct leases {
	struct job *const *v;   /* all that this process has */
	size_t n;
	int64_t renew_at_ms;
	int64_t renewed_ms;     /* when the last renewal was sent */
	/* What is worked on. */
	struct job *job;        /* NULL: nothing in particular */
	int64_t work_until_ms;
	int64_t waits_since_ms; /* for a reply, 0 = for none */
	bool is_committed;      /* the final dot is out */
	int64_t stop_by_ms;     /* committed and told to stop: until then */
};

/* From now on these, each with its lease_ms; the array is borrowed. */
void lease_hold(struct mda *m, struct job *const *jobs, size_t n);
/* Nothing any more. What was lost meanwhile is forgiven (db/queue.h). */
void lease_end(struct mda *m);
/* Work on j begins, for at most max_ms; NULL: it has ended. */
void lease_work(struct mda *m, struct job *j, int64_t max_ms);
/* By our own clock. */
bool lease_is_ours(const struct job *j);
/*
 * Before something that cannot be taken back: ours, and for a while. Asks
 * the database when it was not asked lately.
 */
bool lease_confirm(struct mda *m);

#endif
