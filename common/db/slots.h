/*
 * Places in the collection `limits`: how many sessions there are at a time to
 * one destination, or to one address, over all processes and hosts. Each
 * place has a lease; who holds it keeps it alive.
 */
#ifndef M3_DB_SLOTS_H
#define M3_DB_SLOTS_H

#include "db/db.h"

enum slot_answer {
	SLOT_GRANTED,
	SLOT_BUSY,   /* as many sessions as allowed */
	SLOT_DEAD,   /* nobody answers there; another one will probe */
};

/* What was found out about the destination. */
enum slot_end {
	SLOT_END_NOTHING,
	SLOT_END_DEAD,     /* no session could be opened */
	SLOT_END_ANSWERED, /* it took or refused something */
};

/*
 * A place among at most `max` for the key, held until slot_give or the end
 * of the lease. A dead destination lets one probe pass whenever its wait is
 * over.
 */
enum rc slot_take(struct db *db, struct str key, struct str worker,
    int64_t max, int64_t lease_ms, enum slot_answer *ret_answer,
    struct err *err);
/* Still there: another lease from now on. */
enum rc slot_keep(struct db *db, struct str key, struct str worker,
    int64_t lease_ms, struct err *err);
/* Gives the place back. SLOT_END_DEAD: the next probe is wait_ms away. */
enum rc slot_give(struct db *db, struct str key, struct str worker,
    enum slot_end end, int64_t wait_ms, struct err *err);
/* It answered within the last day. One read, which waits for no node. */
enum rc slot_is_known(
    struct db *db, struct str key, bool *ret_known, struct err *err);

#endif
