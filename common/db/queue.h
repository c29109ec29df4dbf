/* The queue: the collection `queue`. See model/queue.h. */
#ifndef M3_DB_QUEUE_H
#define M3_DB_QUEUE_H

#include "base/vec.h"
#include "db/db.h"
#include "model/queue.h"

/*
 * Octets that the document takes, with room for where each recipient was
 * delivered. The answers that they get are bounded apart
 * (LIMIT_QUEUE_TEXTS), so what is within LIMIT_QUEUE_DOCUMENT when it is
 * made, or made longer, never meets mongod's limit.
 */
size_t queue_size(const struct queue_item *item);
size_t queue_recipient_size(const struct queue_recipient *r);

/*
 * The commit of an acceptance: majority and journal, the same _id again
 * until deadline_ms (a duplicate key then means: it is stored). RC_TEMP:
 * not known to be stored.
 */
enum rc queue_insert(struct db *db, const struct queue_item *item,
    int64_t deadline_ms, struct err *err);

/* It was claimed three times by workers that died: it is Held now. */
struct queue_held {
	struct oid id;
	struct str reason;
};

struct queue_claim {
	struct queue_item *v;
	size_t n;
	bool is_alone;          /* n is 1: a worker may have died of it */
	VEC(struct queue_held) held;
};

/*
 * Up to max due messages of one bucket, claimed in three round trips:
 * next_at = now + lease by the server's clock, epoch + 1, starts + 1,
 * leased. Messages with starts >= 3 before this claim become Held instead;
 * one with fewer is claimed alone, and only if may_be_alone.
 */
enum rc queue_claim(struct db *db, struct arena *a, uint32_t bucket,
    struct str worker, size_t max, int64_t lease_ms, bool may_be_alone,
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
	bool ends_attempt;     /* starts = 0, attempts + 1, next_at set; else
	                        * the lease and the attempt go on */
	bool is_expansion;     /* with it: attempts stay, due at once */
	bool is_held;          /* nobody tries it before it is released */
	struct str reason;     /* why it is held, or "" */
	bool is_done;          /* nothing pending: delete the document */
	/* Reports and forwarded messages, inserted in the same transaction;
	 * their ids are deterministic, so a repeat changes nothing. */
	const struct queue_item *reports;
	size_t n_reports;
};

/* *ret_lost: the lease is another's, nothing was written: stop. */
enum rc queue_write_outcome(struct db *db, const struct queue_outcome *o,
    bool *ret_lost, struct err *err);
/*
 * Renews the leases of claimed items in the middle of long work. ret_lost
 * [n]: which are another's now, or gone. RC_TEMP: nothing is known.
 */
enum rc queue_renew(struct db *db, const struct queue_item *const *v,
    size_t n, int64_t lease_ms, bool *ret_lost, struct err *err);
/* Gives back what was claimed and not tried: due in wait_ms, starts - 1. */
enum rc queue_release_claim(struct db *db, const struct queue_item *const *v,
    size_t n, int64_t wait_ms, struct err *err);
/*
 * The worker lives that lost this lease to another one: its start does not
 * count. Nothing happens when the message is done or was not claimed since.
 */
enum rc queue_forgive(
    struct db *db, const struct queue_item *item, struct err *err);

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
enum queue_acted { QUEUE_ACTED, QUEUE_GONE, QUEUE_LEASED };
/*
 * On one message. QUEUE_BOUNCE makes it due and expired: the mda bounces it.
 * *ret: QUEUE_GONE, it is not in the queue (any more); QUEUE_LEASED, a
 * worker has it, its lease has not ended: nothing was done. The epoch rises,
 * so that a worker whose lease has ended stops. *ret_bucket: whose doorbell
 * to ring.
 */
enum rc queue_act(struct db *db, const struct oid *id,
    enum queue_action action, enum queue_acted *ret, uint32_t *ret_bucket,
    struct err *err);

#endif
