/* The collection `limits`; see limits.h. */
#include "db/limits.h"

#include "db/db_internal.h"

#include "base/banned.h"

enum { KEEP_MS = 3600000, TRIES = 5 };

/*
 * findAndModify with a pipeline, outside of the causal session: a counter
 * written with w: 1 must not make later majority reads wait for it.
 */
static enum rc
run(struct db *db, const bson_t *command, bson_t *ret_reply, struct err *err)
{
	bson_t *opts = BCON_NEW("writeConcern", "{", "w", BCON_INT32(1), "}");
	enum rc rc = db_connect(db, err);
	bool is_done = false;
	bson_error_t error;
	int i;

	for (i = 0; rc == RC_OK && !is_done && i < TRIES; i++) {
		is_done = mongoc_client_write_command_with_opts(db->client,
		    db->options.name, command, opts, ret_reply, &error);
		if (is_done)
			break;
		/* Two upserts of a new key: the second one finds it. */
		if (!db_is_duplicate_key(&error) || i == TRIES - 1)
			rc = db_error(db, &error, ret_reply, "limits", err);
		bson_destroy(ret_reply);
	}
	bson_destroy(opts);
	return rc;
}

enum rc
limit_change(struct db *db, struct str key, bson_t *pipeline, bson_t *ret_reply,
    struct err *err)
{
	bson_t command = BSON_INITIALIZER, query;
	enum rc rc;

	BSON_APPEND_UTF8(&command, "findAndModify", db_coll_name(DB_LIMITS));
	BSON_APPEND_DOCUMENT_BEGIN(&command, "query", &query);
	doc_add_text(&query, "_id", key);
	bson_append_document_end(&command, &query);
	BSON_APPEND_ARRAY(&command, "update", pipeline);
	BSON_APPEND_BOOL(&command, "upsert", true);
	BSON_APPEND_BOOL(&command, "new", true);
	rc = run(db, &command, ret_reply, err);
	bson_destroy(&command);
	bson_destroy(pipeline);
	return rc;
}

#define NOW_PLUS(ms) "{", "$add", "[", "$$NOW", BCON_INT64(ms), "]", "}"

#define IS_OVER "{", "$lte", "[", "$until", "$$NOW", "]", "}"

enum rc
limit_take(struct db *db, struct str key, int64_t cost, int64_t window_ms,
    struct limit_state *ret_state, struct err *err)
{
	bson_t reply;
	enum rc rc;
	/* A missing `until` is lower than every date. */
	bson_t *pipeline = BCON_NEW(
	    "0", "{", "$set", "{",
	    "n", "{", "$cond", "[", IS_OVER, BCON_INT64(cost), "{", "$add",
	    "[", "$n", BCON_INT64(cost), "]", "}", "]", "}",
	    "failed", "{", "$cond", "[", IS_OVER, BCON_INT64(0), "{",
	    "$ifNull", "[", "$failed", BCON_INT64(0), "]", "}", "]", "}",
	    "h", "{", "$cond", "[", IS_OVER, "$$REMOVE", "{", "$ifNull", "[",
	    "$h", "$$REMOVE", "]", "}", "]", "}",
	    "until", "{", "$cond", "[", IS_OVER, NOW_PLUS(window_ms),
	    "$until", "]", "}", "now", "$$NOW", "}",
	    "}",
	    "1", "{", "$set", "{", "expires", "{", "$cond", "[", "{",
	    "$isArray", "$h", "}", "$until", NOW_PLUS(window_ms + KEEP_MS),
	    "]", "}", "}", "}");

	rc = limit_change(db, key, pipeline, &reply, err);
	if (rc != RC_OK)
		return rc;
	*ret_state = (struct limit_state){
		.n = doc_int(&reply, "value.n"),
		.failed = doc_int(&reply, "value.failed"),
		.left_ms = doc_int(&reply, "value.until") -
		    doc_int(&reply, "value.now"),
	};
	bson_destroy(&reply);
	return RC_OK;
}

static void
limits_mark(
    const struct str *keys, size_t n, const bson_t *doc, bool *ret_held)
{
	bson_iter_t it;
	struct str id;
	uint32_t len;
	size_t i;

	if (!bson_iter_init_find(&it, doc, "_id"))
		return;
	id.p = bson_iter_utf8(&it, &len);
	id.len = len;
	for (i = 0; i < n; i++)
		ret_held[i] |= str_equals(keys[i], id);
}

struct limits_looked {
	const struct str *keys;
	size_t n;
	bool *held;
};

static enum rc
limits_look(struct db *db, const bson_t *filter, const bson_t *opts,
    const struct limits_looked *to, struct err *err)
{
	enum rc rc = db_connect(db, err);
	mongoc_cursor_t *cursor;
	bson_error_t error;
	const bson_t *doc;

	memset(to->held, 0, to->n * sizeof(*to->held));
	if (rc != RC_OK)
		return rc;
	cursor = mongoc_collection_find_with_opts(
	    db_coll(db, DB_LIMITS), filter, opts, NULL);
	while (mongoc_cursor_next(cursor, &doc))
		limits_mark(to->keys, to->n, doc, to->held);
	if (mongoc_cursor_error(cursor, &error))
		rc = db_error(db, &error, NULL, "limits", err);
	mongoc_cursor_destroy(cursor);
	return rc;
}

/* Outside of the causal session, as the writes are. */
enum rc
limit_look(struct db *db, const struct str *keys, size_t n, bool *ret_held,
    struct err *err)
{
	struct limits_looked to = { keys, n, ret_held };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("singleBatch", BCON_BOOL(true), "limit",
	    BCON_INT64((int64_t)n), "projection", "{", "_id",
	    BCON_BOOL(true), "}", "readConcern", "{", "level", "local", "}");
	enum rc rc;
	bson_t in;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	doc_add_texts(&in, "$in", keys, n);
	bson_append_document_end(&filter, &in);
	BCON_APPEND(&filter, "$expr", "{", "$gt", "[", "$until", "$$NOW",
	    "]", "}", "$or", "[", "{", "n", "{", "$gt", BCON_INT64(0), "}",
	    "}", "{", "failed", "{", "$gt", BCON_INT64(0), "}", "}", "]");
	db->is_retryable = false;
	rc = limits_look(db, &filter, opts, &to, err);
	if (rc != RC_OK && db->is_retryable)
		rc = limits_look(db, &filter, opts, &to, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

enum { HASHES_KEPT = 64 };

/* h: hashes of what failed in this window; it goes when the window does. */
static bson_t *
limit_fail_pipeline(uint32_t hash)
{
	bool has_hash = hash != 0;

	return BCON_NEW(
	    "0", "{", "$set", "{", "again", "{", "$and", "[",
	    BCON_BOOL(has_hash), "{", "$in", "[", BCON_INT64(hash), "{",
	    "$ifNull", "[", "$h", "[", "]", "]", "}", "]", "}", "]", "}", "}",
	    "}",
	    "1", "{", "$set", "{", "failed", "{", "$add", "[", "{", "$ifNull",
	    "[", "$failed", BCON_INT64(0), "]", "}", "{", "$cond", "[",
	    "$again", BCON_INT64(0), BCON_INT64(1), "]", "}", "]", "}",
	    "h", "{", "$cond", "[", "{", "$or", "[", "$again",
	    BCON_BOOL(!has_hash), "]", "}", "{", "$ifNull", "[", "$h",
	    "$$REMOVE", "]", "}", "{", "$slice", "[", "{", "$concatArrays",
	    "[", "{", "$ifNull", "[", "$h", "[", "]", "]", "}", "[",
	    BCON_INT64(hash), "]", "]", "}", BCON_INT32(-HASHES_KEPT), "]",
	    "}", "]", "}", "}", "}",
	    "2", "{", "$set", "{", "expires", "{", "$cond", "[", "{",
	    "$isArray", "$h", "}", "{", "$ifNull", "[", "$until", "$expires",
	    "]", "}", "$expires", "]", "}", "}", "}");
}

enum rc
limit_fail(struct db *db, struct str key, uint32_t hash, bool *ret_is_again,
    struct err *err)
{
	bson_t reply;
	enum rc rc =
	    limit_change(db, key, limit_fail_pipeline(hash), &reply, err);

	if (rc != RC_OK)
		return rc;
	*ret_is_again = doc_bool(&reply, "value.again");
	bson_destroy(&reply);
	return RC_OK;
}

/* field - n, but not below 0 */
#define LESS(field, n) "{", "$max", "[", BCON_INT64(0), "{", "$subtract", "[", \
	"{", "$ifNull", "[", field, BCON_INT64(0), "]", "}", BCON_INT64(n), \
	"]", "}", "]", "}"

enum rc
limit_give(struct db *db, struct str key, int64_t cost, int64_t failed,
    struct err *err)
{
	bson_t reply, *pipeline = BCON_NEW(
	    "0", "{", "$set", "{", "n", LESS("$n", cost), "failed",
	    LESS("$failed", failed), "expires", "{", "$ifNull", "[",
	    "$expires", NOW_PLUS(KEEP_MS), "]", "}", "}", "}");
	enum rc rc = limit_change(db, key, pipeline, &reply, err);

	if (rc == RC_OK)
		bson_destroy(&reply);
	return rc;
}

enum rc
limit_settle(struct db *db, struct str key, int64_t cost, int64_t *ret_failed,
    struct err *err)
{
	bson_t reply, *pipeline = BCON_NEW(
	    "0", "{", "$set", "{", "was", "{", "$cond", "[", IS_OVER,
	    BCON_INT64(0), "{", "$ifNull", "[", "$failed", BCON_INT64(0), "]",
	    "}", "]", "}", "}", "}",
	    "1", "{", "$set", "{", "n", "{", "$max", "[", BCON_INT64(0), "{",
	    "$subtract", "[", "{", "$ifNull", "[", "$n", BCON_INT64(0), "]",
	    "}", "{", "$add", "[", "$was", BCON_INT64(cost), "]", "}", "]",
	    "}", "]", "}", "failed", BCON_INT64(0), "h", "$$REMOVE",
	    "expires", NOW_PLUS(KEEP_MS), "}", "}");
	enum rc rc = limit_change(db, key, pipeline, &reply, err);

	*ret_failed = 0;
	if (rc != RC_OK)
		return rc;
	*ret_failed = doc_int(&reply, "value.was");
	bson_destroy(&reply);
	return RC_OK;
}
