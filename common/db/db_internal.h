/*
 * Shared by the files of db/ only: the client behind struct db, its
 * collections, operations, transactions and the translation of the driver's
 * errors. Majority reads and majority-and-journal writes are the client's
 * defaults; inside a transaction the driver leaves them to its commit.
 */
#ifndef M3_DB_DB_INTERNAL_H
#define M3_DB_DB_INTERNAL_H

#include <mongoc/mongoc.h>

#include "db/db.h"
#include "model/id.h"

enum db_collection {
#define COLL(id, ...) DB_##id,
#include "db/collections.h"
#undef COLL
	DB_COUNT
};

enum { DB_KEPT_DOMAINS = 16, DB_LOGIN_MAX = 512, DB_SOCKETS = 64 };

struct db {
	struct db_options options;
	mongoc_uri_t *uri;
	mongoc_client_t *client;           /* NULL: not connected */
	mongoc_client_session_t *session;
	mongoc_client_session_t *numbered; /* of once.c alone */
	int64_t number;                    /* the last one given */
	int64_t first_number;              /* those up to it are another's */
	mongoc_collection_t *collections[DB_COUNT];
	/* server_clock.c: what the server said, and when by our monotonic. */
	int64_t clock_server_ms;
	int64_t clock_mono_ms;
	bool has_clock;
	bool in_txn;
	bool is_transient;   /* in_txn: an error asked for a new attempt */
	bool is_network;     /* the last error was not the server's answer */
	bool is_retryable;   /* a read that got the last error may be repeated */
	bool is_refused;     /* the login was, by the last error */
	bool is_checked;     /* client: what it is connected to, and logged in */
	bool has_login;
	bool is_warm;        /* client: knows the keys, has no connection */
	bool is_stale;       /* see db_is_stale */
	/* What the login opened (warm.c): the inode tells that it is the same. */
	struct db_socket {
		int fd;
		uint64_t inode;
	} sockets[DB_SOCKETS];
	unsigned n_sockets;
	int64_t connected_ms; /* monotonic */
	char login[DB_LOGIN_MAX]; /* NAME:PASSWORD of options.login_file */
	uint32_t newest_s, newest_n; /* the newest write a primary told of */
	bool is_void;        /* in_txn: fn found nothing to do; RC_OK aborts */
	/* Domains that were found a moment ago: see domains.c. */
	struct db_kept {
		bson_t *doc;     /* NULL: free */
		int64_t until_ms;
	} domains[DB_KEPT_DOMAINS];
	unsigned next_domain;
	db_progress_fn *on_progress;
	void *progress_ctx;
};

void db_tell_progress(struct db *db, uint64_t done, uint64_t goal);

/*
 * How long a transaction is tried again: when the server answers with a
 * conflict, and when it does not answer. A process that dies inside a
 * transaction leaves it open on the server, and what it wrote stays locked,
 * for transactionLifetimeLimitSeconds (60): a patient client outlives that.
 */
enum {
	DB_CONFLICT_MS         = 20000,
	DB_CONFLICT_PATIENT_MS = 75000,
	DB_INTERACTIVE_MS      = 1000,
	DB_COMMIT_MS           = 60000,
	DB_COMMIT_PAUSE_MS     = 100,
};

/* The user's name and password of options.login_file, if any, into uri. */
enum rc db_login_apply(struct db *db, mongoc_uri_t *uri, struct err *err);
/* The file says another than what is in use. */
bool db_login_is_new(struct db *db);
/* Collections and session, not the client. */
void db_drop_handles(struct db *db);
/* All of it; what the login derived is lost. */
void db_drop_client(struct db *db);
/*
 * Closes the connections and keeps the client with its keys. False: a
 * connection is left, the client is of no use.
 */
bool db_park(struct db *db);
/*
 * The descriptors of this process, or NULL: they cannot be listed; and what
 * was opened since: nothing, when one of the two lists is not there.
 */
struct db_files;
const struct db_files *db_files_list(struct arena *a);
void db_files_note(struct db *db, const struct db_files *before);
/* Connects when needed. RC_PERM: it is a standalone. */
enum rc db_connect(struct db *db, struct err *err);
/* The server has just said what time it is; 0: it did not. */
void db_note_time(struct db *db, int64_t server_ms);
/* Connected before: the handle. */
mongoc_collection_t *db_coll(struct db *db, enum db_collection which);
const char *db_coll_name(enum db_collection which);

/* Maps a driver error; reply may be NULL (looked at for error labels). */
enum rc db_error(struct db *db, const bson_error_t *error,
    const bson_t *reply, const char *what, struct err *err);
bool db_is_duplicate_key(const bson_error_t *error);

/* --- operations (ops.c): all connect, and join a running transaction ---- */

/*
 * Zero or one document. *ret_doc is initialised when found and is the
 * caller's to destroy. opts: projection, sort ...; NULL = none.
 */
enum rc db_find_one(struct db *db, enum db_collection which,
    const bson_t *filter, const bson_t *opts, bson_t *ret_doc,
    bool *ret_found, struct err *err);
/* sink lives while the cursor is read; false stops early. */
typedef bool db_sink(void *ctx, const bson_t *doc);
enum rc db_find(struct db *db, enum db_collection which,
    const bson_t *filter, const bson_t *opts, db_sink *sink, void *ctx,
    struct err *err);
enum rc db_aggregate(struct db *db, enum db_collection which,
    const bson_t *pipeline, db_sink *sink, void *ctx, struct err *err);
/*
 * *ret_duplicate (or NULL: then it is an error) tells of a taken key, whose
 * document a majority has. A taken key that is not known to be durable is
 * RC_TEMP.
 */
enum rc db_insert(struct db *db, enum db_collection which, const bson_t *doc,
    bool *ret_duplicate, struct err *err);
/* Stops at the first taken key, *ret_duplicate as above. */
enum rc db_insert_many(struct db *db, enum db_collection which,
    const bson_t *const *docs, size_t n, bool *ret_duplicate,
    struct err *err);
/* opts: arrayFilters, upsert; NULL = none. *ret_matched may be NULL. */
enum rc db_update_one(struct db *db, enum db_collection which,
    const bson_t *filter, const bson_t *update, const bson_t *opts,
    int64_t *ret_matched, struct err *err);
enum rc db_update_many(struct db *db, enum db_collection which,
    const bson_t *filter, const bson_t *update, int64_t *ret_matched,
    struct err *err);
enum rc db_delete_one(struct db *db, enum db_collection which,
    const bson_t *filter, int64_t *ret_deleted, struct err *err);
enum rc db_delete_many(struct db *db, enum db_collection which,
    const bson_t *filter, int64_t *ret_deleted, struct err *err);
/* The document after the change; fields: projection or NULL. */
enum rc db_find_and_update(struct db *db, enum db_collection which,
    const bson_t *filter, const bson_t *update, const bson_t *fields,
    bson_t *ret_doc, bool *ret_found, struct err *err);
/* A command against the database. *ret_reply (or NULL) as in db_find_one. */
enum rc db_command(
    struct db *db, const bson_t *command, bson_t *ret_reply, struct err *err);

/*
 * Many writes of one collection in one round trip, in order. db_bulk_run
 * frees it. *ret_matched: of updates and deletes together.
 */
mongoc_bulk_operation_t *db_bulk_new(
    struct db *db, enum db_collection which);
enum rc db_bulk_run(struct db *db, mongoc_bulk_operation_t *bulk,
    int64_t *ret_matched, struct err *err);

/*
 * findAndModify of one counter of `limits` (limits.c), made when it is not
 * there; consumes the pipeline. *ret_reply is the caller's to destroy.
 */
enum rc limit_change(struct db *db, struct str key, bson_t *pipeline,
    bson_t *ret_reply, struct err *err);

/* --- transactions (txn.c) ----------------------------------------------- */

/*
 * Runs fn in a transaction (majority, journal, snapshot) with the retry
 * rules of the driver's documentation: TransientTransactionError runs fn
 * again. Conflicts are tried again for DB_CONFLICT_MS, a silent server for
 * patience_ms. A commit whose result is not known is asked for again for
 * DB_COMMIT_MS, then it is RC_TEMP with the code "UNKNOWN". fn returns
 * RC_OK to commit; anything else aborts and is handed on. fn must be
 * repeatable: it may run many times.
 */
typedef enum rc db_txn_fn(struct db *db, void *ctx, struct err *err);
enum rc db_txn_run(struct db *db, db_txn_fn *fn, void *ctx,
    int64_t patience_ms, struct err *err);

/* --- documents (doc.c) ------------------------------------------------ */

/* Of a constant; destroy it. */
bson_t *doc_from_json(const char *json);
void doc_add_oid(bson_t *doc, const char *key, const struct oid *id);
void doc_add_uuid(bson_t *doc, const char *key, const struct uuid *id);
/* An array of ids. */
void doc_add_oids(
    bson_t *doc, const char *key, const struct oid *v, size_t n);
void doc_add_bytes(bson_t *doc, const char *key, struct str bytes);
/* UTF-8 text; what is not UTF-8 is stored as bytes. */
void doc_add_text(bson_t *doc, const char *key, struct str text);
void doc_add_int(bson_t *doc, const char *key, int64_t n);

/*
 * Getters on a path with dots. A missing or wrongly typed field gives the
 * empty value; *_in copies into the arena.
 */
int64_t doc_int(const bson_t *doc, const char *path);
bool doc_bool(const bson_t *doc, const char *path);
/* A slice of the document. */
struct str doc_view_bytes(const bson_t *doc, const char *path);
struct str doc_bytes_in(
    struct arena *a, const bson_t *doc, const char *path);
/* Text, or the bytes that doc_add_text made of it. */
struct str doc_text_in(struct arena *a, const bson_t *doc, const char *path);
bool doc_oid(const bson_t *doc, const char *path, struct oid *ret_id);
bool doc_uuid(const bson_t *doc, const char *path, struct uuid *ret_id);
/* Texts of an array. */
const struct str *doc_texts_in(
    struct arena *a, const bson_t *doc, const char *path, size_t *ret_n);
/* Documents of an array: false at its end. *it from doc_array. */
bool doc_array(const bson_t *doc, const char *path, bson_iter_t *ret_it);
bool doc_array_next(bson_iter_t *it, bson_t *ret_doc);
/* Adds an array of texts. */
void doc_add_texts(
    bson_t *doc, const char *key, const struct str *v, size_t n);

#endif
