/*
 * Message bytes: the collection `blobs`, chunks of LIMIT_BLOB_CHUNK, written
 * once. A blob without a reference is an orphan that `m3mta gc` removes.
 */
#ifndef M3_DB_BLOB_H
#define M3_DB_BLOB_H

#include "db/db.h"
#include "model/id.h"

struct blob_writer;

/* Blocks of any size; memory is one chunk whatever the message's size. */
enum rc blob_writer_new(struct db *db, struct blob_writer **ret_w,
    struct err *err);
enum rc blob_writer_push(
    struct blob_writer *w, struct str bytes, struct err *err);
/*
 * Writes the last chunk, majority and journal. A blob of one chunk costs
 * one insert. On failure the chunks that were written are orphans.
 */
enum rc blob_writer_finish(struct blob_writer *w, struct oid *ret_blob,
    uint64_t *ret_size, struct err *err);
/*
 * As blob_writer_finish, but a blob of at most max octets is not written:
 * *ret_bytes (the writer's, until it is freed) are then to be kept by the
 * caller, and blob_insert later makes the blob of them. Else STR_NONE.
 */
enum rc blob_writer_finish_small(struct blob_writer *w, size_t max,
    struct oid *ret_blob, uint64_t *ret_size, struct str *ret_bytes,
    struct err *err);
/* Frees; without a finish before it, as blob_give_up. */
void blob_writer_free(struct blob_writer *w);
/*
 * Blobs that were finished, and whose message was not stored after all: the
 * next gc takes them, unless something refers to them. One write, one try.
 */
void blob_give_up(struct db *db, const struct oid *v, size_t n);

/* Blobs of one chunk each, in one write; one that exists is left alone. */
struct small_blob {
	struct oid blob;
	struct str bytes;
};

enum rc blob_insert(struct db *db, const struct small_blob *v, size_t n,
    struct err *err);

/* Called with consecutive pieces; return false to stop early (RC_OK). */
typedef bool blob_sink(void *ctx, struct str piece);

/* Reads len octets from offset, only the chunks that it needs. */
enum rc blob_read(struct db *db, const struct oid *blob, uint64_t offset,
    uint64_t len, blob_sink *sink, void *ctx, struct err *err);

struct blob_range {
	struct oid blob;
	uint64_t offset;
	uint64_t len;
};

/*
 * Reads ranges of many blobs with few round trips and bounded memory. The
 * sink gets pieces in the order of the ranges, each with its index.
 */
enum rc blob_read_many(struct db *db, const struct blob_range *v, size_t n,
    bool (*sink)(void *ctx, size_t index, struct str piece), void *ctx,
    struct err *err);

#endif
