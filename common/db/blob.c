/*
 * The collection `blobs`: octets in chunks. _id is the blob's id followed by
 * the chunk's number (big-endian), so that one index serves ranges, and a
 * hashed _id spreads the chunks of a cluster.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "db/blob.h"
#include "db/incoming.h"

#include "base/banned.h"

enum {
	KEY_SIZE = OID_SIZE + 4,
	SIGN_MS = 3600000, /* how often a writer says that it lives */
};

struct blob_writer {
	struct db *db;
	struct oid id;
	struct buf chunk;
	uint32_t n_chunks;   /* written */
	int64_t sign_ms;     /* when the next sign of life is due */
	uint64_t size;
	bool is_finished;
};

static void
add_key(bson_t *doc, const char *field, const struct oid *blob, uint64_t n)
{
	uint8_t key[KEY_SIZE];

	memcpy(key, blob->b, OID_SIZE);
	key[OID_SIZE] = (uint8_t)(n >> 24);
	key[OID_SIZE + 1] = (uint8_t)(n >> 16);
	key[OID_SIZE + 2] = (uint8_t)(n >> 8);
	key[OID_SIZE + 3] = (uint8_t)n;
	doc_add_bytes(doc, field, str_make(key, sizeof(key)));
}

enum rc
blob_writer_new(struct db *db, struct blob_writer **ret_w, struct err *err)
{
	struct blob_writer *w = mem_alloc(sizeof(*w));

	(void)err;
	w->db = db;
	w->id = oid_new();
	*ret_w = w;
	return RC_OK;
}

/* Before the first chunk: gc leaves alone what has it. */
static enum rc
blob_give_sign(struct blob_writer *w, struct err *err)
{
	enum rc rc;

	if (w->n_chunks && clock_left_ms(w->sign_ms) > 0)
		return RC_OK;
	rc = incoming_begin(w->db, &w->id, err);
	if (rc == RC_OK)
		w->sign_ms = clock_deadline(SIGN_MS);
	return rc;
}

/* A duplicate key is our own chunk, sent again after a lost answer. */
static enum rc
write_chunk(struct blob_writer *w, struct str bytes, struct err *err)
{
	bson_t doc = BSON_INITIALIZER;
	bool is_duplicate;
	enum rc rc = blob_give_sign(w, err);

	if (rc != RC_OK)
		return rc;
	add_key(&doc, "_id", &w->id, w->n_chunks);
	doc_add_bytes(&doc, "b", bytes);
	rc = db_insert(w->db, DB_BLOBS, &doc, &is_duplicate, err);
	bson_destroy(&doc);
	if (rc == RC_OK)
		w->n_chunks++;
	return rc;
}

enum rc
blob_writer_push(struct blob_writer *w, struct str bytes, struct err *err)
{
	enum rc rc = RC_OK;

	w->size += bytes.len;
	while (rc == RC_OK && w->chunk.len + bytes.len > LIMIT_BLOB_CHUNK) {
		size_t room = LIMIT_BLOB_CHUNK - w->chunk.len;

		buf_add(&w->chunk, bytes.p, room);
		bytes = str_tail(bytes, room);
		rc = write_chunk(w, buf_str(&w->chunk), err);
		buf_reset(&w->chunk);
		FAULT_POINT("smtp-data");
	}
	if (rc == RC_OK && bytes.len)
		buf_add_str(&w->chunk, bytes);
	return rc;
}

enum rc
blob_writer_finish(struct blob_writer *w, struct oid *ret_blob,
    uint64_t *ret_size, struct err *err)
{
	enum rc rc = RC_OK;

	if (w->chunk.len || w->n_chunks == 0)
		rc = write_chunk(w, buf_str(&w->chunk), err);
	if (rc != RC_OK)
		return rc;
	w->is_finished = true;
	*ret_blob = w->id;
	*ret_size = w->size;
	return RC_OK;
}

enum rc
blob_writer_finish_small(struct blob_writer *w, size_t max,
    struct oid *ret_blob, uint64_t *ret_size, struct str *ret_bytes,
    struct err *err)
{
	*ret_bytes = STR_NONE;
	if (w->n_chunks || w->chunk.len > max || w->chunk.len == 0)
		return blob_writer_finish(w, ret_blob, ret_size, err);
	w->is_finished = true;
	*ret_blob = w->id;
	*ret_size = w->size;
	*ret_bytes = buf_str(&w->chunk);
	return RC_OK;
}

static void
encode_small(const struct small_blob *b, bson_t *doc)
{
	bson_init(doc);
	add_key(doc, "_id", &b->blob, 0);
	doc_add_bytes(doc, "b", b->bytes);
}

/* After a duplicate: which of them are there is not worth finding out. */
static enum rc
insert_each(struct db *db, const bson_t *docs, size_t n, struct err *err)
{
	enum rc rc = RC_OK;
	bool unused;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++)
		rc = db_insert(db, DB_BLOBS, &docs[i], &unused, err);
	return rc;
}

enum rc
blob_insert(
    struct db *db, const struct small_blob *v, size_t n, struct err *err)
{
	bson_t *docs = mem_alloc(mem_product(n, sizeof(*docs)));
	const bson_t **all = mem_alloc(mem_product(n, sizeof(*all)));
	bool is_duplicate = false;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < n; i++) {
		encode_small(&v[i], &docs[i]);
		all[i] = &docs[i];
	}
	if (n)
		rc = db_insert_many(
		    db, DB_BLOBS, all, n, &is_duplicate, err);
	if (rc == RC_OK && is_duplicate)
		rc = insert_each(db, docs, n, err);
	for (i = 0; i < n; i++)
		bson_destroy(&docs[i]);
	mem_free(all);
	mem_free(docs);
	return rc;
}

/* No chunk is deleted here: not every program has the right to. */
void
blob_give_up(struct db *db, const struct oid *v, size_t n)
{
	struct err unused;

	(void)incoming_end(db, v, n, &unused);
}

void
blob_writer_free(struct blob_writer *w)
{
	if (!w)
		return;
	if (!w->is_finished && w->n_chunks)
		blob_give_up(w->db, &w->id, 1);
	buf_done(&w->chunk);
	mem_free(w);
}

/* --- reading ------------------------------------------------------------------ */

struct reading {
	const struct blob_range *v;
	size_t n;
	size_t at;          /* index of the range that is being read */
	uint64_t offset;    /* next octet wanted of it */
	bool (*sink)(void *ctx, size_t index, struct str piece);
	void *ctx;
	bool is_stopped;
	bool is_missing;
};

static uint64_t
range_end(const struct blob_range *r)
{
	return r->offset + r->len;
}

static uint64_t
chunk_of(uint64_t offset)
{
	return offset / LIMIT_BLOB_CHUNK;
}

/* Hands out what the current chunk has of the range. */
static void
give_piece(struct reading *r, struct str chunk)
{
	const struct blob_range *range = &r->v[r->at];
	uint64_t start = chunk_of(r->offset) * LIMIT_BLOB_CHUNK;
	uint64_t left = range_end(range) - r->offset;
	struct str piece;

	piece = str_slice(chunk, (size_t)(r->offset - start),
	    left > LIMIT_BLOB_CHUNK ? LIMIT_BLOB_CHUNK : (size_t)left);
	if (piece.len == 0) {
		r->is_missing = true;
		return;
	}
	r->offset += piece.len;
	r->is_stopped = !r->sink(r->ctx, r->at, piece);
}

static bool
on_chunk(void *ctx, const bson_t *doc)
{
	struct reading *r = ctx;

	give_piece(r, doc_view_bytes(doc, "b"));
	return !r->is_stopped && !r->is_missing;
}

/* One range: its chunks in order, from one cursor. */
static enum rc
read_range(struct db *db, struct reading *r, struct err *err)
{
	const struct blob_range *range = &r->v[r->at];
	bson_t filter = BSON_INITIALIZER, sub;
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}",
	    "batchSize", BCON_INT32(4));
	enum rc rc;

	r->offset = range->offset;
	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &sub);
	add_key(&sub, "$gte", &range->blob, chunk_of(range->offset));
	add_key(&sub, "$lte", &range->blob, chunk_of(range_end(range) - 1));
	bson_append_document_end(&filter, &sub);
	rc = db_find(db, DB_BLOBS, &filter, opts, on_chunk, r, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/* --- many small ranges, from one query ------------------------------------------ */

/* Octets of one query's chunks, at most, so far as the ranges tell. */
enum { BATCH_OCTETS = 4 << 20, BATCH_RANGES = 256 };

struct piece {
	struct oid blob;
	struct str bytes;
};

struct batch {
	struct arena *a;
	struct piece v[BATCH_RANGES];
	size_t n;
};

static bool
keep_chunk(void *ctx, const bson_t *doc)
{
	struct batch *b = ctx;
	struct str key = doc_view_bytes(doc, "_id");

	if (key.len == KEY_SIZE && b->n < BATCH_RANGES) {
		memcpy(b->v[b->n].blob.b, key.p, OID_SIZE);
		b->v[b->n].bytes = arena_dup_str(b->a, doc_view_bytes(doc, "b"));
		b->n++;
	}
	return true;
}

/* How many ranges from `from` on lie in the first chunk of their blob. */
static size_t
batch_length(const struct blob_range *v, size_t n)
{
	uint64_t octets = 0;
	size_t i;

	for (i = 0; i < n && i < BATCH_RANGES; i++) {
		octets += range_end(&v[i]);
		if (range_end(&v[i]) > LIMIT_BLOB_CHUNK ||
		    octets > BATCH_OCTETS)
			break;
	}
	return i;
}

static enum rc
load_batch(struct db *db, const struct blob_range *v, size_t n,
    struct batch *b, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, in, array;
	bson_t *opts = BCON_NEW("batchSize", BCON_INT32(BATCH_RANGES));
	char text[16];
	const char *key;
	size_t i;
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	bson_append_array_begin(&in, "$in", -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string((uint32_t)i, &key, text, sizeof(text));
		add_key(&array, key, &v[i].blob, 0);
	}
	bson_append_array_end(&in, &array);
	bson_append_document_end(&filter, &in);
	rc = db_find(db, DB_BLOBS, &filter, opts, keep_chunk, b, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static struct str
batch_find(const struct batch *b, const struct oid *blob)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (oid_equals(&b->v[i].blob, blob))
			return b->v[i].bytes;
	}
	return STR_NONE;
}

static enum rc
read_batch(struct db *db, struct reading *r, size_t n, struct err *err)
{
	struct batch *b = mem_alloc(sizeof(*b));
	size_t end = r->at + n;
	enum rc rc;

	b->a = arena_new();
	rc = load_batch(db, r->v + r->at, n, b, err);
	for (; rc == RC_OK && r->at < end && !r->is_stopped &&
	     !r->is_missing;
	     r->at++) {
		r->offset = r->v[r->at].offset;
		if (r->v[r->at].len)
			give_piece(r, batch_find(b, &r->v[r->at].blob));
		if (r->offset < range_end(&r->v[r->at]))
			r->is_missing = !r->is_stopped;
	}
	arena_free(b->a);
	mem_free(b);
	return rc;
}

enum rc
blob_read_many(struct db *db, const struct blob_range *v, size_t n,
    bool (*sink)(void *ctx, size_t index, struct str piece), void *ctx,
    struct err *err)
{
	struct reading r = { .v = v, .n = n, .sink = sink, .ctx = ctx };
	enum rc rc = RC_OK;
	size_t len;

	while (rc == RC_OK && r.at < n && !r.is_stopped && !r.is_missing) {
		len = batch_length(v + r.at, n - r.at);
		if (len > 1) {
			rc = read_batch(db, &r, len, err);
			continue;
		}
		if (v[r.at].len)
			rc = read_range(db, &r, err);
		if (rc == RC_OK && !r.is_stopped && v[r.at].len &&
		    r.offset < range_end(&v[r.at]))
			r.is_missing = true;
		r.at++;
	}
	if (rc == RC_OK && r.is_missing)
		return err_set(err, RC_TEMP, "4.3.0",
		    "octets of a message are missing in blobs");
	return rc;
}

struct single {
	blob_sink *sink;
	void *ctx;
};

static bool
give_single(void *ctx, size_t index, struct str piece)
{
	struct single *s = ctx;

	(void)index;
	return s->sink(s->ctx, piece);
}

enum rc
blob_read(struct db *db, const struct oid *blob, uint64_t offset,
    uint64_t len, blob_sink *sink, void *ctx, struct err *err)
{
	struct blob_range range = { *blob, offset, len };
	struct single s = { sink, ctx };

	return blob_read_many(db, &range, 1, give_single, &s, err);
}
