/*
 * `m3mta verify`: every invariant of the store and the queue.
 */
#ifndef M3_DB_VERIFY_H
#define M3_DB_VERIFY_H

#include "db/db.h"

struct verify_counts {
	uint64_t mailboxes, folders, pages, entries, messages, blobs, queue;
	uint64_t orphan_blobs;  /* no reference yet: not an error */
	uint64_t problems;
};

/* problem is called for each violation: what ("uid-order"), where, text. */
enum rc verify_run(struct db *db,
    void (*problem)(void *ctx, const char *what, struct str where,
	struct str text),
    void *ctx, struct verify_counts *ret_counts, struct err *err);

#endif
