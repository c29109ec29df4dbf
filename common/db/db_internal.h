/*
 * Shared by the files of db/ only: the client behind struct db, its
 * collections, transactions and the translation of the driver's errors.
 */
#ifndef M3_DB_DB_INTERNAL_H
#define M3_DB_DB_INTERNAL_H

#include <mongoc/mongoc.h>

#include "db/db.h"
#include "model/id.h"

enum db_collection {
	DB_CONFIG,
	DB_DOMAINS,
	DB_MAILBOXES,
	DB_QUEUE,
	DB_FOLDERS,
	DB_PAGES,
	DB_MESSAGES,
	DB_BLOBS,
	DB_TRASH,
	DB_LIMITS,
	DB_COUNT
};

/* Connects when needed and checks for a replica set once. NULL: *err. */
mongoc_collection_t *db_coll(
    struct db *db, enum db_collection which, struct err *err);

/*
 * Options for a command: the causal session, and with majority reads. The
 * caller initialised opts and destroys it. Inside db_txn_run the session
 * carries the transaction and no read or write concern is added.
 */
void db_opts_read(struct db *db, bson_t *opts);
void db_opts_write(struct db *db, bson_t *opts); /* majority, journal */

/* Maps a driver error; reply may be NULL (looked at for error labels). */
enum rc db_error(const bson_error_t *error, const bson_t *reply,
    const char *what, struct err *err);
bool db_is_duplicate_key(const bson_error_t *error);

/*
 * Runs fn in a transaction (majority, journal, snapshot) with the retry
 * rules of the driver's documentation: TransientTransactionError runs fn
 * again, UnknownTransactionCommitResult commits again, until deadline_ms.
 * fn returns RC_OK to commit; anything else aborts and is handed on. fn
 * must be repeatable: it may run many times. *reply_error: fn reports a
 * failed command by db_txn_error so that its labels are seen.
 * *ret_conflicts (or NULL) counts the repeats.
 */
typedef enum rc db_txn_fn(struct db *db, void *ctx, struct err *err);
enum rc db_txn_run(struct db *db, db_txn_fn *fn, void *ctx,
    int64_t deadline_ms, int *ret_conflicts, struct err *err);
/* Like db_error, and remembers the labels for db_txn_run. */
enum rc db_txn_error(struct db *db, const bson_error_t *error,
    const bson_t *reply, const char *what, struct err *err);

/* --- documents (doc.c) ------------------------------------------------ */

void doc_add_oid(bson_t *doc, const char *key, const struct oid *id);
void doc_add_uuid(bson_t *doc, const char *key, const struct uuid *id);
void doc_add_bytes(bson_t *doc, const char *key, struct str bytes);
/* UTF-8 text; invalid UTF-8 is the caller's bug: use doc_add_bytes. */
void doc_add_text(bson_t *doc, const char *key, struct str text);

/*
 * Getters on a path with dots. A missing or wrongly typed field gives the
 * empty value; *_in copies into the arena.
 */
int64_t doc_int(const bson_t *doc, const char *path);
bool doc_bool(const bson_t *doc, const char *path);
struct str doc_bytes_in(
    struct arena *a, const bson_t *doc, const char *path);
struct str doc_text_in(struct arena *a, const bson_t *doc, const char *path);
bool doc_oid(const bson_t *doc, const char *path, struct oid *ret_id);
bool doc_uuid(const bson_t *doc, const char *path, struct uuid *ret_id);

#endif
