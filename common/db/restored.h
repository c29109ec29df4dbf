/* What has to happen after the database was restored from a backup. */
#ifndef M3_DB_RESTORED_H
#define M3_DB_RESTORED_H

#include "db/db.h"

struct restored_counts {
	uint64_t folders; /* that have another UIDVALIDITY now */
	uint64_t leases;  /* of the queue, that were ended */
	uint64_t held;    /* messages of the queue */
};

/*
 * Makes true again what a database that went back in time breaks: every
 * folder gets a new UIDVALIDITY, since uids that were given after the backup
 * will be given again; leases of workers that are no more end, and the
 * counters in `limits` are forgotten. is_held: what waits in the queue is
 * held, since some of it may have been delivered after the backup. No daemon
 * may run meanwhile. When it dies it is run again, from the start.
 */
enum rc db_restored(struct db *db, bool is_held, struct restored_counts *ret,
    struct err *err);

#endif
