/* m3mta config */
#include "admin.h"
#include "secret.h"

#include "db/config_db.h"
#include "model/config_fit.h"

#include "base/banned.h"

static const char *const daemons[] = { "smtp", "imap", "mda" };
enum { N_DAEMONS = 3 };

static const char *
daemon_name(struct str s, bool with_all)
{
	size_t i;

	for (i = 0; i < N_DAEMONS; i++) {
		if (str_equals(s, str_from_cstr(daemons[i])))
			return daemons[i];
	}
	return with_all && str_equals(s, STR("all")) ? "all" : NULL;
}

enum rc
admin_ignored_keys(struct admin *a, struct str *ret_keys, struct err *err)
{
	struct config c = a->p->file_config;
	size_t i;

	c.ignored = STR("");
	for (i = 0; i < N_DAEMONS; i++) {
		struct str all = c.ignored;
		enum rc rc;

		c = a->p->file_config;
		c.ignored = STR("");
		rc = config_read_db(&c, a->a, a->p->db, daemons[i], err);
		if (rc != RC_OK)
			return rc;
		/* The document "all" is read for each of them. */
		if (str_find(all, c.ignored) < all.len)
			c.ignored = all;
		else if (all.len && c.ignored.len)
			c.ignored = arena_join3(
			    a->a, all, STR("; "), c.ignored);
		else if (all.len)
			c.ignored = all;
	}
	*ret_keys = c.ignored;
	return RC_OK;
}

/*
 * The file was read at the start; here is what the database adds. What this
 * host's file hides must be right as well: other hosts have other files.
 */
static enum rc
check_all(struct db *db, void *ctx, struct err *err)
{
	struct admin *a = ctx;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < N_DAEMONS; i++) {
		struct config c = a->p->config, bare;

		rc = config_read_db(&c, a->a, db, daemons[i], err);
		if (rc == RC_OK)
			rc = config_check(&c, err);
		config_init(&bare, a->a);
		if (rc == RC_OK)
			rc = config_read_db(&bare, a->a, db, daemons[i], err);
		if (rc == RC_OK)
			rc = config_check_lists(&bare, err);
	}
	return rc;
}

static int
fail(const struct err *err)
{
	return err->rc == RC_PERM ? admin_complain(EXIT_CONFIG, "%s", err->text)
				  : admin_fail(err);
}

/* What the mda starts with, and does not go together. */
static int
check_fit(struct admin *a)
{
	struct config c = a->p->config;
	config_misfits misfits = { 0 };
	struct err err = { .rc = RC_OK };
	int code = EXIT_OK;
	size_t i;

	if (config_read_db(&c, a->a, a->p->db, "mda", &err) != RC_OK)
		return fail(&err);
	config_fit(&c, a->a, &misfits);
	for (i = 0; i < misfits.n; i++)
		code = admin_complain(
		    EXIT_FAILED, "%.*s", STR_ARG(misfits.v[i]));
	return code;
}

int
sub_config_check(struct admin *a)
{
	struct err err = { .rc = RC_OK };
	struct str ignored;
	int code;

	if (check_all(a->p->db, a, &err) != RC_OK ||
	    admin_ignored_keys(a, &ignored, &err) != RC_OK)
		return fail(&err);
	if (ignored.len)
		return admin_complain(EXIT_CONFIG,
		    "%.*s: ignored, it belongs into the file; "
		    "m3mta config unset removes it", STR_ARG(ignored));
	if ((code = check_fit(a)) != EXIT_OK)
		return code;
	admin_say(a, "%s and database: no problem",
	    a->p->config.path.len ? a->p->config.path.p : "defaults");
	return EXIT_OK;
}

int
sub_config_show(struct admin *a)
{
	static const struct column columns[] = { { "key", false },
		{ "value", false }, { "origin", false } };
	static const char *const origins[] = { "default", "database", "file",
		"option" };
	const char *daemon =
	    a->n_words ? daemon_name(a->words[0], false) : "smtp";
	struct table *t =
	    table_new(a, columns, admin_has(a, "origin") ? 3 : 2);
	struct config c = a->p->config;
	enum config_key key;
	struct err err = { .rc = RC_OK };

	if (!daemon)
		return admin_complain(EXIT_USAGE, "smtp, imap or mda");
	if (config_read_db(&c, a->a, a->p->db, daemon, &err) != RC_OK)
		return admin_fail(&err);
	for (key = 0; key < CFG_COUNT; key++) {
		struct str cells[] = { str_from_cstr(config_keys[key].name),
			config_shown(&c, a->a, key),
			str_from_cstr(origins[c.v[key].origin]) };

		table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}

static int
find_key(struct admin *a, const char **ret_daemon, enum config_key *ret_key)
{
	*ret_daemon = daemon_name(a->words[0], true);
	*ret_key = config_find(a->words[1]);
	if (!*ret_daemon)
		return admin_complain(
		    EXIT_USAGE, "smtp, imap, mda or all, then the key");
	if (*ret_key == CFG_COUNT)
		return admin_complain(EXIT_CONFIG,
		    "%.*s: there is no such key (see m3mta.conf(5))",
		    STR_ARG(a->words[1]));
	return EXIT_OK;
}

/* What may not be set in the database, with the reason. */
static int
check_scope(struct admin *a, enum config_key key)
{
	bool runs_programs = key == CFG_FILTERS || key == CFG_HOOKS;

	if (config_keys[key].scope != CONFIG_FILE_ONLY)
		return EXIT_OK;
	return admin_complain(EXIT_CONFIG,
	    "%.*s: this key belongs into the file%s", STR_ARG(a->words[1]),
	    runs_programs ? ": it names programs to run, and who can write "
			    "the database must not choose them"
			  : "");
}

/* A secret is no word of a command line, which everybody can read. */
static int
take_value(struct admin *a, enum config_key key, struct str *ret_value)
{
	struct str path = admin_option(a, "value-file");
	bool is_secret = config_keys[key].type == CONFIG_SECRET;
	struct err err;

	if (!path.p && a->n_words > 2 && !is_secret) {
		*ret_value = a->words[2];
		return EXIT_OK;
	}
	if (!path.p || a->n_words > 2)
		return admin_complain(EXIT_USAGE, "%s: give %s",
		    config_keys[key].name,
		    is_secret ? "it by --value-file=FILE or "
				"--value-file=- (standard input)"
			      : "one value");
	if (secret_read(a->a, path, ret_value, &err) != RC_OK)
		return admin_fail(&err);
	return EXIT_OK;
}

int
sub_config_set(struct admin *a)
{
	enum config_key key;
	const char *daemon;
	struct err err;
	struct str value;
	int code = find_key(a, &daemon, &key);

	if (code != EXIT_OK || (code = check_scope(a, key)) != EXIT_OK ||
	    (code = take_value(a, key, &value)) != EXIT_OK)
		return code;
	if (config_write_db(a->p->db, daemon, key, &value, check_all, a,
		&err) != RC_OK)
		return fail(&err);
	return EXIT_OK;
}

int
sub_config_unset(struct admin *a)
{
	enum config_key key;
	const char *daemon;
	struct err err;
	int code = find_key(a, &daemon, &key);

	if (code != EXIT_OK)
		return code;
	if (config_write_db(a->p->db, daemon, key, NULL, check_all, a,
		&err) != RC_OK)
		return fail(&err);
	return EXIT_OK;
}
