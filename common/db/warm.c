/*
 * What a parent that forks does once for all its children. A login costs 20 ms
 * of CPU, nearly all of it for deriving the SCRAM keys from the password,
 * which the driver's client then keeps. So the parent logs in once, and the
 * children inherit its client: theirs cost 1 ms. A session that gives its
 * connection back while it waits keeps its client in the same way.
 *
 * A connection must not be inherited, two processes would write on it, and
 * mongoc_client_reset does not close any. So the sockets that the login opened
 * are shut, and the driver finds that out: what is left is a client that
 * knows the keys and has no connection.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "db/db_internal.h"

#include "base/banned.h"

struct db_files {
	VEC(int) fds;
};

const struct db_files *
db_files_list(struct arena *a)
{
	struct db_files *f = ARENA_NEW(a, struct db_files);
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *e;

	if (!folder)
		return NULL;
	while ((e = readdir(folder))) {
		int fd = (int)strtol(e->d_name, NULL, 10);

		if (e->d_name[0] != '.' && fd != dirfd(folder))
			VEC_PUSH(a, &f->fds, fd);
	}
	closedir(folder);
	return f;
}

static bool
files_have(const struct db_files *f, int fd)
{
	size_t i;

	for (i = 0; i < f->fds.n; i++) {
		if (f->fds.v[i] == fd)
			return true;
	}
	return false;
}

void
db_files_note(struct db *db, const struct db_files *before)
{
	struct arena *a = arena_new();
	const struct db_files *now = db_files_list(a);
	struct stat st;
	size_t i;

	db->n_sockets = 0;
	for (i = 0; before && now && i < now->fds.n &&
	     db->n_sockets < DB_SOCKETS; i++) {
		int fd = now->fds.v[i];

		if (!files_have(before, fd) && fstat(fd, &st) == 0 &&
		    S_ISSOCK(st.st_mode))
			db->sockets[db->n_sockets++] =
			    (struct db_socket){ fd, st.st_ino };
	}
	arena_free(a);
}

static bool
warm_is_open(const struct db_socket *s)
{
	struct stat st;

	return fstat(s->fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_ino == s->inode;
}

/* Each server is asked once more: its connection turns out to be closed. */
static void
warm_drop_connections(struct db *db)
{
	mongoc_server_description_t **all;
	bson_t command = BSON_INITIALIZER, reply;
	bson_error_t error;
	size_t i, n;

	BSON_APPEND_INT32(&command, "ping", 1);
	all = mongoc_client_get_server_descriptions(db->client, &n);
	for (i = 0; i < n; i++) {
		(void)mongoc_client_command_simple_with_server_id(db->client,
		    "admin", &command, NULL,
		    mongoc_server_description_id(all[i]), &reply, &error);
		bson_destroy(&reply);
	}
	mongoc_server_descriptions_destroy_all(all, n);
	bson_destroy(&command);
}

bool
db_park(struct db *db)
{
	bool is_cut = db->n_sockets > 0;
	unsigned i;

	db_drop_handles(db);
	mongoc_client_reset(db->client);
	for (i = 0; i < db->n_sockets; i++) {
		if (warm_is_open(&db->sockets[i]))
			(void)shutdown(db->sockets[i].fd, SHUT_RDWR);
	}
	warm_drop_connections(db);
	for (i = 0; i < db->n_sockets; i++)
		is_cut = is_cut && !warm_is_open(&db->sockets[i]);
	db->n_sockets = 0;
	db->is_checked = false;
	return is_cut;
}

void
db_prefork(struct db *db)
{
	struct err unused;

	/* A client of before has no connection, and no session to end. */
	if (db->client)
		mongoc_client_reset(db->client);
	db_drop_client(db);
	db->is_warm = db_ping(db, &unused) == RC_OK && db->has_login &&
	    db_park(db);
	if (!db->is_warm)
		db_drop_client(db);
	db->is_stale = false;
}

/*
 * A client with connections (that of a worker which forks) is left alone: to
 * destroy it would talk on the parent's (endSessions, TLS's close_notify).
 */
void
db_postfork(struct db *db)
{
	if (db->client)
		mongoc_client_reset(db->client);
	if (!db->is_warm)
		db->client = NULL;
	db->session = db->numbered = NULL;
	memset(db->collections, 0, sizeof(db->collections));
	db->in_txn = false;
	db->is_checked = false;
	db->is_stale = false;
	db->n_sockets = 0;
}

bool
db_is_stale(const struct db *db)
{
	return db->is_stale;
}
