/*
 * Removal by reference. Each step leaves behind what the next one needs, so
 * that a run that dies is continued by the next:
 *   1. messages of old trash records are deleted; in the same transaction
 *      the record gets the ids of their blobs;
 *   2. blobs of such records, and blobs of the days since the last run, that
 *      neither the queue nor a message refers to (one snapshot) are deleted;
 *   3. records older than 90 days are forgotten.
 * References are only made from references, so what has none gets none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/vec.h"
#include "db/db_internal.h"
#include "db/queue_doc.h"
#include "db/verify.h"

#include "base/banned.h"

#define DAY_MS     INT64_C(86400000)
#define FORGET_MS  (90 * DAY_MS)
enum { GC_BATCH = 500, KEY_SIZE = OID_SIZE + 4 };

typedef VEC(struct oid) oid_vec;

struct gc {
	struct db *db;
	struct arena *a;     /* of one step */
	int64_t now_ms;
	int64_t min_age_ms;
	bool dry;
	struct gc_counts counts;
};

static int
compare(const void *x, const void *y)
{
	return oid_compare(x, y);
}

static void
add_oids(bson_t *doc, const char *key, const struct oid *v, size_t n)
{
	char text[16];
	const char *index;
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, key, -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string(
		    (uint32_t)i, &index, text, sizeof(text));
		doc_add_oid(&array, index, &v[i]);
	}
	bson_append_array_end(doc, &array);
}

static void
add_in(bson_t *filter, const char *field, const struct oid *v, size_t n)
{
	bson_t in;

	bson_append_document_begin(filter, field, -1, &in);
	add_oids(&in, "$in", v, n);
	bson_append_document_end(filter, &in);
}

static void
read_oids(struct arena *a, const bson_t *doc, const char *key, oid_vec *out)
{
	bson_iter_t it;
	struct oid id;

	if (!doc_array(doc, key, &it))
		return;
	while (bson_iter_next(&it)) {
		if (!BSON_ITER_HOLDS_OID(&it))
			continue;
		memcpy(id.b, bson_iter_oid(&it)->bytes, OID_SIZE);
		VEC_PUSH(a, out, id);
	}
}

/* --- 1: messages ------------------------------------------------------------------ */

struct record {
	struct oid id;
	struct uuid owner;
	struct oid folder;
	int64_t modseq;
	oid_vec messages;
	oid_vec blobs;
};

struct records {
	struct gc *gc;
	VEC(struct record) v;
};

static bool
on_record(void *ctx, const bson_t *doc)
{
	struct records *all = ctx;
	struct record *r = VEC_ADD(all->gc->a, &all->v);

	doc_oid(doc, "_id", &r->id);
	doc_uuid(doc, "owner", &r->owner);
	doc_oid(doc, "folder", &r->folder);
	r->modseq = doc_int(doc, "m");
	read_oids(all->gc->a, doc, "messages", &r->messages);
	read_oids(all->gc->a, doc, "blobs", &r->blobs);
	return true;
}

/* Old records that still name messages (or blobs), a few at a time. */
static enum rc
find_records(struct gc *gc, const char *field, struct records *ret,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("limit", BCON_INT64(10));
	char first[32];
	enum rc rc;

	snprintf(first, sizeof(first), "%s.0", field);
	BCON_APPEND(&filter, "at", "{", "$lte",
	    BCON_DATE_TIME(gc->now_ms - gc->min_age_ms), "}", first, "{",
	    "$exists", BCON_BOOL(true), "}");
	*ret = (struct records){ .gc = gc };
	rc = db_find(gc->db, DB_TRASH, &filter, opts, on_record, ret, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static void
record_filter(bson_t *doc, const struct record *r)
{
	doc_add_oid(doc, "_id", &r->id);
	doc_add_uuid(doc, "owner", &r->owner);
	doc_add_oid(doc, "folder", &r->folder);
	doc_add_int(doc, "m", r->modseq);
}

static bool
on_blob_of(void *ctx, const bson_t *doc)
{
	struct records *all = ctx;
	struct oid id;

	if (doc_oid(doc, "blob", &id))
		VEC_PUSH(all->gc->a, &all->v.v[0].blobs, id);
	return true;
}

static enum rc
swap_for_blobs(struct gc *gc, const struct record *r, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	enum rc rc;

	record_filter(&filter, r);
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	add_oids(&set, "messages", NULL, 0);
	add_oids(&set, "blobs", r->blobs.v, r->blobs.n);
	bson_append_document_end(&change, &set);
	rc = db_update_one(
	    gc->db, DB_TRASH, &filter, &change, NULL, NULL, err);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

static enum rc
delete_messages(struct db *db, void *ctx, struct err *err)
{
	struct records *one = ctx; /* of one record */
	struct record *r = &one->v.v[0];
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts =
	    BCON_NEW("projection", "{", "blob", BCON_INT32(1), "}");
	int64_t deleted = 0;
	enum rc rc;

	r->blobs.n = 0;
	doc_add_uuid(&filter, "owner", &r->owner);
	add_in(&filter, "_id", r->messages.v, r->messages.n);
	rc = db_find(db, DB_MESSAGES, &filter, opts, on_blob_of, one, err);
	if (rc == RC_OK)
		rc = db_delete_many(
		    db, DB_MESSAGES, &filter, &deleted, err);
	if (rc == RC_OK)
		rc = swap_for_blobs(one->gc, r, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static enum rc
take_messages(struct gc *gc, struct err *err)
{
	struct records all;
	enum rc rc;
	size_t i;

	do {
		arena_reset(gc->a);
		rc = find_records(gc, "messages", &all, err);
		for (i = 0; rc == RC_OK && i < all.v.n && !gc->dry; i++) {
			struct records one = { .gc = gc };

			VEC_PUSH(gc->a, &one.v, all.v.v[i]);
			rc = db_txn_run(gc->db, delete_messages, &one,
			    DB_COMMIT_MS, err);
			FAULT_POINT("gc-messages-deleted");
		}
	} while (rc == RC_OK && all.v.n > 0 && !gc->dry);
	return rc;
}

/* --- 2: blobs ------------------------------------------------------------------------ */

struct candidates {
	struct gc *gc;
	struct oid *v;     /* sorted */
	size_t n;
	bool *is_used;
};

static bool
on_reference(void *ctx, const bson_t *doc)
{
	struct candidates *c = ctx;
	struct oid id, *hit;

	if (!doc_oid(doc, "blob", &id))
		return true;
	hit = bsearch(&id, c->v, c->n, sizeof(id), compare);
	if (hit)
		c->is_used[hit - c->v] = true;
	return true;
}

static enum rc
find_references(struct db *db, void *ctx, struct err *err)
{
	struct candidates *c = ctx;
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts =
	    BCON_NEW("projection", "{", "blob", BCON_INT32(1), "}");
	enum rc rc;

	add_in(&filter, "blob", c->v, c->n);
	rc = db_find(db, DB_QUEUE, &filter, opts, on_reference, c, err);
	if (rc == RC_OK)
		rc = db_find(
		    db, DB_MESSAGES, &filter, opts, on_reference, c, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static void
add_blob_key(bson_t *doc, const char *op, const struct oid *id, uint8_t fill)
{
	uint8_t key[KEY_SIZE];

	memcpy(key, id->b, OID_SIZE);
	memset(key + OID_SIZE, fill, KEY_SIZE - OID_SIZE);
	doc_add_bytes(doc, op, str_make(key, sizeof(key)));
}

static bool
on_size(void *ctx, const bson_t *doc)
{
	*(uint64_t *)ctx += (uint64_t)doc_int(doc, "n");
	return true;
}

static enum rc
delete_blob(struct gc *gc, const struct oid *id, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, range;
	bson_t *opts = BCON_NEW("projection", "{", "n", "{", "$binarySize",
	    "$b", "}", "}");
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &range);
	add_blob_key(&range, "$gte", id, 0);
	add_blob_key(&range, "$lte", id, 0xff);
	bson_append_document_end(&filter, &range);
	rc = db_find(gc->db, DB_BLOBS, &filter, opts, on_size,
	    &gc->counts.bytes, err);
	gc->counts.deleted++;
	if (rc == RC_OK && !gc->dry)
		rc = db_delete_many(gc->db, DB_BLOBS, &filter, NULL, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static enum rc
sweep(struct gc *gc, struct oid *v, size_t n, struct err *err)
{
	struct candidates c = { .gc = gc, .v = v, .n = n };
	enum rc rc;
	size_t i;

	if (n == 0)
		return RC_OK;
	qsort(v, n, sizeof(*v), compare);
	c.is_used = ARENA_ARRAY(gc->a, n, bool);
	rc = db_txn_run(gc->db, find_references, &c, DB_COMMIT_MS, err);
	FAULT_POINT("gc-before-blobs");
	for (i = 0; rc == RC_OK && i < n; i++) {
		gc->counts.examined++;
		if (!c.is_used[i] &&
		    (i == 0 || oid_compare(&v[i - 1], &v[i]) != 0))
			rc = delete_blob(gc, &v[i], err);
	}
	return rc;
}

static enum rc
forget_blobs(struct gc *gc, const struct record *r, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *change = BCON_NEW("$unset", "{", "blobs", "", "}");
	enum rc rc;

	record_filter(&filter, r);
	rc = db_update_one(gc->db, DB_TRASH, &filter, change, NULL, NULL, err);
	bson_destroy(change);
	bson_destroy(&filter);
	return rc;
}

static enum rc
take_blobs(struct gc *gc, struct err *err)
{
	struct records all;
	enum rc rc;
	size_t i;

	do {
		arena_reset(gc->a);
		rc = find_records(gc, "blobs", &all, err);
		for (i = 0; rc == RC_OK && i < all.v.n; i++) {
			struct record *r = &all.v.v[i];

			rc = sweep(gc, r->blobs.v, r->blobs.n, err);
			if (rc == RC_OK && !gc->dry)
				rc = forget_blobs(gc, r, err);
		}
	} while (rc == RC_OK && all.v.n > 0 && !gc->dry);
	return rc;
}

/* --- 2: orphans ------------------------------------------------------------------------ */

struct found {
	struct gc *gc;
	oid_vec v;
};

static bool
on_chunk(void *ctx, const bson_t *doc)
{
	struct found *f = ctx;
	bson_iter_t it;
	const uint8_t *p;
	uint32_t len;
	struct oid id;

	if (!bson_iter_init_find(&it, doc, "_id") ||
	    !BSON_ITER_HOLDS_BINARY(&it))
		return true;
	bson_iter_binary(&it, NULL, &len, &p);
	if (len != KEY_SIZE)
		return true;
	memcpy(id.b, p, OID_SIZE);
	if (f->v.n == 0 || !oid_equals(&f->v.v[f->v.n - 1], &id))
		VEC_PUSH(f->gc->a, &f->v, id);
	return f->v.n < GC_BATCH;
}

static struct oid
oid_of_time(int64_t ms)
{
	struct oid id = { { 0 } };
	uint32_t s = ms > 0 ? (uint32_t)(ms / 1000) : 0;

	id.b[0] = (uint8_t)(s >> 24);
	id.b[1] = (uint8_t)(s >> 16);
	id.b[2] = (uint8_t)(s >> 8);
	id.b[3] = (uint8_t)s;
	return id;
}

static enum rc
find_blobs(struct gc *gc, const struct oid *after, const struct oid *until,
    struct found *ret, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, range;
	bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}",
	    "sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc;

	*ret = (struct found){ .gc = gc };
	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &range);
	add_blob_key(&range, "$gt", after, 0xff);
	add_blob_key(&range, "$lt", until, 0);
	bson_append_document_end(&filter, &range);
	rc = db_find(gc->db, DB_BLOBS, &filter, opts, on_chunk, ret, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static enum rc
last_run(struct gc *gc, int64_t *ret_ms, struct err *err)
{
	bson_t *filter = BCON_NEW("_id", "gc"), doc;
	bool found;
	enum rc rc;

	rc = db_find_one(gc->db, DB_LIMITS, filter, NULL, &doc, &found, err);
	bson_destroy(filter);
	if (rc != RC_OK)
		return rc;
	*ret_ms = 0;
	if (found) {
		*ret_ms = doc_int(&doc, "last");
		bson_destroy(&doc);
	}
	return RC_OK;
}

static enum rc
note_run(struct gc *gc, struct err *err)
{
	bson_t *filter = BCON_NEW("_id", "gc");
	bson_t *change = BCON_NEW(
	    "$set", "{", "last", BCON_DATE_TIME(gc->now_ms), "}");
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	enum rc rc = db_update_one(
	    gc->db, DB_LIMITS, filter, change, upsert, NULL, err);

	bson_destroy(upsert);
	bson_destroy(change);
	bson_destroy(filter);
	return rc;
}

static enum rc
take_orphans(struct gc *gc, struct err *err)
{
	struct oid after, until = oid_of_time(gc->now_ms - gc->min_age_ms);
	struct found f;
	int64_t last_ms;
	enum rc rc = last_run(gc, &last_ms, err);

	if (rc != RC_OK)
		return rc;
	after = oid_of_time(last_ms - DAY_MS - gc->min_age_ms);
	do {
		arena_reset(gc->a);
		rc = find_blobs(gc, &after, &until, &f, err);
		if (rc == RC_OK && f.v.n) {
			after = f.v.v[f.v.n - 1];
			rc = sweep(gc, f.v.v, f.v.n, err);
		}
	} while (rc == RC_OK && f.v.n == GC_BATCH);
	return rc;
}

/* --- 3 ------------------------------------------------------------------------------------ */

static enum rc
forget_expunged(struct gc *gc, struct err *err)
{
	bson_t *filter = BCON_NEW("at", "{", "$lte",
	    BCON_DATE_TIME(gc->now_ms - FORGET_MS), "}", "messages.0", "{",
	    "$exists", BCON_BOOL(false), "}", "blobs.0", "{", "$exists",
	    BCON_BOOL(false), "}");
	int64_t n = 0;
	enum rc rc = RC_OK;

	if (!gc->dry)
		rc = db_delete_many(gc->db, DB_TRASH, filter, &n, err);
	gc->counts.expunged_forgotten = (uint64_t)n;
	bson_destroy(filter);
	return rc;
}

enum rc
gc_run(struct db *db, int64_t min_age_ms, bool dry,
    struct gc_counts *ret_counts, struct err *err)
{
	struct gc gc = { .db = db, .a = arena_new(),
		.min_age_ms = min_age_ms, .dry = dry };
	enum rc rc = db_now(db, &gc.now_ms, err);

	if (rc == RC_OK)
		rc = take_messages(&gc, err);
	if (rc == RC_OK)
		rc = take_blobs(&gc, err);
	if (rc == RC_OK)
		rc = take_orphans(&gc, err);
	if (rc == RC_OK)
		rc = forget_expunged(&gc, err);
	if (rc == RC_OK && !dry)
		rc = note_run(&gc, err);
	arena_free(gc.a);
	if (rc == RC_OK)
		*ret_counts = gc.counts;
	return rc;
}
