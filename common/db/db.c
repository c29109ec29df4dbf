/*
 * The client: one connection, opened by the first command, with one causally
 * consistent session. The driver's time-outs are wrong for mail (a frozen
 * primary holds an insert for minutes), so they are set here.
 */
#include "db/db_internal.h"

#include "base/banned.h"

static const char *const collection_names[DB_COUNT] = {
	[DB_CONFIG] = "config",
	[DB_DOMAINS] = "domains",
	[DB_MAILBOXES] = "mailboxes",
	[DB_QUEUE] = "queue",
	[DB_FOLDERS] = "folders",
	[DB_PAGES] = "pages",
	[DB_MESSAGES] = "messages",
	[DB_BLOBS] = "blobs",
	[DB_TRASH] = "trash",
	[DB_LIMITS] = "limits",
	[DB_ANNOTATIONS] = "annotations",
	[DB_SHARES] = "shares",
	[DB_INCOMING] = "incoming",
};

const char *
db_coll_name(enum db_collection which)
{
	return collection_names[which];
}

/* Interactive: a read that is tried twice still ends within 5 s. */
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

enum rc
db_new(const struct db_options *o, struct db **ret_db, struct err *err)
{
	bson_error_t error;
	mongoc_uri_t *uri;
	struct db *db;

	mongoc_init();
	/* The driver's own lines are repeated by our errors. */
	mongoc_log_set_handler(NULL, NULL);
	uri = mongoc_uri_new_with_error(o->uri, &error);
	if (!uri)
		return err_set(
		    err, RC_PERM, "", "database.uri: %s", error.message);
	set_timeouts(uri, o->is_patient);
	set_concerns(uri);
	if (o->appname)
		mongoc_uri_set_appname(uri, o->appname);
	db = mem_alloc(sizeof(*db));
	db->options = *o;
	db->uri = uri;
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
db_disconnect(struct db *db)
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
	if (db->client)
		mongoc_client_destroy(db->client);
	db->client = NULL;
}

void
db_free(struct db *db)
{
	unsigned i;

	if (!db)
		return;
	db_disconnect(db);
	for (i = 0; i < DB_KEPT_DOMAINS; i++)
		bson_destroy(db->domains[i].doc);
	mongoc_uri_destroy(db->uri);
	mem_free(db);
}

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
	db_note_time(db, doc_int(
	    mongoc_server_description_hello_response(sd), "localTime"));
	is_standalone =
	    strcmp(mongoc_server_description_type(sd), "Standalone") == 0;
	mongoc_server_description_destroy(sd);
	if (is_standalone)
		return err_set(err, RC_PERM, "4.3.5",
		    "database: this mongod is a standalone, without "
		    "transactions. Start it with --replSet rs0, then run "
		    "rs.initiate() once in mongosh (one member is enough)");
	return RC_OK;
}

static enum rc
start_session(struct db *db, struct err *err)
{
	bson_error_t error;

	db->session = mongoc_client_start_session(db->client, NULL, &error);
	if (!db->session)
		return db_error(db, &error, NULL, "session", err);
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

enum rc
db_connect(struct db *db, struct err *err)
{
	bson_error_t error;
	enum rc rc = RC_OK;

	if (db->client && db->session)
		return RC_OK;
	if (!db->client) {
		db->client = mongoc_client_new_from_uri_with_error(
		    db->uri, &error);
		if (!db->client)
			return db_error(db, &error, NULL, "client", err);
		mongoc_client_set_error_api(
		    db->client, MONGOC_ERROR_API_VERSION_2);
		rc = check_topology(db, err);
		if (rc == RC_OK)
			rc = start_numbered(db, err);
	}
	if (rc == RC_OK)
		rc = start_session(db, err);
	if (rc != RC_OK)
		db_disconnect(db);
	return rc;
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
db_prefork(struct db *db)
{
	struct err unused;

	(void)db_ping(db, &unused);
	db_disconnect(db);
}

/*
 * What was inherited is left alone: to destroy it would talk on the
 * parent's connection (endSessions, TLS's close_notify).
 */
void
db_postfork(struct db *db)
{
	if (db->client)
		mongoc_client_reset(db->client);
	db->client = NULL;
	db->session = db->numbered = NULL;
	memset(db->collections, 0, sizeof(db->collections));
	db->in_txn = false;
}

void
db_new_session(struct db *db)
{
	drop_session(db);
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
		10334, 16020, 17280, 40415 };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

enum rc
db_error(struct db *db, const bson_error_t *error, const bson_t *reply,
    const char *what, struct err *err)
{
	bool is_server = error->domain == MONGOC_ERROR_SERVER ||
	    error->domain == MONGOC_ERROR_WRITE_CONCERN;
	enum rc rc = RC_TEMP;

	db->is_network = !is_server;
	if (db->in_txn)
		db->is_transient = reply &&
		    mongoc_error_has_label(reply, "TransientTransactionError");
	if (is_server && is_our_fault(error->code) && !db->is_transient)
		rc = RC_BUG;
	return err_set(err, rc, "4.3.0", "database: %s: %s", what,
	    error->message);
}
