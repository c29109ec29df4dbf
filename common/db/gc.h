/*
 * `m3mta gc` and the mda's collector: octets that nothing refers to any more
 * are deleted. Why no order of events takes one that something refers to:
 * ARCHITECTURE.md, "Octets and references".
 */
#ifndef M3_DB_GC_H
#define M3_DB_GC_H

#include "db/db.h"

struct gc_options {
	/* How long what was expunged stays, for other sessions that show it:
	 * by the server's clock. Any value is safe. */
	int64_t min_age_ms;
	bool is_dry;        /* counts only */
	/* Also walks all blobs, for those that no trash record names: what
	 * died between the write and the reference, or came too late. */
	bool is_whole;
	const struct uuid *owner; /* the trash of this one alone, or NULL */
};

struct gc_counts {
	uint64_t examined, deleted, bytes, expunged_forgotten;
	uint64_t stuck; /* trash records that could not be changed */
};

/* Any number of them may run at once, and die anywhere. */
enum rc gc_run(struct db *db, const struct gc_options *options,
    struct gc_counts *ret_counts, struct err *err);

/*
 * The trash of those mailboxes that expunged more than their quota since it
 * was collected, whatever its age. An owner: of this one, however much.
 */
enum rc gc_run_crowded(
    struct db *db, struct gc_counts *ret_counts, struct err *err);
enum rc gc_run_owner(
    struct db *db, const struct uuid *owner, struct err *err);

#endif
