/* m3mta config */
#include "admin.h"

#include "db/config_db.h"

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

/* The file was read at the start; here is what the database adds. */
int
sub_config_check(struct admin *a)
{
	struct err err = { .rc = RC_OK };
	size_t i;

	for (i = 0; i < N_DAEMONS; i++) {
		struct config c = a->p->config;

		if (config_read_db(&c, a->a, a->p->db, daemons[i], &err) !=
			RC_OK ||
		    config_check(&c, &err) != RC_OK)
			return err.rc == RC_TEMP
			    ? admin_fail(&err)
			    : admin_complain(EXIT_CONFIG, "%s", err.text);
	}
	admin_say(a, "%s and database: no problem",
	    a->p->config.path.len ? a->p->config.path.p : "defaults");
	return EXIT_OK;
}

static struct str
records_text(struct admin *a, const struct config_value *v)
{
	struct str all = STR("");
	size_t i, k;

	for (i = 0; i < v->count; i++) {
		for (k = 0; k < v->records[i].n; k++) {
			const struct config_field *f = &v->records[i].v[k];

			all = arena_printf(a->a, "%.*s%s%.*s%s%.*s",
			    STR_ARG(all),
			    k ? " " : i ? "," : "", STR_ARG(f->name), "=",
			    STR_ARG(f->value));
		}
	}
	return all;
}

static struct str
shown_value(struct admin *a, const struct config *c, enum config_key key)
{
	if (config_keys[key].type == CONFIG_RECORDS)
		return records_text(a, &c->v[key]);
	if (key == CFG_DATABASE_URI &&
	    str_has_char(config_str(c, key), '@'))
		return STR("(has a password)");
	return config_str(c, key);
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
			shown_value(a, &c, key),
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
	if (config_keys[*ret_key].scope == CONFIG_FILE_ONLY)
		return admin_complain(EXIT_CONFIG,
		    "%.*s: this key belongs into the file",
		    STR_ARG(a->words[1]));
	return EXIT_OK;
}

int
sub_config_set(struct admin *a)
{
	struct config c;
	enum config_key key;
	const char *daemon;
	struct err err;
	int code = find_key(a, &daemon, &key);

	if (code != EXIT_OK)
		return code;
	config_init(&c, a->a);
	if (config_set(&c, a->a, key, a->words[2], CONFIG_FROM_DATABASE,
		&err) != RC_OK)
		return admin_complain(EXIT_CONFIG, "%s", err.text);
	if (config_write_db(a->p->db, daemon, key, &a->words[2], &err) !=
	    RC_OK)
		return admin_fail(&err);
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
	if (config_write_db(a->p->db, daemon, key, NULL, &err) != RC_OK)
		return admin_fail(&err);
	return EXIT_OK;
}
