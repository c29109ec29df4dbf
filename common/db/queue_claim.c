/*
 * Claims and their leases. A claim that no write ended counts as a start;
 * a worker that lives takes it back (released, or forgiven when the lease
 * was lost), so that only what kills workers collects three of them.
 */
#include "base/clock.h"
#include "base/vec.h"
#include "db/queue_doc.h"

#include "base/banned.h"

enum {
	STARTS_UNTIL_HELD = 3,
	RELEASE_MS = 15000, /* then its lease ends by itself */
	RELEASE_EVERY_MS = 500,
};

/* --- buckets --------------------------------------------------------------------- */

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

/* --- what is due in a bucket ------------------------------------------------- */

struct due {
	struct oid id;
	int64_t starts;
	struct str worker;
};

struct due_list {
	struct arena *a;
	VEC(struct due) v;
};

static bool
queue_claim_on_due(void *ctx, const bson_t *doc)
{
	struct due_list *l = ctx;
	struct due d = { .starts = doc_int(doc, "starts"),
		.worker = doc_text_in(l->a, doc, "worker") };

	if (doc_oid(doc, "_id", &d.id))
		VEC_PUSH(l->a, &l->v, d);
	return true;
}

static enum rc
queue_claim_find_due(struct db *db, uint32_t bucket, size_t max,
    struct due_list *l, struct err *err)
{
	bson_t due = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "starts", BCON_INT32(1),
	    "worker", BCON_INT32(1), "}", "sort", "{", "next_at",
	    BCON_INT32(1), "}", "limit", BCON_INT64((int64_t)max));
	int64_t now_ms;
	enum rc rc = db_now(db, &now_ms, err);

	if (rc == RC_OK) {
		BSON_APPEND_INT32(&due, "bucket", (int32_t)bucket);
		add_due(&due, now_ms);
		rc = db_find(db, DB_QUEUE, &due, opts, queue_claim_on_due, l,
		    err);
	}
	bson_destroy(opts);
	bson_destroy(&due);
	return rc;
}

static void
queue_claim_add_is_due(bson_t *filter)
{
	BCON_APPEND(filter, "$expr", "{", "$lte", "[", "$next_at", "$$NOW",
	    "]", "}");
}

/* It killed the workers that had it: for a person, with the reason. */
static enum rc
queue_claim_hold(struct db *db, struct arena *a, uint32_t bucket,
    const struct due *d, struct queue_claim *claim, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	struct str reason = arena_printf(a,
	    "%lld workers that had it died; the last one was %.*s",
	    (long long)d->starts, STR_ARG(d->worker));
	int64_t n = 0;
	enum rc rc;

	doc_add_oid(&filter, "_id", &d->id);
	BSON_APPEND_INT32(&filter, "bucket", (int32_t)bucket);
	doc_add_int(&filter, "starts", d->starts);
	queue_claim_add_is_due(&filter);
	BCON_APPEND(&change, "$inc", "{", "epoch", BCON_INT64(1), "}");
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	queue_add_hold(&set, reason);
	bson_append_document_end(&change, &set);
	rc = db_update_one(db, DB_QUEUE, &filter, &change, NULL, &n, err);
	if (rc == RC_OK && n)
		VEC_PUSH(a, &claim->held,
		    ((struct queue_held){ d->id, reason }));
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

/*
 * {bucket, _id: {$in}} of what one claim takes. What was started before
 * without an end may have killed its worker: it is claimed alone, so that
 * nothing dies with it. *ret_n: how many.
 */
static enum rc
queue_claim_choose(struct db *db, struct arena *a, uint32_t bucket,
    const struct due_list *l, bool may_be_alone, bson_t *ret_filter,
    struct queue_claim *claim, uint32_t *ret_n, struct err *err)
{
	bson_t in, array;
	enum rc rc = RC_OK;
	char text[16];
	const char *key;
	size_t i;

	*ret_n = 0;
	BSON_APPEND_INT32(ret_filter, "bucket", (int32_t)bucket);
	BSON_APPEND_DOCUMENT_BEGIN(ret_filter, "_id", &in);
	bson_append_array_begin(&in, "$in", -1, &array);
	for (i = 0; rc == RC_OK && i < l->v.n; i++) {
		const struct due *d = &l->v.v[i];

		if (d->starts >= STARTS_UNTIL_HELD) {
			rc = queue_claim_hold(db, a, bucket, d, claim, err);
			continue;
		}
		if (d->starts > 0 && (!may_be_alone || *ret_n))
			continue;
		bson_uint32_to_string((*ret_n)++, &key, text, sizeof(text));
		doc_add_oid(&array, key, &d->id);
		claim->is_alone = d->starts > 0;
		if (claim->is_alone)
			break;
	}
	bson_append_array_end(&in, &array);
	bson_append_document_end(ret_filter, &in);
	return rc;
}

/* The lease, by the server's clock. */
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
	    "leased", BCON_BOOL(true), "claim", BCON_OID(&claim),
	    "next_at", "{", "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]",
	    "}", "}", "}");
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

/* Due in wait_ms, as if it had not been claimed. */
static bson_t *
release_update(int64_t wait_ms)
{
	return BCON_NEW("0", "{", "$set", "{", "next_at", "{", "$add", "[",
	    "$$NOW", BCON_INT64(wait_ms), "]", "}", "leased",
	    BCON_BOOL(false), "starts", "{", "$max", "[", BCON_INT64(0), "{",
	    "$subtract", "[", "$starts", BCON_INT64(1), "]", "}", "]", "}",
	    "}", "}");
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
    struct str worker, size_t max, int64_t lease_ms, bool may_be_alone,
    struct queue_claim *ret_claim, struct err *err)
{
	struct due_list due = { .a = a };
	struct items all = { .a = a };
	struct oid token = oid_new();
	bson_t filter = BSON_INITIALIZER, still;
	bson_t *update;
	uint32_t n = 0;
	enum rc rc = queue_claim_find_due(db, bucket, max, &due, err);

	*ret_claim = (struct queue_claim){ 0 };
	if (rc == RC_OK)
		rc = queue_claim_choose(db, a, bucket, &due, may_be_alone,
		    &filter, ret_claim, &n, err);
	if (rc == RC_OK && n > 0) {
		bson_copy_to(&filter, &still);
		queue_claim_add_is_due(&still);
		update = claim_update(worker, &token, lease_ms);
		rc = db_update_many(db, DB_QUEUE, &still, update, NULL, err);
		bson_destroy(update);
		bson_destroy(&still);
		if (rc == RC_OK)
			rc = read_claimed(db, &filter, &token, &all, err);
		if (rc != RC_OK)
			release_token(db, bucket, &token);
	}
	bson_destroy(&filter);
	if (rc == RC_OK) {
		ret_claim->v = all.v.v;
		ret_claim->n = all.v.n;
	}
	return rc;
}

/* --- leases ------------------------------------------------------------------------ */

static enum rc
update_leases(struct db *db, const struct queue_item *const *v, size_t n,
    const bson_t *change, int64_t *ret_matched, struct err *err)
{
	mongoc_bulk_operation_t *bulk;
	enum rc rc = db_connect(db, err);
	size_t i;

	*ret_matched = 0;
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
	return db_bulk_run(db, bulk, ret_matched, err);
}

/* Which of them are not ours any more: rare, so one by one. */
static enum rc
queue_claim_find_lost(struct db *db, const struct queue_item *const *v,
    size_t n, bool *ret_lost, struct err *err)
{
	bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}");
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++) {
		bson_t fence = BSON_INITIALIZER, doc;
		bool found = false;

		queue_fence(&fence, v[i]);
		rc = db_find_one(
		    db, DB_QUEUE, &fence, opts, &doc, &found, err);
		if (rc == RC_OK && found)
			bson_destroy(&doc);
		ret_lost[i] = rc == RC_OK && !found;
		bson_destroy(&fence);
	}
	bson_destroy(opts);
	return rc;
}

enum rc
queue_renew(struct db *db, const struct queue_item *const *v, size_t n,
    int64_t lease_ms, bool *ret_lost, struct err *err)
{
	bson_t *change = BCON_NEW("0", "{", "$set", "{", "next_at", "{",
	    "$add", "[", "$$NOW", BCON_INT64(lease_ms), "]", "}", "}", "}");
	int64_t matched;
	enum rc rc = update_leases(db, v, n, change, &matched, err);

	memset(ret_lost, 0, n * sizeof(*ret_lost));
	if (rc == RC_OK && matched < (int64_t)n)
		rc = queue_claim_find_lost(db, v, n, ret_lost, err);
	bson_destroy(change);
	return rc;
}

enum rc
queue_release_claim(struct db *db, const struct queue_item *const *v,
    size_t n, int64_t wait_ms, struct err *err)
{
	bson_t *change = release_update(wait_ms);
	int64_t unused;
	enum rc rc = update_leases(db, v, n, change, &unused, err);

	bson_destroy(change);
	return rc;
}

enum rc
queue_forgive(struct db *db, const struct queue_item *item, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *change =
	    BCON_NEW("$inc", "{", "starts", BCON_INT64(-1), "}");
	enum rc rc;

	doc_add_oid(&filter, "_id", &item->id);
	BSON_APPEND_INT32(&filter, "bucket", (int32_t)item->bucket);
	BCON_APPEND(&filter, "epoch", "{", "$gt", BCON_INT64(item->epoch),
	    "}", "starts", "{", "$gt", BCON_INT64(0), "}");
	rc = db_update_one(db, DB_QUEUE, &filter, change, NULL, NULL, err);
	bson_destroy(change);
	bson_destroy(&filter);
	return rc;
}
