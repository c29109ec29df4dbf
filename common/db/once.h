/*
 * An insert that the server executes once, however often it is sent and
 * however late its answers come: the driver's retryable write with its number
 * kept by us. The server remembers (session, number) beside the write,
 * replicated with it, for 30 minutes; a repeat that arrives after the
 * document was deleted is known by it and does nothing.
 */
#ifndef M3_DB_ONCE_H
#define M3_DB_ONCE_H

#include "db/db_internal.h"

/* The identity of one insert; good for the client it was begun with. */
struct db_once {
	int64_t number;
};

/* Connects when needed. RC_TEMP: nothing was sent. */
enum rc db_once_begin(
    struct db *db, struct db_once *ret_once, struct err *err);
/*
 * RC_OK: a majority has it, on disk. RC_TEMP: not known, ask again with the
 * same `once`; err's code is "GONE" when that can bring nothing any more (the
 * connection was given up). Not to be called more than half an hour after
 * the first time. Never inside a transaction.
 */
enum rc db_insert_once(struct db *db, enum db_collection which,
    const struct db_once *once, const bson_t *doc, struct err *err);

#endif
