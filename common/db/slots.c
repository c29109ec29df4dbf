/* Places of sessions; see slots.h. */
#include "db/slots.h"

#include "db/db_internal.h"

#include "base/banned.h"

/* How long it is remembered that a destination answered. */
enum { KEEP_MS = 86400000 };

#define NOW_PLUS(ms) "{", "$add", "[", "$$NOW", BCON_INT64(ms), "]", "}"

/* In an expression a text that begins with '$' would be a path. */
#define LITERAL(text) "{", "$literal", BCON_UTF8(text), "}"

static struct str
slot_key(struct arena *a, struct str key)
{
	return arena_join(a, STR("slots "), key);
}

/*
 * slots [{w worker, until}], probe_at. First what has run out goes; then
 * the place is taken when there is room and nothing is dead, or when it is
 * time to probe: the prober moves probe_at on, so that it stays alone.
 */
static bson_t *
take_pipeline(const char *worker, int64_t max, int64_t lease_ms)
{
	return BCON_NEW(
	    "0", "{", "$set", "{", "slots", "{", "$filter", "{", "input",
	    "{", "$ifNull", "[", "$slots", "[", "]", "]", "}", "cond", "{",
	    "$gt", "[", "$$this.until", "$$NOW", "]", "}", "}", "}",
	    "expires", NOW_PLUS(lease_ms + KEEP_MS), "}", "}",
	    "1", "{", "$set", "{", "answer", "{", "$switch", "{", "branches",
	    "[", "{", "case", "{", "$gt", "[", "$probe_at", "$$NOW", "]",
	    "}", "then", BCON_INT32(SLOT_DEAD), "}",
	    "{", "case", "{", "$gte", "[", "{", "$size", "$slots", "}",
	    BCON_INT64(max), "]", "}", "then", BCON_INT32(SLOT_BUSY), "}",
	    "]", "default", BCON_INT32(SLOT_GRANTED), "}", "}", "}", "}",
	    "2", "{", "$set", "{", "slots", "{", "$cond", "[", "{", "$eq",
	    "[", "$answer", BCON_INT32(SLOT_GRANTED), "]", "}", "{",
	    "$concatArrays", "[", "$slots", "[", "{", "w", LITERAL(worker),
	    "until", NOW_PLUS(lease_ms), "}", "]", "]", "}", "$slots", "]",
	    "}",
	    "probe_at", "{", "$cond", "[", "{", "$and", "[", "{", "$eq", "[",
	    "$answer", BCON_INT32(SLOT_GRANTED), "]", "}", "{", "$gt", "[",
	    "$probe_at", BCON_NULL, "]", "}", "]", "}", NOW_PLUS(lease_ms),
	    "$probe_at", "]", "}", "}", "}");
}

enum rc
slot_take(struct db *db, struct str key, struct str worker, int64_t max,
    int64_t lease_ms, enum slot_answer *ret_answer, struct err *err)
{
	struct arena *a = arena_new();
	bson_t reply;
	enum rc rc = limit_change(db, slot_key(a, key),
	    take_pipeline(arena_dup_cstr(a, worker), max, lease_ms), &reply,
	    err);

	if (rc == RC_OK) {
		*ret_answer =
		    (enum slot_answer)doc_int(&reply, "value.answer");
		bson_destroy(&reply);
	}
	arena_free(a);
	return rc;
}

static enum rc
slot_change(
    struct db *db, struct str key, bson_t *pipeline, struct err *err)
{
	struct arena *a = arena_new();
	bson_t reply;
	enum rc rc = limit_change(db, slot_key(a, key), pipeline, &reply, err);

	if (rc == RC_OK)
		bson_destroy(&reply);
	arena_free(a);
	return rc;
}

enum rc
slot_keep(struct db *db, struct str key, struct str worker, int64_t lease_ms,
    struct err *err)
{
	struct arena *a = arena_new();
	bson_t *pipeline = BCON_NEW("0", "{", "$set", "{", "slots", "{",
	    "$map", "{", "input", "{", "$ifNull", "[", "$slots", "[", "]",
	    "]", "}", "in", "{", "$cond", "[", "{", "$eq", "[", "$$this.w",
	    LITERAL(arena_dup_cstr(a, worker)), "]", "}", "{", "w",
	    "$$this.w", "until", NOW_PLUS(lease_ms), "}", "$$this", "]", "}",
	    "}", "}", "expires", NOW_PLUS(lease_ms + KEEP_MS), "}", "}");
	enum rc rc = slot_change(db, key, pipeline, err);

	arena_free(a);
	return rc;
}

enum rc
slot_give(struct db *db, struct str key, struct str worker,
    enum slot_end end, int64_t wait_ms, struct err *err)
{
	struct arena *a = arena_new();
	bool is_dead = end == SLOT_END_DEAD;
	bson_t *pipeline = BCON_NEW(
	    "0", "{", "$set", "{", "slots", "{", "$filter", "{", "input",
	    "{", "$ifNull", "[", "$slots", "[", "]", "]", "}", "cond", "{",
	    "$ne", "[", "$$this.w", LITERAL(arena_dup_cstr(a, worker)),
	    "]", "}", "}", "}",
	    "answered", "{", "$cond", "[",
	    BCON_BOOL(end == SLOT_END_ANSWERED), "$$NOW", "$answered", "]",
	    "}", "probe_at", "{", "$cond", "[", BCON_BOOL(is_dead),
	    NOW_PLUS(wait_ms), "$$REMOVE", "]", "}",
	    "expires", NOW_PLUS(wait_ms + KEEP_MS), "}", "}");
	enum rc rc = slot_change(db, key, pipeline, err);

	arena_free(a);
	return rc;
}

/* Outside of the causal session, as the writes are. */
enum rc
slot_is_known(
    struct db *db, struct str key, bool *ret_known, struct err *err)
{
	struct arena *a = arena_new();
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("limit", BCON_INT64(1), "singleBatch",
	    BCON_BOOL(true), "readConcern", "{", "level", "local", "}");
	enum rc rc = db_connect(db, err);
	mongoc_cursor_t *cursor;
	bson_error_t error;
	const bson_t *doc;

	doc_add_text(&filter, "_id", slot_key(a, key));
	BCON_APPEND(&filter, "$expr", "{", "$gt", "[", "$answered",
	    NOW_PLUS(-(int64_t)KEEP_MS), "]", "}");
	if (rc == RC_OK) {
		cursor = mongoc_collection_find_with_opts(
		    db_coll(db, DB_LIMITS), &filter, opts, NULL);
		*ret_known = mongoc_cursor_next(cursor, &doc);
		if (mongoc_cursor_error(cursor, &error))
			rc = db_error(db, &error, NULL, "limits", err);
		mongoc_cursor_destroy(cursor);
	}
	bson_destroy(opts);
	bson_destroy(&filter);
	arena_free(a);
	return rc;
}
