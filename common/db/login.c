/*
 * Who the program is for MongoDB: one line NAME:PASSWORD in a file of its own,
 * read again when the login is refused, so that a new password needs no
 * restart. `m3mta init --roles` writes such files.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/db_internal.h"

#include "base/banned.h"

/* The first line of the file; ret_text has room for DB_LOGIN_MAX. */
static enum rc
login_read(const char *path, char *ret_text, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return err_set(err, RC_PERM, "", "%s: %m", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, ret_text, DB_LOGIN_MAX - 1);
	close(fd);
	if (n < 0)
		return err_set(err, RC_PERM, "", "%s: cannot be read", path);
	if (st.st_mode & S_IRWXO)
		return err_set(err, RC_PERM, "",
		    "%s: others can read it; chmod 600 it", path);
	ret_text[n] = '\0';
	ret_text[strcspn(ret_text, "\r\n")] = '\0';
	if (!strchr(ret_text, ':') || ret_text[0] == ':')
		return err_set(
		    err, RC_PERM, "", "%s: NAME:PASSWORD is wanted", path);
	return RC_OK;
}

bool
db_login_is_new(struct db *db)
{
	char text[DB_LOGIN_MAX] = "";
	bool is_new;

	is_new = db->options.login_file &&
	    login_read(db->options.login_file, text, NULL) == RC_OK &&
	    strcmp(text, db->login) != 0;
	explicit_bzero(text, sizeof(text));
	return is_new;
}

enum rc
db_login_apply(struct db *db, mongoc_uri_t *uri, struct err *err)
{
	char *password;
	enum rc rc;
	bool ok;

	if (!db->options.login_file)
		return RC_OK;
	if (mongoc_uri_get_username(uri))
		return err_set(err, RC_PERM, "",
		    "database.uri: it names a user, and so does %s",
		    db->options.login_file);
	rc = login_read(db->options.login_file, db->login, err);
	if (rc != RC_OK)
		return rc;
	password = strchr(db->login, ':');
	*password = '\0';
	ok = mongoc_uri_set_username(uri, db->login) &&
	    mongoc_uri_set_password(uri, password + 1) &&
	    mongoc_uri_set_auth_source(uri, db->options.name) &&
	    mongoc_uri_set_auth_mechanism(uri, "SCRAM-SHA-256");
	*password = ':';
	return ok ? RC_OK
		  : err_set(err, RC_PERM, "", "%s: it is not UTF-8",
			db->options.login_file);
}
