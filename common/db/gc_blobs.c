/*
 * Blobs that nothing refers to: found in one snapshot, in which their signs
 * (incoming.h) go too; once that is committed, nothing can come to refer to
 * them, and their chunks are deleted at leisure.
 */
#include <stdlib.h>

#include "base/fault.h"
#include "db/gc_internal.h"
#include "db/incoming.h"

#include "base/banned.h"

enum { GC_BATCH = 500, KEY_SIZE = OID_SIZE + 4 };

/* --- what is referred to -------------------------------------------------------- */

struct gc_candidates {
	struct gc *gc;
	const struct oid *v;   /* sorted, each once */
	size_t n;
	bool *is_used;         /* by a reference, or else to be left alone */
	bool forgets_used;     /* their signs are old, and have done their work */
};

static int
gc_compare(const void *x, const void *y)
{
	return oid_compare(x, y);
}

static void
gc_mark(void *ctx, const struct oid *id)
{
	struct gc_candidates *c = ctx;
	const struct oid *hit =
	    bsearch(id, c->v, c->n, sizeof(*id), gc_compare);

	if (hit)
		c->is_used[hit - c->v] = true;
}

static bool
gc_on_reference(void *ctx, const bson_t *doc)
{
	struct oid id;

	if (doc_oid(doc, "blob", &id))
		gc_mark(ctx, &id);
	return true;
}

static enum rc
gc_find_references(
    struct gc_candidates *c, struct db *db, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, in;
	bson_t *opts =
	    BCON_NEW("projection", "{", "blob", BCON_INT32(1), "}");
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "blob", &in);
	doc_add_oids(&in, "$in", c->v, c->n);
	bson_append_document_end(&filter, &in);
	rc = db_find(db, DB_QUEUE, &filter, opts, gc_on_reference, c, err);
	if (rc == RC_OK)
		rc = db_find(
		    db, DB_MESSAGES, &filter, opts, gc_on_reference, c, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/* The decision: references and signs of one snapshot. */
static enum rc
gc_decide(struct db *db, void *ctx, struct err *err)
{
	struct gc_candidates *c = ctx;
	struct oid *dead = mem_alloc(mem_product(c->n, sizeof(*dead)));
	size_t i, n = 0;
	enum rc rc;

	memset(c->is_used, 0, c->n * sizeof(*c->is_used));
	rc = gc_find_references(c, db, err);
	for (i = 0; i < c->n; i++) {
		if (!c->is_used[i] || c->forgets_used)
			dead[n++] = c->v[i];
	}
	if (rc == RC_OK && !c->gc->options->is_dry)
		rc = incoming_forget(db, dead, n, err);
	mem_free(dead);
	return rc;
}

/* --- chunks --------------------------------------------------------------------- */

static void
gc_add_blob_key(bson_t *doc, const char *op, const struct oid *id, uint8_t fill)
{
	uint8_t key[KEY_SIZE];

	memcpy(key, id->b, OID_SIZE);
	memset(key + OID_SIZE, fill, KEY_SIZE - OID_SIZE);
	doc_add_bytes(doc, op, str_make(key, sizeof(key)));
}

static bool
gc_on_size(void *ctx, const bson_t *doc)
{
	*(uint64_t *)ctx += (uint64_t)doc_int(doc, "n");
	return true;
}

static enum rc
gc_delete_blob(struct gc *gc, const struct oid *id, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, range;
	bson_t *opts = BCON_NEW("projection", "{", "n", "{", "$binarySize",
	    "$b", "}", "}");
	uint64_t bytes = 0;
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &range);
	gc_add_blob_key(&range, "$gte", id, 0);
	gc_add_blob_key(&range, "$lte", id, 0xff);
	bson_append_document_end(&filter, &range);
	rc = db_find(gc->db, DB_BLOBS, &filter, opts, gc_on_size, &bytes, err);
	if (rc == RC_OK && !gc->options->is_dry)
		rc = db_delete_many(gc->db, DB_BLOBS, &filter, NULL, err);
	if (rc == RC_OK && bytes) {
		gc->counts.deleted++;
		gc->counts.bytes += bytes;
	}
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static size_t
gc_sort(struct oid *v, size_t n)
{
	size_t i, k = 0;

	qsort(v, n, sizeof(*v), gc_compare);
	for (i = 0; i < n; i++) {
		if (k == 0 || !oid_equals(&v[k - 1], &v[i]))
			v[k++] = v[i];
	}
	return k;
}

static enum rc
gc_sweep_batch(struct gc *gc, const struct oid *v, size_t n,
    bool forgets_used, struct err *err)
{
	struct gc_candidates c = { gc, v, n, ARENA_ARRAY(gc->a, n, bool),
		forgets_used };
	enum rc rc = db_txn_run(gc->db, gc_decide, &c, DB_COMMIT_MS, err);
	size_t i;

	FAULT_POINT("gc-before-blobs");
	for (i = 0; rc == RC_OK && i < n; i++) {
		gc->counts.examined++;
		if (!c.is_used[i])
			rc = gc_delete_blob(gc, &v[i], err);
	}
	return rc;
}

enum rc
gc_sweep(struct gc *gc, struct oid *v, size_t n, bool forgets_used,
    struct err *err)
{
	enum rc rc = RC_OK;
	size_t i, len;

	if (n)
		n = gc_sort(v, n);
	for (i = 0; rc == RC_OK && i < n; i += len) {
		len = n - i < GC_BATCH ? n - i : GC_BATCH;
		rc = gc_sweep_batch(gc, v + i, len, forgets_used, err);
	}
	return rc;
}

/* --- writers that were not heard of for long ------------------------------------ */

static void
gc_keep_id(void *ctx, const struct oid *id)
{
	struct gc_found *f = ctx;

	VEC_PUSH(f->gc->a, &f->v, *id);
}

enum rc
gc_take_abandoned(struct gc *gc, struct err *err)
{
	int64_t age_ms = gc->options->min_age_ms > INCOMING_KEEP_MS
	    ? gc->options->min_age_ms
	    : INCOMING_KEEP_MS;
	struct gc_found f = { .gc = gc };
	enum rc rc;

	arena_reset(gc->a);
	rc = incoming_find(gc->db, NULL, 0, gc->now_ms - age_ms, gc_keep_id,
	    &f, err);
	return rc == RC_OK ? gc_sweep(gc, f.v.v, f.v.n, true, err) : rc;
}

/* --- all blobs ------------------------------------------------------------------- */

static bool
gc_on_chunk(void *ctx, const bson_t *doc)
{
	struct gc_found *f = ctx;
	struct str key = doc_view_bytes(doc, "_id");
	struct oid id;

	if (key.len != KEY_SIZE)
		return true;
	memcpy(id.b, key.p, OID_SIZE);
	if (f->v.n == 0 || !oid_equals(&f->v.v[f->v.n - 1], &id))
		VEC_PUSH(f->gc->a, &f->v, id);
	return f->v.n < GC_BATCH;
}

static enum rc
gc_find_blobs(struct gc *gc, const struct oid *after, struct gc_found *ret,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER, range;
	bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}",
	    "sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc;

	*ret = (struct gc_found){ .gc = gc };
	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &range);
	gc_add_blob_key(&range, "$gt", after, 0xff);
	bson_append_document_end(&filter, &range);
	rc = db_find(
	    gc->db, DB_BLOBS, &filter, opts, gc_on_chunk, ret, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/* What has a sign is looked at when the sign is old, not here. */
static enum rc
gc_drop_incoming(struct gc *gc, struct gc_found *f, struct err *err)
{
	struct gc_candidates c = { gc, f->v.v, f->v.n,
		ARENA_ARRAY(gc->a, f->v.n, bool), false };
	enum rc rc =
	    incoming_find(gc->db, f->v.v, f->v.n, 0, gc_mark, &c, err);
	size_t i, n = 0;

	for (i = 0; i < f->v.n; i++) {
		if (!c.is_used[i])
			f->v.v[n++] = f->v.v[i];
	}
	f->v.n = n;
	return rc;
}

enum rc
gc_take_unreferenced(struct gc *gc, struct err *err)
{
	struct oid after = { { 0 } };
	struct gc_found f;
	bool has_more;
	enum rc rc;

	do {
		arena_reset(gc->a);
		rc = gc_find_blobs(gc, &after, &f, err);
		has_more = rc == RC_OK && f.v.n == GC_BATCH;
		if (rc != RC_OK || f.v.n == 0)
			break;
		after = f.v.v[f.v.n - 1];
		rc = gc_drop_incoming(gc, &f, err);
		if (rc == RC_OK)
			rc = gc_sweep(gc, f.v.v, f.v.n, false, err);
	} while (rc == RC_OK && has_more);
	return rc;
}
