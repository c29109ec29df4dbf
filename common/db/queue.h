/* The queue: the collection `queue`. See model/queue.h. */
#ifndef M3_DB_QUEUE_H
#define M3_DB_QUEUE_H

#include "db/db.h"
#include "model/queue.h"

/*
 * The commit of an acceptance: majority and journal, the same _id again
 * until deadline_ms (a duplicate key then means: it is stored). RC_TEMP:
 * not known to be stored.
 */
enum rc queue_insert(struct db *db, const struct queue_item *item,
    int64_t deadline_ms, struct err *err);

struct queue_claim {
	struct queue_item *v;
	size_t n;
};

/*
 * Up to max due messages of one bucket, claimed in three round trips:
 * next_at = now + lease by the server's clock, epoch + 1, starts + 1.
 * Messages with starts >= 3 before this claim become Held instead.
 */
enum rc queue_claim(struct db *db, struct arena *a, uint32_t bucket,
    struct str worker, size_t max, int64_t lease_ms,
    struct queue_claim *ret_claim, struct err *err);
/* Bits of the buckets that have something due now; one query. */
enum rc queue_due_buckets(
    struct db *db, uint64_t *ret_buckets, struct err *err);

/* New fields of recipients, by index; others stay. */
struct queue_change {
	size_t recipient;
	struct queue_recipient now; /* state code status text host tries
	                             * last_ms transcript */
};

struct queue_outcome {
	const struct queue_item *item;     /* as claimed: _id and epoch */
	const struct queue_change *changes;
	size_t n_changes;
	/* Recipients that expansion adds (aliases, lists). */
	const struct queue_recipient *added;
	size_t n_added;
	int64_t wait_ms;       /* next attempt, from now by the server */
	bool ends_attempt;     /* starts = 0, attempts + 1, next_at set */
	bool is_expansion;     /* with it: attempts stay, due at once */
	bool is_held;          /* nobody tries it before it is released */
	bool is_done;          /* nothing pending: delete the document */
	/* Reports and forwarded messages, inserted in the same transaction;
	 * their ids are deterministic, so a repeat changes nothing. */
	const struct queue_item *reports;
	size_t n_reports;
};

/* *ret_lost: the lease is another's, nothing was written: stop. */
enum rc queue_write_outcome(struct db *db, const struct queue_outcome *o,
    bool *ret_lost, struct err *err);
/* Renews the lease of claimed items in the middle of long work. */
enum rc queue_renew(struct db *db, const struct queue_item *const *v,
    size_t n, int64_t lease_ms, struct err *err);
/* Gives back what was claimed and not tried: due in wait_ms, starts - 1. */
enum rc queue_release_claim(struct db *db, const struct queue_item *const *v,
    size_t n, int64_t wait_ms, struct err *err);

/* --- administration --------------------------------------------------- */

struct queue_filter {
	struct oid id;             /* zero = any */
	struct str sender;         /* exact, lower case; "" = any */
	struct str recipient;
	struct str domain;         /* of a recipient */
	struct str error;          /* substring of a recipient's text (ours) */
	int64_t older_than_ms;     /* created before now - this; 0 = any */
	char state;                /* 'P', 'H', or 0 */
	size_t limit;              /* 0 = all */
};

/* Sorted by creation. Facts and transcripts only when whole. */
enum rc queue_list(struct db *db, struct arena *a,
    const struct queue_filter *f, bool whole, struct queue_item **ret_v,
    size_t *ret_n, struct err *err);
enum queue_action { QUEUE_HOLD, QUEUE_RELEASE, QUEUE_RETRY, QUEUE_DELETE,
	QUEUE_BOUNCE };
/*
 * On one message; fenced by raising the epoch, so that a worker who has it
 * stops. QUEUE_BOUNCE makes it due and expired: the mda bounces it.
 * *ret_done false: it is not in the queue (any more).
 */
enum rc queue_act(struct db *db, const struct oid *id,
    enum queue_action action, bool *ret_done, struct err *err);

#endif
