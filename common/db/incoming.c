/* See incoming.h. */
#include "db/incoming.h"

#include "base/banned.h"

static void
incoming_add_ids(bson_t *filter, const struct oid *v, size_t n)
{
	bson_t in;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	doc_add_oids(&in, "$in", v, n);
	bson_append_document_end(filter, &in);
}

/*
 * w: 1, since nothing is lost with it: a blob whose document is gone cannot
 * be referred to, and its message is answered with a temporary failure. It
 * stands before the chunks in the server's log, and a majority has it when
 * it has them. The age is the server's clock.
 */
enum rc
incoming_begin(struct db *db, const struct oid *blob, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *change = BCON_NEW(
	    "$currentDate", "{", "at", BCON_BOOL(true), "}");
	bson_t *opts = BCON_NEW("upsert", BCON_BOOL(true), "writeConcern", "{",
	    "w", BCON_INT32(1), "}");
	enum rc rc;

	doc_add_oid(&filter, "_id", blob);
	rc = db_update_one(
	    db, DB_INCOMING, &filter, change, opts, NULL, err);
	bson_destroy(opts);
	bson_destroy(change);
	bson_destroy(&filter);
	return rc;
}

/* A counter, so that each is a change: one of nothing conflicts with none. */
enum rc
incoming_refer(
    struct db *db, const struct oid *v, size_t n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *change = BCON_NEW("$inc", "{", "n", BCON_INT32(1), "}");
	int64_t matched = 0;
	enum rc rc = RC_OK;

	incoming_add_ids(&filter, v, n);
	if (n)
		rc = db_update_many(
		    db, DB_INCOMING, &filter, change, &matched, err);
	bson_destroy(change);
	bson_destroy(&filter);
	if (rc == RC_OK && matched < (int64_t)n)
		return err_set(err, RC_TEMP, "GONE",
		    "the octets of a message waited too long, and are gone");
	return rc;
}

enum rc
incoming_end(
    struct db *db, const struct oid *v, size_t n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *change =
	    BCON_NEW("$set", "{", "at", BCON_DATE_TIME(0), "}");
	enum rc rc = RC_OK;

	incoming_add_ids(&filter, v, n);
	if (n)
		rc = db_update_many(
		    db, DB_INCOMING, &filter, change, NULL, err);
	bson_destroy(change);
	bson_destroy(&filter);
	return rc;
}

enum rc
incoming_forget(
    struct db *db, const struct oid *v, size_t n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc = RC_OK;

	incoming_add_ids(&filter, v, n);
	if (n)
		rc = db_delete_many(db, DB_INCOMING, &filter, NULL, err);
	bson_destroy(&filter);
	return rc;
}

struct incoming_sink {
	void (*found)(void *ctx, const struct oid *blob);
	void *ctx;
};

static bool
incoming_on_document(void *ctx, const bson_t *doc)
{
	struct incoming_sink *sink = ctx;
	struct oid id;

	if (doc_oid(doc, "_id", &id))
		sink->found(sink->ctx, &id);
	return true;
}

enum rc
incoming_find(struct db *db, const struct oid *v, size_t n, int64_t before_ms,
    void (*found)(void *ctx, const struct oid *blob), void *ctx,
    struct err *err)
{
	struct incoming_sink sink = { found, ctx };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts =
	    BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}");
	enum rc rc;

	if (v)
		incoming_add_ids(&filter, v, n);
	else
		BCON_APPEND(&filter, "at", "{", "$lt",
		    BCON_DATE_TIME(before_ms), "}");
	rc = db_find(db, DB_INCOMING, &filter, opts, incoming_on_document,
	    &sink, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}
