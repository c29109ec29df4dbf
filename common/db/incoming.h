/*
 * Blobs to which the first reference is still to be made: the collection
 * `incoming`, a document for each, written before the first chunk. Whoever
 * makes a reference from nothing (not from another reference) changes that
 * document in the same transaction; gc deletes it in the transaction in
 * which it finds no reference. Of the two one sees the other: ARCHITECTURE.md,
 * "Octets and references".
 */
#ifndef M3_DB_INCOMING_H
#define M3_DB_INCOMING_H

#include "db/db_internal.h"

/* Such a blob is gc's when nothing was heard of its writer for so long. */
enum { INCOMING_KEEP_MS = 86400000 };

/* Also says that the writer still writes: the age begins anew. */
enum rc incoming_begin(
    struct db *db, const struct oid *blob, struct err *err);
/*
 * In the transaction that makes references to n blobs (each named once).
 * RC_TEMP, code "GONE": gc took one of them; the octets have to come again.
 */
enum rc incoming_refer(
    struct db *db, const struct oid *v, size_t n, struct err *err);
/*
 * Nobody will make a reference to these, as far as the writer knows: their
 * signs are as old as can be, and the next gc decides. So this is harmless
 * also when a commit, whose answer did not come, is done later.
 */
enum rc incoming_end(
    struct db *db, const struct oid *v, size_t n, struct err *err);
/* gc, in its transaction: nothing can refer to these any more. */
enum rc incoming_forget(
    struct db *db, const struct oid *v, size_t n, struct err *err);
/*
 * The ids that have a document (of the n in v, or with v NULL all whose
 * writer was last heard of before before_ms), one call each.
 */
enum rc incoming_find(struct db *db, const struct oid *v, size_t n,
    int64_t before_ms, void (*found)(void *ctx, const struct oid *blob),
    void *ctx, struct err *err);

#endif
