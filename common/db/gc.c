/*
 * Trash records, each by itself, once in a run. Each step leaves behind what
 * the next one needs, so that a run that dies is continued by the next:
 *   1. the messages of an old record are deleted; in the same transaction
 *      the record gets the ids of their blobs;
 *   2. those blobs that nothing refers to are deleted, the record forgets
 *      them;
 *   3. blobs that no record names (gc_blobs.c);
 *   4. records older than 90 days are forgotten.
 */
#include <stdio.h>

#include "base/fault.h"
#include "db/gc_internal.h"

#include "base/banned.h"

#define DAY_MS    INT64_C(86400000)
#define FORGET_MS (90 * DAY_MS)
enum { GC_RECORDS = 500 };

struct gc_record {
	bson_t *key;        /* _id, owner, folder, m as they are stored */
	int64_t at_ms;
};

struct gc_records {
	struct gc *gc;
	VEC(struct gc_record) v;
};

/* The fields themselves: a copy of ours might be of another subtype. */
static bson_t *
gc_key_of(const bson_t *doc)
{
	static const char *const names[] = { "_id", "owner", "folder", "m" };
	bson_t *key = bson_new();
	bson_iter_t it;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (bson_iter_init_find(&it, doc, names[i]))
			bson_append_iter(key, names[i], -1, &it);
	}
	return key;
}

static bool
gc_on_record(void *ctx, const bson_t *doc)
{
	struct gc_records *all = ctx;
	struct gc_record r = { gc_key_of(doc), doc_int(doc, "at") };

	VEC_PUSH(all->gc->a, &all->v, r);
	return true;
}

static void
gc_free_records(struct gc_records *all)
{
	size_t i;

	for (i = 0; i < all->v.n; i++)
		bson_destroy(all->v.v[i].key);
	all->v.n = 0;
}

/* Old records that still name messages or blobs, the oldest first. */
static enum rc
gc_find_records(struct gc *gc, int64_t after_ms, struct gc_records *ret,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("limit", BCON_INT64(GC_RECORDS), "sort", "{",
	    "at", BCON_INT32(1), "}", "projection", "{", "owner",
	    BCON_INT32(1), "folder", BCON_INT32(1), "m", BCON_INT32(1), "at",
	    BCON_INT32(1), "}");
	enum rc rc;

	*ret = (struct gc_records){ .gc = gc };
	if (gc->options->owner)
		doc_add_uuid(&filter, "owner", gc->options->owner);
	BCON_APPEND(&filter, "at", "{", "$gt", BCON_DATE_TIME(after_ms),
	    "$lte", BCON_DATE_TIME(gc->now_ms - gc->options->min_age_ms), "}",
	    "$or", "[", "{", "messages.0", "{", "$exists", BCON_BOOL(true),
	    "}", "}", "{", "blobs.0", "{", "$exists", BCON_BOOL(true), "}",
	    "}", "]");
	rc = db_find(
	    gc->db, DB_TRASH, &filter, opts, gc_on_record, ret, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/* --- one record ------------------------------------------------------------------ */

struct gc_taking {
	struct gc *gc;
	const bson_t *key;
	gc_ids blobs;
	bool is_stuck;
};

static bool
gc_on_blob_of(void *ctx, const bson_t *doc)
{
	struct gc_taking *t = ctx;
	struct oid id;

	if (doc_oid(doc, "blob", &id))
		VEC_PUSH(t->gc->a, &t->blobs, id);
	return true;
}

/* {owner, _id: {$in: the messages that the record names}} */
static void
gc_filter_messages(const bson_t *record, bson_t *filter, bool *ret_any)
{
	bson_iter_t it;
	bson_t in;

	if (bson_iter_init_find(&it, record, "owner"))
		bson_append_iter(filter, "owner", -1, &it);
	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	*ret_any = bson_iter_init_find(&it, record, "messages") &&
	    BSON_ITER_HOLDS_ARRAY(&it) &&
	    bson_append_iter(&in, "$in", -1, &it);
	bson_append_document_end(filter, &in);
}

/* The blobs that a run before this one left in the record. */
static void
gc_read_blobs(struct gc_taking *t, const bson_t *record)
{
	bson_iter_t it;
	struct oid id;

	if (!doc_array(record, "blobs", &it))
		return;
	while (bson_iter_next(&it)) {
		if (!BSON_ITER_HOLDS_OID(&it))
			continue;
		memcpy(id.b, bson_iter_oid(&it)->bytes, OID_SIZE);
		VEC_PUSH(t->gc->a, &t->blobs, id);
	}
}

/* False in *ret_done: the record is not found by its own key. */
static enum rc
gc_change_record(struct gc_taking *t, struct db *db, const bson_t *change,
    struct err *err)
{
	int64_t matched = 0;
	enum rc rc = db_update_one(
	    db, DB_TRASH, t->key, change, NULL, &matched, err);

	t->is_stuck |= rc == RC_OK && matched == 0;
	return rc;
}

static enum rc
gc_swap_for_blobs(struct gc_taking *t, struct db *db, struct err *err)
{
	bson_t change = BSON_INITIALIZER, set;
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	doc_add_oids(&set, "messages", NULL, 0);
	doc_add_oids(&set, "blobs", t->blobs.v, t->blobs.n);
	doc_add_int(&set, "size", 0);
	bson_append_document_end(&change, &set);
	rc = gc_change_record(t, db, &change, err);
	bson_destroy(&change);
	return rc;
}

/* The mailbox's count of it; the mailbox may be gone. */
static enum rc
gc_uncount(struct db *db, const bson_t *record, struct err *err)
{
	int64_t size = doc_int(record, "size");
	bson_t filter = BSON_INITIALIZER, *inc;
	bson_iter_t it;
	enum rc rc = RC_OK;

	if (size == 0 || !bson_iter_init_find(&it, record, "owner"))
		return RC_OK;
	bson_append_iter(&filter, "owner", -1, &it);
	inc = BCON_NEW("$inc", "{", "size.expunged", BCON_INT64(-size), "}");
	rc = db_update_many(db, DB_MAILBOXES, &filter, inc, NULL, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	return rc;
}

static enum rc
gc_delete_messages(struct gc_taking *t, struct db *db, const bson_t *record,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts =
	    BCON_NEW("projection", "{", "blob", BCON_INT32(1), "}");
	bool any;
	enum rc rc = RC_OK;

	gc_filter_messages(record, &filter, &any);
	if (any)
		rc = db_find(db, DB_MESSAGES, &filter, opts, gc_on_blob_of, t,
		    err);
	if (rc == RC_OK && any && !t->gc->options->is_dry)
		rc = db_delete_many(db, DB_MESSAGES, &filter, NULL, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/* Another gc may have been here since the list was read. */
static enum rc
gc_take_messages(struct db *db, void *ctx, struct err *err)
{
	struct gc_taking *t = ctx;
	bson_t record;
	bool found = false;
	enum rc rc;

	t->blobs.n = 0;
	rc = db_find_one(db, DB_TRASH, t->key, NULL, &record, &found, err);
	t->is_stuck = rc == RC_OK && !found;
	db->is_void = t->is_stuck || t->gc->options->is_dry;
	if (rc != RC_OK || !found)
		return rc;
	gc_read_blobs(t, &record);
	rc = gc_delete_messages(t, db, &record, err);
	if (rc == RC_OK && !t->gc->options->is_dry)
		rc = gc_swap_for_blobs(t, db, err);
	if (rc == RC_OK && !db->is_void)
		rc = gc_uncount(db, &record, err);
	db->is_void |= t->is_stuck;
	bson_destroy(&record);
	return rc;
}

static enum rc
gc_forget_blobs(struct gc_taking *t, struct err *err)
{
	bson_t *change = BCON_NEW("$unset", "{", "blobs", "", "}");
	enum rc rc = gc_change_record(t, t->gc->db, change, err);

	bson_destroy(change);
	return rc;
}

static enum rc
gc_take_record(struct gc *gc, const bson_t *key, struct err *err)
{
	struct gc_taking t = { .gc = gc, .key = key };
	enum rc rc =
	    db_txn_run(gc->db, gc_take_messages, &t, DB_COMMIT_MS, err);

	FAULT_POINT("gc-messages-deleted");
	if (rc == RC_OK && t.is_stuck) {
		gc->counts.stuck++;
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = gc_sweep(gc, t.blobs.v, t.blobs.n, false, err);
	if (rc == RC_OK && !gc->options->is_dry)
		rc = gc_forget_blobs(&t, err);
	return rc;
}

/* Each record once: one that cannot be changed does not come again. */
static enum rc
gc_take_trash(struct gc *gc, struct err *err)
{
	struct gc_records all;
	int64_t after_ms = 0;
	bool has_more;
	enum rc rc;
	size_t i;

	do {
		arena_reset(gc->a);
		rc = gc_find_records(gc, after_ms, &all, err);
		has_more = all.v.n == GC_RECORDS;
		for (i = 0; rc == RC_OK && i < all.v.n; i++) {
			after_ms = all.v.v[i].at_ms;
			rc = gc_take_record(gc, all.v.v[i].key, err);
		}
		gc_free_records(&all);
	} while (rc == RC_OK && has_more);
	return rc;
}

/* --- the whole -------------------------------------------------------------------- */

static enum rc
gc_forget_expunged(struct gc *gc, struct err *err)
{
	bson_t *filter = BCON_NEW("at", "{", "$lte",
	    BCON_DATE_TIME(gc->now_ms - FORGET_MS), "}", "messages.0", "{",
	    "$exists", BCON_BOOL(false), "}", "blobs.0", "{", "$exists",
	    BCON_BOOL(false), "}");
	int64_t n = 0;
	enum rc rc = RC_OK;

	if (!gc->options->is_dry)
		rc = db_delete_many(gc->db, DB_TRASH, filter, &n, err);
	gc->counts.expunged_forgotten = (uint64_t)n;
	bson_destroy(filter);
	return rc;
}

enum rc
gc_run_owner(struct db *db, const struct uuid *owner, struct err *err)
{
	struct gc_options o = { .owner = owner };
	struct gc_counts unused;

	return gc_run(db, &o, &unused, err);
}

struct gc_owners {
	struct arena *a;
	VEC(struct uuid) v;
};

static bool
gc_on_owner(void *ctx, const bson_t *doc)
{
	struct gc_owners *all = ctx;

	if (!doc_uuid(doc, "owner", VEC_ADD(all->a, &all->v)))
		all->v.n--;
	return true;
}

enum rc
gc_run_crowded(struct db *db, struct gc_counts *ret_counts, struct err *err)
{
	bson_t *filter = BCON_NEW("size.maximum", "{", "$gt", BCON_INT64(0),
	    "}", "$expr", "{", "$gt", "[", "$size.expunged", "$size.maximum",
	    "]", "}");
	bson_t *opts =
	    BCON_NEW("projection", "{", "owner", BCON_INT32(1), "}");
	struct gc_owners all = { .a = arena_new() };
	enum rc rc = db_find(
	    db, DB_MAILBOXES, filter, opts, gc_on_owner, &all, err);
	size_t i;

	for (i = 0; rc == RC_OK && i < all.v.n; i++) {
		struct gc_options o = { .owner = &all.v.v[i] };

		rc = gc_run(db, &o, ret_counts, err);
	}
	bson_destroy(opts);
	bson_destroy(filter);
	arena_free(all.a);
	return rc;
}

enum rc
gc_run(struct db *db, const struct gc_options *options,
    struct gc_counts *ret_counts, struct err *err)
{
	struct gc gc = { .db = db, .a = arena_new(), .options = options };
	enum rc rc = db_now(db, &gc.now_ms, err);

	if (rc == RC_OK)
		rc = gc_take_trash(&gc, err);
	if (rc == RC_OK && !options->owner)
		rc = gc_take_abandoned(&gc, err);
	if (rc == RC_OK && options->is_whole)
		rc = gc_take_unreferenced(&gc, err);
	if (rc == RC_OK && !options->owner)
		rc = gc_forget_expunged(&gc, err);
	arena_free(gc.a);
	if (rc == RC_OK)
		*ret_counts = gc.counts;
	return rc;
}
