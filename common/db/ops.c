/*
 * The operations that the files of collections are made of: each connects
 * when needed, joins the session (and its transaction) and maps errors.
 */
#include "db/db_internal.h"

#include "base/banned.h"

/* *ret_opts: a copy of opts with the session; the caller destroys it. */
static enum rc
begin(struct db *db, const bson_t *opts, bson_t *ret_opts, struct err *err)
{
	bson_error_t error;
	enum rc rc = db_connect(db, err);

	if (rc != RC_OK)
		return rc;
	if (opts)
		bson_copy_to(opts, ret_opts);
	else
		bson_init(ret_opts);
	if (!mongoc_client_session_append(db->session, ret_opts, &error)) {
		bson_destroy(ret_opts);
		return db_error(db, &error, NULL, "session", err);
	}
	return RC_OK;
}

/* What db_find and db_aggregate do alike. */
struct reading {
	enum db_collection which;
	const bson_t *filter;   /* NULL: the pipeline */
	const bson_t *pipeline;
	const bson_t *opts;
	db_sink *sink;
	void *ctx;
};

/* *ret_any: the sink was called. */
static enum rc
ops_read_once(struct db *db, const struct reading *r, bool *ret_any,
    struct err *err)
{
	mongoc_collection_t *coll;
	const bson_t *doc, *reply;
	mongoc_cursor_t *cursor;
	bson_error_t error;
	bson_t all;
	enum rc rc = begin(db, r->opts, &all, err);

	if (rc != RC_OK)
		return rc;
	coll = db_coll(db, r->which);
	cursor = r->filter
	    ? mongoc_collection_find_with_opts(coll, r->filter, &all, NULL)
	    : mongoc_collection_aggregate(
		  coll, MONGOC_QUERY_NONE, r->pipeline, &all, NULL);
	bson_destroy(&all);
	while (mongoc_cursor_next(cursor, &doc)) {
		*ret_any = true;
		if (!r->sink(r->ctx, doc))
			break;
	}
	if (mongoc_cursor_error_document(cursor, &error, &reply))
		rc = db_error(db, &error, reply, db_coll_name(r->which), err);
	mongoc_cursor_destroy(cursor);
	return rc;
}

/*
 * Twice where the primary is gone: by then the session was moved to the newest
 * write of the next one (connect.c), so that no read shows the past.
 */
static enum rc
ops_read(struct db *db, const struct reading *r, struct err *err)
{
	bool any = false;
	enum rc rc;

	db->is_retryable = false;
	rc = ops_read_once(db, r, &any, err);
	if (rc == RC_OK || any || db->in_txn || !db->is_retryable)
		return rc;
	return ops_read_once(db, r, &any, err);
}

enum rc
db_find(struct db *db, enum db_collection which, const bson_t *filter,
    const bson_t *opts, db_sink *sink, void *ctx, struct err *err)
{
	struct reading r = { .which = which, .filter = filter, .opts = opts,
		.sink = sink, .ctx = ctx };

	return ops_read(db, &r, err);
}

struct first {
	bson_t *doc;
	bool is_found;
};

static bool
keep_first(void *ctx, const bson_t *doc)
{
	struct first *f = ctx;

	bson_copy_to(doc, f->doc);
	f->is_found = true;
	return false;
}

enum rc
db_find_one(struct db *db, enum db_collection which, const bson_t *filter,
    const bson_t *opts, bson_t *ret_doc, bool *ret_found, struct err *err)
{
	struct first f = { .doc = ret_doc };
	bson_t all;
	enum rc rc;

	if (opts)
		bson_copy_to(opts, &all);
	else
		bson_init(&all);
	BSON_APPEND_INT64(&all, "limit", 1);
	BSON_APPEND_BOOL(&all, "singleBatch", true);
	rc = db_find(db, which, filter, &all, keep_first, &f, err);
	bson_destroy(&all);
	if (rc != RC_OK && f.is_found)
		bson_destroy(ret_doc);
	else
		*ret_found = f.is_found;
	return rc;
}

enum rc
db_aggregate(struct db *db, enum db_collection which, const bson_t *pipeline,
    db_sink *sink, void *ctx, struct err *err)
{
	struct reading r = { .which = which, .pipeline = pipeline,
		.sink = sink, .ctx = ctx };

	return ops_read(db, &r, err);
}

/*
 * The key is taken, and what has it is durable. A reply with a write concern
 * error beside the duplicate key tells only that this primary has it: it may
 * be about to step down, and what a majority never had goes with it.
 */
static bool
ops_is_taken(const bson_error_t *error, const bson_t *reply)
{
	bson_iter_t it;

	return db_is_duplicate_key(error) &&
	    !bson_iter_init_find(&it, reply, "writeConcernErrors");
}

/*
 * An error of an insert. A duplicate key that is not durable is one that
 * goes by: again, by whoever may ask again.
 */
static enum rc
ops_insert_failed(struct db *db, const bson_error_t *error,
    const bson_t *reply, enum db_collection which, bool *ret_duplicate,
    struct err *err)
{
	if (!ret_duplicate || !ops_is_taken(error, reply))
		return db_error(db, error, reply, db_coll_name(which), err);
	*ret_duplicate = true;
	return RC_OK;
}

enum rc
db_insert(struct db *db, enum db_collection which, const bson_t *doc,
    bool *ret_duplicate, struct err *err)
{
	bson_error_t error;
	bson_t all, reply;
	enum rc rc = begin(db, NULL, &all, err);
	bool ok;

	if (rc != RC_OK)
		return rc;
	ok = mongoc_collection_insert_one(
	    db_coll(db, which), doc, &all, &reply, &error);
	if (!ok)
		rc = ops_insert_failed(
		    db, &error, &reply, which, ret_duplicate, err);
	else if (ret_duplicate)
		*ret_duplicate = false;
	bson_destroy(&reply);
	bson_destroy(&all);
	return rc;
}

enum rc
db_insert_many(struct db *db, enum db_collection which,
    const bson_t *const *docs, size_t n, bool *ret_duplicate,
    struct err *err)
{
	bson_error_t error;
	bson_t all, reply;
	enum rc rc = begin(db, NULL, &all, err);
	bool ok;

	if (rc != RC_OK)
		return rc;
	ok = mongoc_collection_insert_many(db_coll(db, which),
	    (const bson_t **)(uintptr_t)docs, n, &all, &reply, &error);
	if (!ok)
		rc = ops_insert_failed(
		    db, &error, &reply, which, ret_duplicate, err);
	bson_destroy(&reply);
	bson_destroy(&all);
	return rc;
}

typedef bool update_fn(mongoc_collection_t *, const bson_t *, const bson_t *,
    const bson_t *, bson_t *, bson_error_t *);

static enum rc
update(struct db *db, enum db_collection which, update_fn *fn,
    const bson_t *filter, const bson_t *change, const bson_t *opts,
    int64_t *ret_matched, struct err *err)
{
	bson_error_t error;
	bson_t all, reply;
	enum rc rc = begin(db, opts, &all, err);

	if (rc != RC_OK)
		return rc;
	if (!fn(db_coll(db, which), filter, change, &all, &reply, &error))
		rc = db_error(db, &error, &reply, db_coll_name(which), err);
	else if (ret_matched)
		*ret_matched = doc_int(&reply, "matchedCount");
	bson_destroy(&reply);
	bson_destroy(&all);
	return rc;
}

enum rc
db_update_one(struct db *db, enum db_collection which, const bson_t *filter,
    const bson_t *change, const bson_t *opts, int64_t *ret_matched,
    struct err *err)
{
	return update(db, which, mongoc_collection_update_one, filter, change,
	    opts, ret_matched, err);
}

enum rc
db_update_many(struct db *db, enum db_collection which, const bson_t *filter,
    const bson_t *change, int64_t *ret_matched, struct err *err)
{
	return update(db, which, mongoc_collection_update_many, filter,
	    change, NULL, ret_matched, err);
}

typedef bool delete_fn(mongoc_collection_t *, const bson_t *, const bson_t *,
    bson_t *, bson_error_t *);

static enum rc
delete(struct db *db, enum db_collection which, delete_fn *fn,
    const bson_t *filter, int64_t *ret_deleted, struct err *err)
{
	bson_error_t error;
	bson_t all, reply;
	enum rc rc = begin(db, NULL, &all, err);

	if (rc != RC_OK)
		return rc;
	if (!fn(db_coll(db, which), filter, &all, &reply, &error))
		rc = db_error(db, &error, &reply, db_coll_name(which), err);
	else if (ret_deleted)
		*ret_deleted = doc_int(&reply, "deletedCount");
	bson_destroy(&reply);
	bson_destroy(&all);
	return rc;
}

enum rc
db_delete_one(struct db *db, enum db_collection which, const bson_t *filter,
    int64_t *ret_deleted, struct err *err)
{
	return delete(db, which, mongoc_collection_delete_one, filter,
	    ret_deleted, err);
}

enum rc
db_delete_many(struct db *db, enum db_collection which, const bson_t *filter,
    int64_t *ret_deleted, struct err *err)
{
	return delete(db, which, mongoc_collection_delete_many, filter,
	    ret_deleted, err);
}

/* The sub-document `value` of a findAndModify reply. */
static bool
take_value(const bson_t *reply, bson_t *ret_doc)
{
	bson_iter_t it;
	const uint8_t *p;
	uint32_t len;
	bson_t view;

	if (!bson_iter_init_find(&it, reply, "value") ||
	    !BSON_ITER_HOLDS_DOCUMENT(&it))
		return false;
	bson_iter_document(&it, &len, &p);
	if (!bson_init_static(&view, p, len))
		return false;
	bson_copy_to(&view, ret_doc);
	return true;
}

enum rc
db_find_and_update(struct db *db, enum db_collection which,
    const bson_t *filter, const bson_t *change, const bson_t *fields,
    bson_t *ret_doc, bool *ret_found, struct err *err)
{
	mongoc_find_and_modify_opts_t *opts;
	bson_error_t error;
	bson_t all, reply;
	enum rc rc = begin(db, NULL, &all, err);

	if (rc != RC_OK)
		return rc;
	opts = mongoc_find_and_modify_opts_new();
	mongoc_find_and_modify_opts_set_flags(
	    opts, MONGOC_FIND_AND_MODIFY_RETURN_NEW);
	mongoc_find_and_modify_opts_set_update(opts, change);
	if (fields)
		mongoc_find_and_modify_opts_set_fields(opts, fields);
	mongoc_find_and_modify_opts_append(opts, &all);
	if (!mongoc_collection_find_and_modify_with_opts(
		db_coll(db, which), filter, opts, &reply, &error))
		rc = db_error(db, &error, &reply, db_coll_name(which), err);
	else
		*ret_found = take_value(&reply, ret_doc);
	bson_destroy(&reply);
	mongoc_find_and_modify_opts_destroy(opts);
	bson_destroy(&all);
	return rc;
}

enum rc
db_command(
    struct db *db, const bson_t *command, bson_t *ret_reply, struct err *err)
{
	bson_error_t error;
	bson_t all, reply;
	enum rc rc = begin(db, NULL, &all, err);

	if (rc != RC_OK)
		return rc;
	if (!mongoc_client_command_with_opts(db->client, db->options.name,
		command, NULL, &all, &reply, &error)) {
		rc = db_error(db, &error, &reply, "command", err);
		bson_destroy(&reply);
	} else if (ret_reply) {
		bson_steal(ret_reply, &reply); /* its octets lie inside it */
	} else {
		bson_destroy(&reply);
	}
	bson_destroy(&all);
	return rc;
}

mongoc_bulk_operation_t *
db_bulk_new(struct db *db, enum db_collection which)
{
	mongoc_bulk_operation_t *bulk;

	bulk = mongoc_collection_create_bulk_operation_with_opts(
	    db_coll(db, which), NULL);
	mongoc_bulk_operation_set_client_session(bulk, db->session);
	return bulk;
}

enum rc
db_bulk_run(struct db *db, mongoc_bulk_operation_t *bulk,
    int64_t *ret_matched, struct err *err)
{
	bson_error_t error;
	enum rc rc = RC_OK;
	bson_t reply;

	if (!mongoc_bulk_operation_execute(bulk, &reply, &error))
		rc = db_error(db, &error, &reply, "bulk write", err);
	else if (ret_matched)
		*ret_matched = doc_int(&reply, "nMatched") +
		    doc_int(&reply, "nRemoved");
	bson_destroy(&reply);
	mongoc_bulk_operation_destroy(bulk);
	return rc;
}
