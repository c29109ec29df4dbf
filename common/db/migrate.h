/*
 * The stored form has a number, kept in `config` {_id: "schema", number}. A
 * change of what documents mean is a row of the table in migrate.c: its step
 * brings the data of the number before it forward. `m3mta init` runs the
 * steps; every other program compares the number, which it reads together
 * with its configuration, and does nothing when it differs.
 */
#ifndef M3_DB_MIGRATE_H
#define M3_DB_MIGRATE_H

#include "db/db.h"

/* Called once a second while steps run: the step, and documents done. */
typedef void migrate_progress_fn(
    void *ctx, int number, const char *what, uint64_t n_done);

/* The number that this program reads and writes. */
int64_t migrate_number(void);
/*
 * RC_PERM "SCHEMA", with a text that says what to do, unless the number is
 * this program's. 0: the database has none.
 */
enum rc migrate_compare(int64_t number, struct err *err);
/* Reads the number and compares it: one round trip. */
enum rc migrate_check(struct db *db, struct err *err);
/* Only a newer number is wrong. */
enum rc migrate_refuse_newer(struct db *db, struct err *err);
/*
 * Runs what is missing, each step once or, after a crash, again. Two at a
 * time do no harm. A database without a number is of the time before them.
 */
enum rc migrate_run(struct db *db, migrate_progress_fn *progress, void *ctx,
    struct err *err);

/*
 * Creates collections, runs the steps, creates indexes; idempotent. shard:
 * also shard keys. RC_PERM "SCHEMA": the database is newer (schema.c).
 */
enum rc db_init_schema(struct db *db, bool shard,
    migrate_progress_fn *progress, void *ctx, struct err *err);

#endif
