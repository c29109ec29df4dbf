/* Collections' names, the server's clock, and what an error means. */
#include "db/db_internal.h"

#include "base/banned.h"

enum { NOT_ALLOWED = 13, LOGIN_FAILED = 18 }; /* mongod's codes */

static const char *const collection_names[DB_COUNT] = {
#define COLL(id, name, ...) name,
#include "db/collections.h"
#undef COLL
};

const char *
db_coll_name(enum db_collection which)
{
	return collection_names[which];
}

mongoc_collection_t *
db_coll(struct db *db, enum db_collection which)
{
	if (!db->collections[which])
		db->collections[which] =
		    mongoc_client_get_collection(db->client,
			db->options.name, collection_names[which]);
	return db->collections[which];
}

void
db_on_progress(struct db *db, db_progress_fn *fn, void *ctx)
{
	db->on_progress = fn;
	db->progress_ctx = ctx;
}

void
db_tell_progress(struct db *db, uint64_t done, uint64_t goal)
{
	if (db->on_progress)
		db->on_progress(db->progress_ctx, done, goal);
}

enum rc
db_server_time(struct db *db, int64_t *ret_ms, struct err *err)
{
	bson_t command = BSON_INITIALIZER, reply;
	enum rc rc;

	BSON_APPEND_INT32(&command, "hello", 1);
	rc = db_command(db, &command, &reply, err);
	bson_destroy(&command);
	if (rc != RC_OK)
		return rc;
	*ret_ms = doc_int(&reply, "localTime");
	bson_destroy(&reply);
	return RC_OK;
}

bool
db_is_duplicate_key(const bson_error_t *error)
{
	return error->domain == MONGOC_ERROR_SERVER &&
	    (error->code == 11000 || error->code == 11001 ||
		error->code == 12582);
}

/* Answers of mongod that only a fault of ours can cause. */
static bool
is_our_fault(uint32_t code)
{
	static const uint32_t codes[] = { 2, 9, 14, 28, 40, 52, 59, 66, 168,
		16020, 17280, 40415 };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

/*
 * A document, or a change of one, over mongod's limit: by the driver, which
 * does not send it, or by mongod. It is so the next time as well.
 */
static bool
db_is_too_big(const bson_error_t *error)
{
	bool is_server = error->domain == MONGOC_ERROR_SERVER ||
	    error->domain == MONGOC_ERROR_WRITE_CONCERN;

	return error->domain == MONGOC_ERROR_BSON ||
	    (is_server &&
		(error->code == 10334 || error->code == 17419 ||
		    error->code == 17420));
}

/* A primary that is none any more, or is ending: the next one will answer. */
static bool
db_is_passing(uint32_t code)
{
	static const uint32_t codes[] = { 6, 7, 89, 91, 134, 189, 262, 9001,
		10107, 11600, 11602, 13435, 13436 };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

/*
 * Wrong password or no right: a fault of the configuration, which 4.3.5 says,
 * and temporary, since mail must not be refused for it.
 */
static bool
db_is_login_error(const bson_error_t *error)
{
	if (error->domain == MONGOC_ERROR_CLIENT)
		return error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE;
	return error->domain == MONGOC_ERROR_SERVER &&
	    (error->code == NOT_ALLOWED || error->code == LOGIN_FAILED);
}

/* A new login may help: a right that is missing is missing after it too. */
static bool
db_is_refused_login(const bson_error_t *error)
{
	return error->domain != MONGOC_ERROR_SERVER ||
	    error->code != NOT_ALLOWED ||
	    strstr(error->message, "requires authentication");
}

enum rc
db_error(struct db *db, const bson_error_t *error, const bson_t *reply,
    const char *what, struct err *err)
{
	bool is_server = error->domain == MONGOC_ERROR_SERVER ||
	    error->domain == MONGOC_ERROR_WRITE_CONCERN;
	enum rc rc = RC_TEMP;

	db->is_network = !is_server;
	db->is_retryable = error->domain == MONGOC_ERROR_STREAM ||
	    (is_server && db_is_passing(error->code));
	if (db_is_login_error(error)) {
		if (db_is_refused_login(error))
			db->is_refused = true;
		return err_set(err, RC_TEMP, "4.3.5", "database: %s: %s",
		    what, error->message);
	}
	if (db->in_txn)
		db->is_transient = reply &&
		    mongoc_error_has_label(reply, "TransientTransactionError");
	if (db_is_too_big(error))
		return err_set(err, RC_BUG, "5.3.4", "database: %s: %s", what,
		    error->message);
	if (is_server && is_our_fault(error->code) && !db->is_transient)
		rc = RC_BUG;
	return err_set(err, rc, "4.3.0", "database: %s: %s", what,
	    error->message);
}
