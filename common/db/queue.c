/* The queue: acceptance, claims, outcomes. */
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/vec.h"
#include "db/incoming.h"
#include "db/once.h"
#include "db/queue_doc.h"

#include "base/banned.h"



enum {
	STARTS_UNTIL_HELD = 3,
	RELEASE_MS = 60000, /* a failover takes 10 to 20 s */
	RELEASE_EVERY_MS = 500,
};

/*
 * Again until it is known to be stored. Between two tries the process may
 * have stood still for an hour: the clock is asked after the pause.
 */
static enum rc
queue_insert_document(struct db *db, const bson_t *doc, int64_t deadline_ms,
    struct err *err)
{
	struct db_once once;
	int64_t pause_ms = 50;
	enum rc rc;

	while ((rc = db_once_begin(db, &once, err)) == RC_TEMP &&
	    clock_left_ms(deadline_ms) > pause_ms)
		clock_sleep(pause_ms);
	while (rc == RC_OK) {
		rc = db_insert_once(db, DB_QUEUE, &once, doc, err);
		FAULT_POINT("smtp-insert-sent");
		if (rc != RC_TEMP || strcmp(err->code, "GONE") == 0)
			break;
		clock_sleep(pause_ms);
		pause_ms = pause_ms < 1000 ? pause_ms * 2 : 1000;
		if (clock_left_ms(deadline_ms) <= 0)
			break;
		rc = RC_OK;
	}
	return rc;
}

struct queue_insertion {
	const struct queue_item *item;
	const bson_t *doc;
};

/* The blob was written before: this is the first reference to it. */
static enum rc
queue_insert_with_blob(struct db *db, void *ctx, struct err *err)
{
	struct queue_insertion *in = ctx;
	enum rc rc = incoming_refer(db, &in->item->blob, 1, err);

	if (rc == RC_OK)
		rc = db_insert(db, DB_QUEUE, in->doc, NULL, err);
	FAULT_POINT("smtp-insert-sent");
	return rc;
}

enum rc
queue_insert(struct db *db, const struct queue_item *item,
    int64_t deadline_ms, struct err *err)
{
	bson_t doc = BSON_INITIALIZER;
	struct queue_insertion in = { item, &doc };
	enum rc rc;

	queue_encode(item, &doc);
	if (item->body.len)
		rc = queue_insert_document(db, &doc, deadline_ms, err);
	else
		rc = db_txn_run(db, queue_insert_with_blob, &in,
		    clock_left_ms(deadline_ms), err);
	bson_destroy(&doc);
	return rc;
}

/* --- claims --------------------------------------------------------------------- */

static void
add_due(bson_t *filter, int64_t now_ms)
{
	bson_t range;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "next_at", &range);
	bson_append_date_time(&range, "$lte", -1, now_ms);
	bson_append_document_end(filter, &range);
}

static bool
on_bucket(void *ctx, const bson_t *doc)
{
	uint64_t *bits = ctx;
	int64_t bucket = doc_int(doc, "_id");

	if (bucket >= 0 && bucket < QUEUE_BUCKETS)
		*bits |= UINT64_C(1) << bucket;
	return true;
}

/* All buckets are named, so that the index {bucket, next_at} is used. */
static bson_t *
due_pipeline(int64_t now_ms)
{
	bson_t *pipeline = bson_new();
	bson_t array, stage, match, in, list;
	char text[16];
	const char *key;
	uint32_t i;

	bson_append_array_begin(pipeline, "pipeline", -1, &array);
	bson_append_document_begin(&array, "0", -1, &stage);
	bson_append_document_begin(&stage, "$match", -1, &match);
	bson_append_document_begin(&match, "bucket", -1, &in);
	bson_append_array_begin(&in, "$in", -1, &list);
	for (i = 0; i < QUEUE_BUCKETS; i++) {
		bson_uint32_to_string(i, &key, text, sizeof(text));
		bson_append_int32(&list, key, -1, (int32_t)i);
	}
	bson_append_array_end(&in, &list);
	bson_append_document_end(&match, &in);
	add_due(&match, now_ms);
	bson_append_document_end(&stage, &match);
	bson_append_document_end(&array, &stage);
	BCON_APPEND(&array, "1", "{", "$group", "{", "_id", "$bucket", "}", "}");
	bson_append_array_end(pipeline, &array);
	return pipeline;
}

enum rc
queue_due_buckets(struct db *db, uint64_t *ret_buckets, struct err *err)
{
	uint64_t bits = 0;
	int64_t now_ms;
	bson_t *pipeline;
	enum rc rc = db_now(db, &now_ms, err);

	if (rc != RC_OK)
		return rc;
	pipeline = due_pipeline(now_ms);
	rc = db_aggregate(db, DB_QUEUE, pipeline, on_bucket, &bits, err);
	bson_destroy(pipeline);
	if (rc == RC_OK)
		*ret_buckets = bits;
	return rc;
}

struct ids {
	bson_t *array;
	uint32_t n;
};

static bool
on_id(void *ctx, const bson_t *doc)
{
	struct ids *ids = ctx;
	char text[16];
	const char *key;
	struct oid id;

	bson_uint32_to_string(ids->n, &key, text, sizeof(text));
	if (doc_oid(doc, "_id", &id)) {
		doc_add_oid(ids->array, key, &id);
		ids->n++;
	}
	return true;
}

/* {bucket, _id: {$in: [what is due]}}; *ret_n: how many. */
static enum rc
find_due(struct db *db, uint32_t bucket, size_t max, bson_t *ret_filter,
    uint32_t *ret_n, struct err *err)
{
	bson_t due = BSON_INITIALIZER, in, array;
	bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}",
	    "sort", "{", "next_at", BCON_INT32(1), "}", "limit",
	    BCON_INT64((int64_t)max));
	struct ids ids = { &array, 0 };
	int64_t now_ms;
	enum rc rc = db_now(db, &now_ms, err);

	BSON_APPEND_INT32(ret_filter, "bucket", (int32_t)bucket);
	BSON_APPEND_DOCUMENT_BEGIN(ret_filter, "_id", &in);
	bson_append_array_begin(&in, "$in", -1, &array);
	if (rc == RC_OK) {
		BSON_APPEND_INT32(&due, "bucket", (int32_t)bucket);
		add_due(&due, now_ms);
		rc = db_find(db, DB_QUEUE, &due, opts, on_id, &ids, err);
	}
	bson_append_array_end(&in, &array);
	bson_append_document_end(ret_filter, &in);
	bson_destroy(opts);
	bson_destroy(&due);
	*ret_n = ids.n;
	return rc;
}

/*
 * The lease, by the server's clock; a message that was started too often
 * without an end is held instead.
 */
static bson_t *
claim_update(struct str worker, const struct oid *token, int64_t lease_ms)
{
	bson_t *update = bson_new(), names = BSON_INITIALIZER;
	bson_oid_t claim;
	bson_iter_t it;

	bson_oid_init_from_data(&claim, token->b);
	doc_add_text(&names, "worker", worker);
	bson_iter_init_find(&it, &names, "worker");
	BCON_APPEND(update, "0", "{", "$set", "{",
	    "worker", "{", "$literal", BCON_ITER(&it), "}",
	    "epoch", "{", "$add", "[", "$epoch", BCON_INT64(1), "]", "}",
	    "starts", "{", "$add", "[", "$starts", BCON_INT64(1), "]", "}",
	    "held", "{", "$gte", "[", "$starts",
	    BCON_INT64(STARTS_UNTIL_HELD), "]", "}",
	    "claim", "{", "$cond", "[",
	    "{", "$gte", "[", "$starts", BCON_INT64(STARTS_UNTIL_HELD), "]",
	    "}", BCON_NULL, BCON_OID(&claim), "]", "}",
	    "next_at", "{", "$cond", "[",
	    "{", "$gte", "[", "$starts", BCON_INT64(STARTS_UNTIL_HELD), "]",
	    "}", BCON_DATE_TIME(QUEUE_NEVER_MS),
	    "{", "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}",
	    "]", "}",
	    "}", "}");
	bson_destroy(&names);
	return update;
}

struct items {
	struct arena *a;
	VEC(struct queue_item) v;
};

static bool
on_item(void *ctx, const bson_t *doc)
{
	struct items *all = ctx;

	queue_decode(all->a, doc, VEC_ADD(all->a, &all->v));
	return true;
}

static enum rc
read_claimed(struct db *db, bson_t *filter, const struct oid *token,
    struct items *all, struct err *err)
{
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc;

	doc_add_oid(filter, "claim", token);
	rc = db_find(db, DB_QUEUE, filter, opts, on_item, all, err);
	bson_destroy(opts);
	return rc;
}

/* Due now, as if it had not been claimed. */
static bson_t *
release_update(int64_t wait_ms)
{
	return BCON_NEW("0", "{", "$set", "{", "next_at", "{", "$add", "[",
	    "$$NOW", BCON_INT64(wait_ms), "]", "}", "starts", "{", "$max", "[", BCON_INT64(0), "{", "$subtract", "[",
	    "$starts", BCON_INT64(1), "]", "}", "]", "}", "}", "}");
}

/*
 * The claim was sent, and its answer or its messages did not come: a
 * failover, mostly. What it may have taken is given back when the database
 * is there again; else it would wait for the end of the lease.
 */
static void
release_token(struct db *db, uint32_t bucket, const struct oid *token)
{
	int64_t deadline = clock_deadline(RELEASE_MS);
	bson_t filter = BSON_INITIALIZER, *update = release_update(0);
	struct err unused;

	BSON_APPEND_INT32(&filter, "bucket", (int32_t)bucket);
	doc_add_oid(&filter, "claim", token);
	while (db_update_many(db, DB_QUEUE, &filter, update, NULL, &unused) !=
		RC_OK &&
	    clock_left_ms(deadline) > 0)
		clock_sleep(RELEASE_EVERY_MS);
	bson_destroy(update);
	bson_destroy(&filter);
}

enum rc
queue_claim(struct db *db, struct arena *a, uint32_t bucket,
    struct str worker, size_t max, int64_t lease_ms,
    struct queue_claim *ret_claim, struct err *err)
{
	struct items all = { .a = a };
	struct oid token = oid_new();
	bson_t filter = BSON_INITIALIZER, due;
	bson_t *update;
	uint32_t n;
	enum rc rc = find_due(db, bucket, max, &filter, &n, err);

	if (rc == RC_OK && n > 0) {
		bson_copy_to(&filter, &due);
		BCON_APPEND(&due, "$expr", "{", "$lte", "[", "$next_at",
		    "$$NOW", "]", "}");
		update = claim_update(worker, &token, lease_ms);
		rc = db_update_many(db, DB_QUEUE, &due, update, NULL, err);
		bson_destroy(update);
		bson_destroy(&due);
		if (rc == RC_OK)
			rc = read_claimed(db, &filter, &token, &all, err);
		if (rc != RC_OK)
			release_token(db, bucket, &token);
	}
	bson_destroy(&filter);
	if (rc == RC_OK)
		*ret_claim = (struct queue_claim){ all.v.v, all.v.n };
	return rc;
}

/* --- outcomes --------------------------------------------------------------------- */

static void
encode_change(
    const struct queue_outcome *o, int64_t now_ms, bson_t *change)
{
	bson_t set;
	size_t i;

	BSON_APPEND_DOCUMENT_BEGIN(change, "$set", &set);
	for (i = 0; i < o->n_changes; i++)
		queue_set_recipient(
		    &set, o->changes[i].recipient, &o->changes[i].now);
	if (o->ends_attempt) {
		bson_append_date_time(&set, "next_at", -1,
		    o->is_held ? QUEUE_NEVER_MS : now_ms + o->wait_ms);
		BSON_APPEND_BOOL(&set, "held", o->is_held);
		doc_add_int(&set, "starts", 0);
		doc_add_int(&set, "attempts",
		    o->item->attempts + (o->is_expansion ? 0 : 1));
	}
	/* By index, not by $push: mongod takes no two changes of one array.
	 * The fence says that nobody else made it longer. */
	for (i = 0; i < o->n_added; i++)
		queue_add_recipient(
		    &set, o->item->n_recipients + i, &o->added[i]);
	doc_add_text(&set, "origin", o->item->origin); /* never empty */
	bson_append_document_end(change, &set);
	/* The fence falls with it: whoever does not know that this was
	 * written, and writes again, matches nothing. */
	if (o->ends_attempt)
		BCON_APPEND(change, "$inc", "{", "epoch", BCON_INT64(1), "}");
}

static enum rc
write_item(struct db *db, const struct queue_outcome *o, int64_t *ret_matched,
    struct err *err)
{
	bson_t fence = BSON_INITIALIZER, change = BSON_INITIALIZER;
	int64_t now_ms;
	enum rc rc;

	queue_fence(&fence, o->item);
	if (o->is_done) {
		rc = db_delete_one(db, DB_QUEUE, &fence, ret_matched, err);
	} else if ((rc = db_now(db, &now_ms, err)) == RC_OK) {
		encode_change(o, now_ms, &change);
		rc = db_update_one(
		    db, DB_QUEUE, &fence, &change, NULL, ret_matched, err);
	}
	bson_destroy(&change);
	bson_destroy(&fence);
	return rc;
}

/* An upsert that leaves an existing document alone: a repeat is harmless. */
static enum rc
insert_report(struct db *db, const struct queue_item *item, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER;
	bson_t doc = BSON_INITIALIZER, rest = BSON_INITIALIZER;
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	enum rc rc;

	doc_add_oid(&filter, "_id", &item->id);
	BSON_APPEND_INT32(&filter, "bucket", (int32_t)item->bucket);
	queue_encode(item, &doc);
	bson_copy_to_excluding_noinit(&doc, &rest, "_id", "bucket", NULL);
	BSON_APPEND_DOCUMENT(&change, "$setOnInsert", &rest);
	rc = db_update_one(
	    db, DB_QUEUE, &filter, &change, upsert, NULL, err);
	bson_destroy(upsert);
	bson_destroy(&rest);
	bson_destroy(&doc);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

struct outcome_op {
	const struct queue_outcome *o;
	int64_t matched;
};

static enum rc
write_all(struct db *db, void *ctx, struct err *err)
{
	struct outcome_op *op = ctx;
	enum rc rc = write_item(db, op->o, &op->matched, err);
	size_t i;

	if (rc == RC_OK && op->matched == 0)
		db->is_void = true;
	for (i = 0; rc == RC_OK && op->matched && i < op->o->n_reports; i++) {
		const struct queue_item *report = &op->o->reports[i];

		/* A post has the blob of what it comes from. */
		if (!report->body.len &&
		    !oid_equals(&report->blob, &op->o->item->blob))
			rc = incoming_refer(db, &report->blob, 1, err);
		if (rc == RC_OK)
			rc = insert_report(db, report, err);
	}
	return rc;
}

enum rc
queue_write_outcome(struct db *db, const struct queue_outcome *o,
    bool *ret_lost, struct err *err)
{
	struct outcome_op op = { o, 0 };
	int64_t unused;
	enum rc rc = db_now(db, &unused, err); /* not inside the txn */

	if (rc != RC_OK)
		return rc;
	if (o->n_reports)
		rc = db_txn_run(db, write_all, &op, DB_COMMIT_MS, err);
	else
		rc = write_item(db, o, &op.matched, err);
	if (rc == RC_OK)
		*ret_lost = op.matched == 0;
	return rc;
}

/* --- leases ------------------------------------------------------------------------ */

static enum rc
update_leases(struct db *db, const struct queue_item *const *v, size_t n,
    const bson_t *change, struct err *err)
{
	mongoc_bulk_operation_t *bulk;
	enum rc rc = db_connect(db, err);
	size_t i;

	if (rc != RC_OK || n == 0)
		return rc;
	bulk = db_bulk_new(db, DB_QUEUE);
	for (i = 0; i < n; i++) {
		bson_t fence = BSON_INITIALIZER;

		queue_fence(&fence, v[i]);
		mongoc_bulk_operation_update_one_with_opts(
		    bulk, &fence, change, NULL, NULL);
		bson_destroy(&fence);
	}
	return db_bulk_run(db, bulk, NULL, err);
}

enum rc
queue_renew(struct db *db, const struct queue_item *const *v, size_t n,
    int64_t lease_ms, struct err *err)
{
	bson_t *change = BCON_NEW("0", "{", "$set", "{", "next_at", "{",
	    "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}", "}", "}");
	enum rc rc = update_leases(db, v, n, change, err);

	bson_destroy(change);
	return rc;
}

enum rc
queue_release_claim(struct db *db, const struct queue_item *const *v,
    size_t n, int64_t wait_ms, struct err *err)
{
	bson_t *change = release_update(wait_ms);
	enum rc rc = update_leases(db, v, n, change, err);

	bson_destroy(change);
	return rc;
}
