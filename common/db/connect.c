/*
 * The client: one connection, opened by the first command, with one causally
 * consistent session. The driver's time-outs are wrong for mail (a frozen
 * primary holds an insert for minutes), so they are set here.
 *
 * A primary that was just elected has all that was acknowledged, but does not
 * know at once that the majority has it, and a majority read shows what it
 * knows. So each session starts behind the newest write that the primary told
 * of in its hello, and is moved there when the driver meets another primary:
 * reads carry it as afterClusterTime, and mongod lets them wait. No round trip
 * is added. The driver's own second try of a read would carry the old time,
 * so it is off, and ops.c tries again.
 */
#include "base/clock.h"
#include "db/db_internal.h"

#include "base/banned.h"

/* The driver looks at the servers not more often: who comes earlier waits. */
enum { CONNECT_SCAN_MS = 500 };

/* Interactive: a read that is tried twice still ends within 6 s. */
static void
set_timeouts(mongoc_uri_t *uri, bool is_patient)
{
	int connect_ms = is_patient ? 5000 : 1500;
	int socket_ms = is_patient ? 10000 : 2500;

	mongoc_uri_set_option_as_int32(
	    uri, MONGOC_URI_CONNECTTIMEOUTMS, connect_ms);
	mongoc_uri_set_option_as_int32(
	    uri, MONGOC_URI_SOCKETTIMEOUTMS, socket_ms);
	mongoc_uri_set_option_as_int32(
	    uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, socket_ms);
	mongoc_uri_set_option_as_bool(
	    uri, MONGOC_URI_SERVERSELECTIONTRYONCE, !is_patient);
	mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
}

static void
set_concerns(mongoc_uri_t *uri)
{
	mongoc_write_concern_t *wc = mongoc_write_concern_new();
	mongoc_read_concern_t *rc = mongoc_read_concern_new();

	mongoc_write_concern_set_wmajority(wc, 0);
	mongoc_write_concern_set_journal(wc, true);
	mongoc_uri_set_write_concern(uri, wc);
	mongoc_read_concern_set_level(rc, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
	mongoc_uri_set_read_concern(uri, rc);
	mongoc_write_concern_destroy(wc);
	mongoc_read_concern_destroy(rc);
}

/*
 * The driver takes what stands behind the first '@' for the name of a host,
 * and its errors say that name: a password must not be a part of it.
 */
static bool
connect_has_raw_at(const char *uri)
{
	const char *at = strchr(uri, '@');
	const char *end = at ? at + strcspn(at, "?") : NULL;

	return at && memchr(at + 1, '@', (size_t)(end - at - 1)) != NULL;
}

/* db->uri anew: from the options and the login, if there is one. */
static enum rc
connect_make_uri(struct db *db, struct err *err)
{
	bson_error_t error;
	mongoc_uri_t *uri;
	enum rc rc;

	if (connect_has_raw_at(db->options.uri))
		return err_set(err, RC_PERM, "",
		    "database.uri: more than one '@'; in a name or password "
		    "it is written %%40");
	uri = mongoc_uri_new_with_error(db->options.uri, &error);
	if (!uri)
		return err_set(
		    err, RC_PERM, "", "database.uri: %s", error.message);
	set_timeouts(uri, db->options.is_patient);
	set_concerns(uri);
	if (db->options.appname)
		mongoc_uri_set_appname(uri, db->options.appname);
	if ((rc = db_login_apply(db, uri, err)) != RC_OK) {
		mongoc_uri_destroy(uri);
		return rc;
	}
	if (db->uri)
		mongoc_uri_destroy(db->uri);
	db->uri = uri;
	db->is_warm = false;
	db->has_login = mongoc_uri_get_username(uri) != NULL;
	return RC_OK;
}

enum rc
db_new(const struct db_options *o, struct db **ret_db, struct err *err)
{
	struct db *db;
	enum rc rc;

	mongoc_init();
	/* The driver's own lines are repeated by our errors. */
	mongoc_log_set_handler(NULL, NULL);
	db = mem_alloc(sizeof(*db));
	*db = (struct db){ .options = *o };
	if ((rc = connect_make_uri(db, err)) != RC_OK) {
		db_free(db);
		return rc;
	}
	*ret_db = db;
	return RC_OK;
}

static void
drop_session(struct db *db)
{
	if (db->session)
		mongoc_client_session_destroy(db->session);
	db->session = NULL;
	db->in_txn = false;
}

void
db_drop_handles(struct db *db)
{
	int i;

	for (i = 0; i < DB_COUNT; i++) {
		if (db->collections[i])
			mongoc_collection_destroy(db->collections[i]);
		db->collections[i] = NULL;
	}
	drop_session(db);
	if (db->numbered)
		mongoc_client_session_destroy(db->numbered);
	db->numbered = NULL;
}

void
db_drop_client(struct db *db)
{
	db_drop_handles(db);
	if (db->client)
		mongoc_client_destroy(db->client);
	db->client = NULL;
	db->is_checked = false;
	db->n_sockets = 0;
	db->newest_s = db->newest_n = 0;
}

/*
 * A client with a login is worth keeping: it has the keys. One that is not
 * checked has no connection: it is new from the parent, or was kept so.
 */
void
db_disconnect(struct db *db)
{
	if (!db->is_checked)
		return;
	if (!db->has_login || db->is_refused ||
	    clock_mono_ms() - db->connected_ms < CONNECT_SCAN_MS ||
	    !db_park(db))
		db_drop_client(db);
}

void
db_free(struct db *db)
{
	unsigned i;

	if (!db)
		return;
	db_drop_client(db);
	for (i = 0; i < DB_KEPT_DOMAINS; i++)
		bson_destroy(db->domains[i].doc);
	if (db->uri)
		mongoc_uri_destroy(db->uri);
	explicit_bzero(db->login, sizeof(db->login));
	mem_free(db);
}

/* --- the newest write that a primary told of ------------------------------- */

static void
connect_catch_up(struct db *db)
{
	if (db->session && db->newest_s)
		mongoc_client_session_advance_operation_time(
		    db->session, db->newest_s, db->newest_n);
}

/* mongos has no lastWrite; what it answers carries a time as well. */
static bool
connect_find_time(const bson_t *hello, bson_iter_t *ret_it)
{
	bson_iter_t it;

	if (bson_iter_init(&it, hello) &&
	    bson_iter_find_descendant(&it, "lastWrite.opTime.ts", ret_it) &&
	    BSON_ITER_HOLDS_TIMESTAMP(ret_it))
		return true;
	return bson_iter_init_find(ret_it, hello, "operationTime") &&
	    BSON_ITER_HOLDS_TIMESTAMP(ret_it);
}

/* By the driver, after it asked the servers and before it uses one. */
static void
connect_on_server(const mongoc_apm_server_changed_t *event)
{
	struct db *db = mongoc_apm_server_changed_get_context(event);
	const mongoc_server_description_t *sd =
	    mongoc_apm_server_changed_get_new_description(event);
	const char *type = mongoc_server_description_type(sd);
	uint32_t s, n;
	bson_iter_t it;

	if ((strcmp(type, "RSPrimary") != 0 && strcmp(type, "Mongos") != 0) ||
	    !connect_find_time(mongoc_server_description_hello_response(sd),
		&it))
		return;
	bson_iter_timestamp(&it, &s, &n);
	if (s < db->newest_s || (s == db->newest_s && n <= db->newest_n))
		return;
	db->newest_s = s;
	db->newest_n = n;
	connect_catch_up(db);
}

static enum rc
connect_make_client(struct db *db, struct err *err)
{
	mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
	bson_error_t error;

	db->client = mongoc_client_new_from_uri_with_error(db->uri, &error);
	if (db->client) {
		mongoc_client_set_error_api(
		    db->client, MONGOC_ERROR_API_VERSION_2);
		mongoc_apm_set_server_changed_cb(
		    callbacks, connect_on_server);
		mongoc_client_set_apm_callbacks(db->client, callbacks, db);
	}
	mongoc_apm_callbacks_destroy(callbacks);
	return db->client ? RC_OK
			  : db_error(db, &error, NULL, "client", err);
}

/* --- connecting --------------------------------------------------------------- */

/* A standalone has no transactions; mongos and members of a set have. */
static enum rc
check_topology(struct db *db, struct err *err)
{
	mongoc_server_description_t *sd;
	bson_error_t error;
	bool is_standalone;

	sd = mongoc_client_select_server(db->client, true, NULL, &error);
	if (!sd)
		return db_error(db, &error, NULL, "connect", err);
	is_standalone =
	    strcmp(mongoc_server_description_type(sd), "Standalone") == 0;
	db_note_time(db, doc_int(
	    mongoc_server_description_hello_response(sd), "localTime"));
	mongoc_server_description_destroy(sd);
	if (is_standalone)
		return err_set(err, RC_PERM, "4.3.5",
		    "database: this mongod is a standalone, without "
		    "transactions. Start it with --replSet rs0, then run "
		    "rs.initiate() once in mongosh (one member is enough)");
	return RC_OK;
}

/* The driver logs in at the first command: this one, so that what is wrong
 * with the login is known before anything depends on it. */
static enum rc
log_in(struct db *db, struct err *err)
{
	bson_t command = BSON_INITIALIZER, reply;
	bson_error_t error;
	enum rc rc = RC_OK;

	BSON_APPEND_INT32(&command, "ping", 1);
	if (!mongoc_client_command_simple(
		db->client, "admin", &command, NULL, &reply, &error))
		rc = db_error(db, &error, &reply, "login", err);
	else if (!db->is_warm)
		db->is_stale = true;
	bson_destroy(&reply);
	bson_destroy(&command);
	return rc;
}

static enum rc
start_session(struct db *db, struct err *err)
{
	bson_error_t error;

	db->session = mongoc_client_start_session(db->client, NULL, &error);
	if (!db->session)
		return db_error(db, &error, NULL, "session", err);
	connect_catch_up(db);
	return RC_OK;
}

/* The first of the client, and kept: one of the driver's pool has numbers. */
static enum rc
start_numbered(struct db *db, struct err *err)
{
	mongoc_session_opt_t *o = mongoc_session_opts_new();
	bson_error_t error;

	mongoc_session_opts_set_causal_consistency(o, false);
	db->numbered = mongoc_client_start_session(db->client, o, &error);
	db->first_number = db->number;
	mongoc_session_opts_destroy(o);
	return db->numbered ? RC_OK
			    : db_error(db, &error, NULL, "session", err);
}

static enum rc
connect_check(struct db *db, struct err *err)
{
	struct arena *a = db->has_login ? arena_new() : NULL;
	const struct db_files *before = a ? db_files_list(a) : NULL;
	enum rc rc = check_topology(db, err);

	if (rc == RC_OK)
		rc = start_numbered(db, err);
	if (rc == RC_OK && db->has_login)
		rc = log_in(db, err);
	if (a) {
		db_files_note(db, before);
		arena_free(a);
	}
	db->is_checked = rc == RC_OK;
	db->connected_ms = clock_mono_ms();
	return rc;
}

static enum rc
connect_once(struct db *db, struct err *err)
{
	enum rc rc = RC_OK;

	if (!db->client)
		rc = connect_make_client(db, err);
	if (rc == RC_OK && !db->is_checked)
		rc = connect_check(db, err);
	if (rc == RC_OK && !db->session)
		rc = start_session(db, err);
	if (rc != RC_OK)
		db_drop_client(db);
	return rc;
}

/*
 * A login that was refused, now or since: the file may say another by now.
 * Who serves on with an old one tells the parent by is_stale.
 */
enum rc
db_connect(struct db *db, struct err *err)
{
	enum rc rc;

	if (db->is_refused && !db->in_txn)
		db_drop_client(db);
	if (db->client && db->session)
		return RC_OK;
	if (db->is_refused && db_login_is_new(db) &&
	    (rc = connect_make_uri(db, err)) != RC_OK)
		return rc;
	db->is_refused = false;
	rc = connect_once(db, err);
	if (rc == RC_OK || !db->is_refused)
		return rc;
	db->is_stale = true;
	db->is_warm = false;
	if (!db_login_is_new(db) ||
	    (rc = connect_make_uri(db, err)) != RC_OK)
		return rc;
	db->is_refused = false;
	return connect_once(db, err);
}

enum rc
db_ping(struct db *db, struct err *err)
{
	bson_t command = BSON_INITIALIZER;
	enum rc rc;

	BSON_APPEND_INT32(&command, "ping", 1);
	rc = db_command(db, &command, NULL, err);
	bson_destroy(&command);
	return rc;
}

void
db_new_session(struct db *db)
{
	drop_session(db);
}
