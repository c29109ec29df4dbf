/*
 * Transactions with the retry rules of the driver's documentation. The
 * driver's own with_transaction insists for 120 s; a session that a person
 * waits for cannot.
 */
#include <assert.h>
#include <time.h>

#include "base/clock.h"
#include "base/rnd.h"
#include "db/db_internal.h"

#include "base/banned.h"

static enum rc
begin_txn(struct db *db, struct err *err)
{
	mongoc_transaction_opt_t *opts = mongoc_transaction_opts_new();
	mongoc_read_concern_t *snapshot = mongoc_read_concern_new();
	bson_error_t error;
	enum rc rc = RC_OK;

	mongoc_read_concern_set_level(
	    snapshot, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
	mongoc_transaction_opts_set_read_concern(opts, snapshot);
	mongoc_transaction_opts_set_write_concern(
	    opts, mongoc_client_get_write_concern(db->client));
	db->is_transient = db->is_network = db->is_void = false;
	if (mongoc_client_session_start_transaction(
		db->session, opts, &error))
		db->in_txn = true;
	else
		rc = db_error(db, &error, NULL, "transaction", err);
	mongoc_read_concern_destroy(snapshot);
	mongoc_transaction_opts_destroy(opts);
	return rc;
}

static bool
has_time(const struct db *db, int64_t start_ms, int64_t patience_ms)
{
	int64_t limit = db->options.is_patient ? DB_CONFLICT_PATIENT_MS
					       : DB_CONFLICT_MS;

	if (db->is_network || patience_ms > limit)
		limit = patience_ms;
	return clock_mono_ms() - start_ms < limit;
}

/*
 * No answer, or one that leaves it open (the server failed over, or had no
 * majority in time). The driver puts its label on most of these, but not on
 * "no server was found", nor on each write concern error.
 */
static bool
txn_is_open(
    const struct db *db, const bson_error_t *error, const bson_t *reply)
{
	return mongoc_error_has_label(
		   reply, "UnknownTransactionCommitResult") ||
	    error->domain == MONGOC_ERROR_WRITE_CONCERN || db->is_network;
}

/*
 * A commit was sent, so it is asked for until the answer comes, whoever waits:
 * the server does it once. What stays open is not tried anew, since it may
 * have been done.
 */
static enum rc
txn_commit(struct db *db, struct err *err)
{
	int64_t deadline = clock_deadline(DB_COMMIT_MS);
	bson_error_t error;
	bson_t reply;
	enum rc rc;
	bool is_open;

	for (;;) {
		if (mongoc_client_session_commit_transaction(
			db->session, &reply, &error)) {
			bson_destroy(&reply);
			return RC_OK;
		}
		rc = db_error(db, &error, &reply, "commit", err);
		is_open = txn_is_open(db, &error, &reply);
		bson_destroy(&reply);
		if (!is_open)
			return rc;
		db->is_transient = false;
		if (clock_left_ms(deadline) <= 0)
			break;
		db_tell_progress(db, 0, 0);
		clock_sleep(DB_COMMIT_PAUSE_MS);
	}
	return err_set(err, RC_TEMP, "UNKNOWN",
	    "database: whether it was committed is not known: %s",
	    error.message);
}

/* A random wait that doubles: conflicting writers step out of phase. */
static void
back_off(int attempt)
{
	uint32_t cap_us = 4000u << (attempt < 5 ? attempt : 5);
	struct timespec t = { 0, (long)rnd_below(cap_us) * 1000 };

	nanosleep(&t, NULL);
}

enum rc
db_txn_run(struct db *db, db_txn_fn *fn, void *ctx, int64_t patience_ms,
    struct err *err)
{
	int64_t start_ms = clock_mono_ms();
	int attempt;
	enum rc rc;

	assert(!db->in_txn);
	for (attempt = 0;; attempt++) {
		if ((rc = db_connect(db, err)) != RC_OK ||
		    (rc = begin_txn(db, err)) != RC_OK)
			return rc;
		rc = fn(db, ctx, err);
		if (rc == RC_OK && !db->is_void)
			rc = txn_commit(db, err);
		else
			mongoc_client_session_abort_transaction(
			    db->session, NULL);
		db->in_txn = false;
		if (rc == RC_OK || !db->is_transient ||
		    !has_time(db, start_ms, patience_ms))
			break;
		db_tell_progress(db, 0, 0);
		back_off(attempt);
	}
	db->is_transient = false;
	return rc;
}
