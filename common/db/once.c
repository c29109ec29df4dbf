/*
 * See once.h. The numbers are counted in a session that runs nothing else:
 * the driver counts its own retryable writes and transactions in the others.
 */
#include <assert.h>

#include "db/once.h"

#include "base/banned.h"

enum rc
db_once_begin(struct db *db, struct db_once *ret_once, struct err *err)
{
	enum rc rc = db_connect(db, err);

	if (rc == RC_OK)
		*ret_once = (struct db_once){ ++db->number };
	return rc;
}

static bson_t *
once_command(const struct db_once *once, enum db_collection which,
    const bson_t *doc)
{
	return BCON_NEW("insert", BCON_UTF8(db_coll_name(which)), "documents",
	    "[", BCON_DOCUMENT(doc), "]", "txnNumber",
	    BCON_INT64(once->number));
}

/* What the server says of the one document; wants a reply with ok: 1. */
static enum rc
once_result(const bson_t *reply, enum db_collection which, struct err *err)
{
	/* A key that is taken is durable: the reply waited for a majority. */
	if (doc_int(reply, "n") == 1 ||
	    doc_int(reply, "writeErrors.0.code") == 11000)
		return RC_OK;
	return err_set(err, RC_TEMP, "4.3.0", "database: %s: %s",
	    db_coll_name(which), "the insert was refused");
}

enum rc
db_insert_once(struct db *db, enum db_collection which,
    const struct db_once *once, const bson_t *doc, struct err *err)
{
	bson_t opts = BSON_INITIALIZER, reply, *command;
	bson_error_t error;
	enum rc rc = RC_OK;

	assert(!db->in_txn);
	if (once->number <= db->first_number)
		return err_set(err, RC_TEMP, "GONE",
		    "database: the connection was given up");
	if (!mongoc_client_session_append(db->numbered, &opts, &error) ||
	    !mongoc_write_concern_append(
		(mongoc_write_concern_t *)(uintptr_t)
		    mongoc_client_get_write_concern(db->client),
		&opts)) {
		bson_destroy(&opts);
		return err_set(err, RC_BUG, "4.3.0", "database: session");
	}
	command = once_command(once, which, doc);
	if (!mongoc_client_write_command_with_opts(db->client,
		db->options.name, command, &opts, &reply, &error))
		rc = db_error(db, &error, &reply, db_coll_name(which), err);
	else
		rc = once_result(&reply, which, err);
	bson_destroy(&reply);
	bson_destroy(command);
	bson_destroy(&opts);
	return rc;
}
