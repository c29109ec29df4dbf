/*
 * `m3mta verify` and `m3mta gc`: every invariant of the store and the queue,
 * and the removal of blobs that nothing refers to.
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

struct gc_counts {
	uint64_t examined, deleted, bytes, expunged_forgotten;
};

/* min_age_ms: a day; tests pass less. dry: counts only. */
enum rc gc_run(struct db *db, int64_t min_age_ms, bool dry,
    struct gc_counts *ret_counts, struct err *err);

#endif
