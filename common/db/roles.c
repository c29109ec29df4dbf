/* Roles and users; see roles.h. */
#include "db/roles.h"

#include <stdio.h>

#include "db/db_internal.h"

#include "base/banned.h"

/* What mongod answers when it is there already, and without the right. */
enum { ROLE_EXISTS = 51002, USER_EXISTS = 51003, NOT_ALLOWED = 13 };

const char *const roles_programs[ROLES_COUNT] = { "smtp", "imap", "mda",
	"notify", "admin" };

/* Of collections.h, in the order of roles_programs; admin has all. */
static const char *const rights[DB_COUNT][ROLES_COUNT - 1] = {
#define COLL(id, name, ...) { __VA_ARGS__ },
#include "db/collections.h"
#undef COLL
};

static const char *
roles_action(char right)
{
	return right == 'f' ? "find"
	    : right == 'i'  ? "insert"
	    : right == 'u'  ? "update"
	    : right == 'r'  ? "remove"
			    : "changeStream";
}

static void
roles_add_privilege(bson_t *list, unsigned n, const struct db *db,
    enum db_collection which, const char *letters)
{
	bson_t privilege = BSON_INITIALIZER, actions;
	char key[12], at[12];
	unsigned i;

	BCON_APPEND(&privilege, "resource", "{", "db",
	    BCON_UTF8(db->options.name), "collection",
	    BCON_UTF8(db_coll_name(which)), "}");
	BSON_APPEND_ARRAY_BEGIN(&privilege, "actions", &actions);
	for (i = 0; letters[i]; i++) {
		snprintf(at, sizeof(at), "%u", i);
		BSON_APPEND_UTF8(&actions, at, roles_action(letters[i]));
	}
	bson_append_array_end(&privilege, &actions);
	snprintf(key, sizeof(key), "%u", n);
	BSON_APPEND_DOCUMENT(list, key, &privilege);
	bson_destroy(&privilege);
}

/* One way to have it as it should be: the command's name, and the rest. */
struct roles_way {
	const char *verb;
	const bson_t *fields;
};

/*
 * The first way that is not refused: create; update where it exists; and what
 * the installation's own administrator may do of that, since mongod wants the
 * right to revoke in all databases for an update.
 */
static enum rc
roles_put(struct db *db, const char *name, const struct roles_way ways[3],
    struct err *err)
{
	enum rc rc = RC_OK;
	int i;

	for (i = 0; i < 3; i++) {
		bson_t command = BSON_INITIALIZER, reply;
		bson_error_t error;
		bool ok;

		BSON_APPEND_UTF8(&command, ways[i].verb, name);
		bson_concat(&command, ways[i].fields);
		ok = mongoc_client_write_command_with_opts(db->client,
		    db->options.name, &command, NULL, &reply, &error);
		rc = ok ? RC_OK
			: db_error(db, &error, &reply, ways[i].verb, err);
		bson_destroy(&reply);
		bson_destroy(&command);
		if (ok || (error.code != ROLE_EXISTS &&
			      error.code != USER_EXISTS &&
			      error.code != NOT_ALLOWED))
			break;
	}
	return rc;
}

static enum rc
roles_put_role(struct db *db, unsigned program, const char *name,
    struct err *err)
{
	bson_t all = BSON_INITIALIZER, rights_only = BSON_INITIALIZER, list;
	struct roles_way ways[3] = { { "createRole", &all },
		{ "updateRole", &all },
		{ "grantPrivilegesToRole", &rights_only } };
	unsigned which, n = 0;
	enum rc rc;

	BSON_APPEND_ARRAY_BEGIN(&rights_only, "privileges", &list);
	for (which = 0; which < DB_COUNT; which++) {
		if (rights[which][program][0])
			roles_add_privilege(&list, n++, db,
			    (enum db_collection)which,
			    rights[which][program]);
	}
	bson_append_array_end(&rights_only, &list);
	bson_concat(&all, &rights_only);
	BCON_APPEND(&all, "roles", "[", "]");
	rc = roles_put(db, name, ways, err);
	bson_destroy(&rights_only);
	bson_destroy(&all);
	return rc;
}

/* m3mta: all of this database, its indexes and its users. */
static void
roles_add_admin(bson_t *fields)
{
	BCON_APPEND(fields, "roles", "[", "readWrite", "dbAdmin", "userAdmin",
	    "]");
}

static enum rc
roles_put_user(struct db *db, const char *name, bool is_admin,
    struct str password, struct err *err)
{
	bson_t all = BSON_INITIALIZER, password_only = BSON_INITIALIZER;
	struct roles_way ways[3] = { { "createUser", &all },
		{ "updateUser", &all }, { "updateUser", &password_only } };
	enum rc rc;

	doc_add_text(&password_only, "pwd", password);
	BCON_APPEND(
	    &password_only, "mechanisms", "[", "SCRAM-SHA-256", "]");
	bson_concat(&all, &password_only);
	if (is_admin)
		roles_add_admin(&all);
	else
		BCON_APPEND(&all, "roles", "[", BCON_UTF8(name), "]");
	rc = roles_put(db, name, ways, err);
	bson_destroy(&password_only);
	bson_destroy(&all);
	return rc;
}

enum rc
roles_make(struct db *db, const char *program, struct str password,
    struct err *err)
{
	enum rc rc = db_connect(db, err);
	bool is_admin;
	unsigned i = 0;
	char name[32];

	while (strcmp(roles_programs[i], program) != 0)
		i++;
	is_admin = i == ROLES_COUNT - 1;
	snprintf(name, sizeof(name), "m3mta-%s", program);
	if (rc == RC_OK && !is_admin)
		rc = roles_put_role(db, i, name, err);
	if (rc == RC_OK)
		rc = roles_put_user(db, name, is_admin, password, err);
	return rc;
}
