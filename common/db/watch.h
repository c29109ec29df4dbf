/*
 * Changes of folders as they happen, on whatever host: one change stream for
 * all sessions of a host (m3mta notify). A stream for each session would
 * cost mongod half a core for two hundred of them.
 */
#ifndef M3_DB_WATCH_H
#define M3_DB_WATCH_H

#include "db/db.h"
#include "model/id.h"

struct watch;

/* From now on. RC_TEMP: the database is away. */
enum rc watch_new(struct db *db, struct watch **ret_watch, struct err *err);
/*
 * Waits up to a second for the next change. *ret_has false: there was none.
 * After a failure: watch_free and a new one.
 */
enum rc watch_next(struct watch *w, struct uuid *ret_owner, bool *ret_has,
    struct err *err);
void watch_free(struct watch *w); /* NULL is accepted */

#endif
