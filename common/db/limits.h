/*
 * Counters that many short-lived processes share: the collection `limits`.
 * One document is one counter with the end of its window by the server's
 * clock; it removes itself later. A counter may be lost with a failover
 * (w: 1): it guards, nobody's mail depends on it.
 */
#ifndef M3_DB_LIMITS_H
#define M3_DB_LIMITS_H

#include "db/db.h"

struct limit_state {
	int64_t n;         /* the sum, with this cost */
	int64_t failed;    /* by limit_fail, in this window */
	int64_t left_ms;   /* until the window ends */
};

/*
 * Adds cost to the counter, which starts anew when its window has ended.
 * The sum is exact, however many processes add at the same time.
 */
enum rc limit_take(struct db *db, struct str key, int64_t cost,
    int64_t window_ms, struct limit_state *ret_state, struct err *err);
/*
 * ret_held[i]: the counter keys[i] holds something in a window that has not
 * ended. A look, nothing is counted: one read, which waits for no other node.
 */
enum rc limit_look(struct db *db, const struct str *keys, size_t n,
    bool *ret_held, struct err *err);
/*
 * What was taken before turned out to be a failure: it stays, and is known.
 * hash, not 0: what failed (auth/repeat.h); *ret_is_again: that was counted
 * in this window before, and nothing is counted. The hashes are deleted at
 * the end of the window. 0: each failure is another one.
 */
enum rc limit_fail(struct db *db, struct str key, uint32_t hash,
    bool *ret_is_again, struct err *err);
/* Takes cost back, for what turned out not to count, and failures. */
enum rc limit_give(struct db *db, struct str key, int64_t cost,
    int64_t failed, struct err *err);
/*
 * Takes cost back and all that failed in this window. *ret_failed: how much
 * that was; of several that call this at the same time one is told, the
 * others get 0.
 */
enum rc limit_settle(struct db *db, struct str key, int64_t cost,
    int64_t *ret_failed, struct err *err);

#endif
