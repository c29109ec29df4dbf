/*
 * The database client: the only layer that knows MongoDB. One struct db is
 * one connection with one causally consistent session; it is opened lazily
 * by the first command and never used across a fork.
 *
 * Every function of db/ that can fail returns enum rc and fills struct err:
 * RC_TEMP when the database is away or a limit of time was reached (the
 * caller answers 4xx or NO [UNAVAILABLE]), RC_PERM for what the data says
 * (over quota, name taken), RC_BUG for a command that mongod refuses.
 * "None found" is RC_OK with *ret NULL, unless a header says otherwise.
 * Results live in the arena that was given.
 *
 * Profiles: interactive calls fail within 6 s. Commit calls (queue_insert,
 * deliver_*, store_append ...) try again with the same _id until their
 * deadline.
 */
#ifndef M3_DB_DB_H
#define M3_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct db;

struct db_options {
	const char *uri;
	const char *name;     /* of the database */
	const char *appname;  /* shown in mongod's log and currentOp */
	/* File with NAME:PASSWORD, or NULL: the URI says who we are. The user
	 * is one of the database `name`. */
	const char *login_file;
	bool is_patient;      /* m3mta, m3mta-mda: nobody waits for an answer,
	                       * so a slow server gets 10 s */
};

/*
 * Checks the URI and sets the driver up, before a fork; no traffic. RC_PERM:
 * the URI is wrong.
 */
enum rc db_new(const struct db_options *o, struct db **ret_db,
    struct err *err);
void db_free(struct db *db);
/*
 * Connects and checks what it is connected to: a standalone mongod is
 * refused with RC_PERM and a text that says how to make it a replica set.
 */
enum rc db_ping(struct db *db, struct err *err);
/*
 * For a parent that forks: logs in once, so that children inherit a client that
 * has the keys of the login, and closes its connections. Errors are ignored
 * (the database may be away): children log in by themselves then, and say so
 * by db_is_stale.
 */
void db_prefork(struct db *db);
/* After a fork in the child: no connection and no session of the parent's. */
void db_postfork(struct db *db);
/*
 * In a child: it had to log in without the parent's keys (there were none, or
 * the password is another one by now): the parent should call db_prefork.
 */
bool db_is_stale(const struct db *db);
/* Between two connections of a reused child: a new causal session. */
void db_new_session(struct db *db);
/* Gives the connection back (IDLE); the next call opens it again. */
void db_disconnect(struct db *db);

/*
 * Called now and then while an operation takes long: so many of so many items
 * are done (0 of 0: it waits). NULL: nobody wants to know.
 */
typedef void db_progress_fn(void *ctx, uint64_t done, uint64_t goal);
void db_on_progress(struct db *db, db_progress_fn *fn, void *ctx);

/* The server's clock, milliseconds since 1970 (one round trip). */
enum rc db_server_time(struct db *db, int64_t *ret_ms, struct err *err);
/*
 * The same without a round trip: asked once a minute, counted on by the
 * monotonic clock. Never asked inside a transaction once it is known. All
 * stamps that are compared are made by it: hosts' clocks may be wrong.
 * RC_TEMP: it was never known, and the database is away.
 */
enum rc db_now(struct db *db, int64_t *ret_ms, struct err *err);
/* As it is known now; the host's clock as long as it never was. */
int64_t db_time(const struct db *db);

#endif
