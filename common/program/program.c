/* The start of the programs; see program.h. */
#include "program/program.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exits.h"
#include "db/config_db.h"
#include "log/log.h"

#include "base/banned.h"

enum { MAX_OPTIONS = 16, MAX_SETTINGS = 64, DB_CONFIG_MS = 60000 };

static void
print_help(const struct program_spec *spec)
{
	const struct program_option *o;

	printf("%s: %s\n\nUsage: %s [options]%s%s\n\n", spec->name,
	    spec->summary, spec->name, spec->operands[0] ? " " : "",
	    spec->operands);
	printf("  -c, --config FILE    the configuration file\n"
	       "  -o, --set KEY=VALUE  one key of it, over all others\n");
	for (o = spec->options; o && o->name; o++) {
		int width = printf("      --%s%s%s", o->name,
		    o->value_name ? " " : "",
		    o->value_name ? o->value_name : "");

		printf("%*s%s\n", width < 23 ? 23 - width : 1, "", o->help);
	}
	printf("  -v, --verbose        log more\n"
	       "  -h, --help           this text\n"
	       "  -V, --version        the version\n");
}

static enum rc
set_option(struct program *p, const char *text, struct err *err)
{
	struct str s = str_from_cstr(text);
	size_t eq = str_find_char(s, '=');
	enum config_key key = config_find(str_slice(s, 0, eq));
	enum rc rc;

	if (eq == s.len)
		return err_set(
		    err, RC_PERM, "", "-o %s: key=value is wanted", text);
	if (key == CFG_COUNT)
		return err_set(err, RC_PERM, "",
		    "-o %s: there is no such key (see m3mta.conf(5))", text);
	rc = config_set(&p->config, p->arena, key, str_tail(s, eq + 1),
	    CONFIG_FROM_OPTION, err);
	if (rc != RC_OK) {
		err_prefix(err, "-o");
		return rc;
	}
	if (config_keys[key].type != CONFIG_RECORDS &&
	    !str_equals(config_shown(&p->config, p->arena, key),
		config_str(&p->config, key)))
		return err_set(err, RC_PERM, "",
		    "-o %s: a password is no word of a command line, which "
		    "everybody can read: write it into the file",
		    config_keys[key].name);
	return RC_OK;
}

static enum rc
read_config(struct program *p, const char *path, char *const *settings,
    int n, struct err *err)
{
	bool is_given = path != NULL;
	enum rc rc;
	int i;

	if (!path)
		path = getenv("M3MTA_CONFIG");
	is_given = path != NULL;
	if (!path)
		path = M3_SYSCONFDIR "/m3mta/m3mta.json";
	config_init(&p->config, p->arena);
	rc = config_read_file(&p->config, p->arena, path, is_given, err);
	for (i = 0; rc == RC_OK && i < n; i++)
		rc = set_option(p, settings[i], err);
	if (rc != RC_OK)
		return rc;
	rc = config_check(&p->config, err);
	if (rc != RC_OK && p->config.path.len)
		err_prefix(err, "%.*s", STR_ARG(p->config.path));
	return rc;
}

static void
find_hostname(struct program *p)
{
	char name[256] = "localhost";

	p->hostname = config_str(&p->config, CFG_HOSTNAME);
	if (!str_is_empty(p->hostname))
		return;
	if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
		return;
	name[sizeof(name) - 1] = '\0';
	p->hostname = arena_dup_str(p->arena, str_from_cstr(name));
}

/*
 * Where the login for MongoDB is, or NULL: what systemd hands to the unit, which
 * no other unit of the same user can read, else by the program's name.
 */
static const char *
program_find_login(struct program *p)
{
	struct str folder = config_str(&p->config, CFG_DATABASE_LOGINS);
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *name = strcmp(p->daemon, "all") ? p->daemon : "admin";
	struct str path;

	if (credentials) {
		path = arena_printf(p->arena, "%s/database", credentials);
		if (access(path.p, F_OK) == 0)
			return path.p;
	}
	if (str_is_empty(folder))
		return NULL;
	return arena_printf(
	    p->arena, "%.*s/m3mta-%s", STR_ARG(folder), name).p;
}

static enum rc
open_all(struct program *p, const struct program_spec *spec, struct err *err)
{
	struct db_options o = {
		.uri = config_str(&p->config, CFG_DATABASE_URI).p,
		.name = config_str(&p->config, CFG_DATABASE_NAME).p,
		.appname = spec->name,
		.login_file = program_find_login(p),
		.is_patient = spec->is_patient,
	};

	log_open(spec->name, p->is_verbose ? LOG_AT_DEBUG : LOG_AT_INFO,
	    config_bool(&p->config, CFG_LOG_JOURNAL));
	/* Passwords pass through: no core, no other process looks in. */
	prctl(PR_SET_DUMPABLE, 0);
	find_hostname(p);
	p->file_config = p->config;
	return db_new(&o, &p->db, err);
}

/* Long options: the common ones first, then those of the program. */
static void
fill_long_options(struct option *all, const struct program_spec *spec)
{
	static const struct option common[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "set", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "verbose", no_argument, NULL, 'v' },
	};
	const struct program_option *o;
	int n = 0;

	for (; n < (int)(sizeof(common) / sizeof(*common)); n++)
		all[n] = common[n];
	for (o = spec->options; o && o->name && n < MAX_OPTIONS - 1; o++)
		all[n++] = (struct option){ o->name,
			o->value_name ? required_argument : no_argument, NULL,
			256 + (int)(o - spec->options) };
	all[n] = (struct option){ 0 };
}

static void
take_option(const struct program_option *o, const char *value)
{
	if (o->ret_flag)
		*o->ret_flag = true;
	if (o->ret_value)
		*o->ret_value = value;
}

struct command_line {
	const char *config;
	char *settings[MAX_SETTINGS];
	int n;
};

static int
parse_options(struct program *p, const struct program_spec *spec, int argc,
    char **argv, struct command_line *l)
{
	struct option all[MAX_OPTIONS];
	int c;

	fill_long_options(all, spec);
	while ((c = getopt_long(argc, argv, "+c:o:hVv", all, NULL)) != -1) {
		if (c == 'h') {
			print_help(spec);
			return EXIT_OK;
		} else if (c == 'V') {
			printf("%s %s\n", spec->name, M3_VERSION);
			return EXIT_OK;
		} else if (c == 'c') {
			l->config = optarg;
		} else if (c == 'v') {
			p->is_verbose = true;
		} else if (c == 'o' && l->n < MAX_SETTINGS) {
			l->settings[l->n++] = optarg;
		} else if (c >= 256) {
			take_option(&spec->options[c - 256], optarg);
		} else {
			fprintf(stderr, "%s: try --help\n", spec->name);
			return EXIT_USAGE;
		}
	}
	return PROGRAM_GO_ON;
}

int
program_start(struct program *p, const struct program_spec *spec, int argc,
    char **argv)
{
	struct command_line l = { 0 };
	struct err err;
	int code;

	log_guard_stderr(spec->name);
	*p = (struct program){ .name = spec->name, .daemon = spec->daemon,
		.arena = arena_new(), .db_arena = arena_new() };
	code = parse_options(p, spec, argc, argv, &l);
	if (code == PROGRAM_GO_ON &&
	    (read_config(p, l.config, l.settings, l.n, &err) != RC_OK ||
		open_all(p, spec, &err) != RC_OK)) {
		log_complain(spec->name, err.text);
		code = EXIT_CONFIG;
	}
	if (code != PROGRAM_GO_ON)
		program_end(p);
	return code;
}

/* Once in a process: filters or hooks that do not run must not be silent. */
static void
program_tell_ignored(struct program *p)
{
	if (p->has_told_ignored || str_is_empty(p->config.ignored))
		return;
	p->has_told_ignored = true;
	log_begin(LOG_AT_ERROR, "config-ignored");
	log_str("keys", p->config.ignored);
	log_cstr("text", "these keys are taken from the file alone");
	log_end();
}

/*
 * A document that somebody spoilt does not stop a process that has a good
 * configuration: that holds until there is a better one.
 */
static enum rc
program_keep_config(struct program *p, struct err *err)
{
	bool is_kept = p->has_good_config && err->rc == RC_PERM &&
	    strcmp(err->code, "SCHEMA") != 0;

	if (!is_kept)
		return err->rc;
	if (!p->has_told_bad)
		log_failure("config-refused", err);
	p->has_told_bad = p->has_db_config = true;
	return RC_OK;
}

enum rc
program_read_db_config(struct program *p, struct err *err)
{
	struct config c = p->file_config;
	struct arena *a, *old = p->db_arena;
	enum rc rc;

	if (p->has_db_config)
		return RC_OK;
	a = arena_new();
	rc = config_read_db(&c, a, p->db, p->daemon, err);
	if (rc == RC_OK)
		rc = config_check_lists(&c, err);
	p->db_config_ms = clock_mono_ms();
	if (rc != RC_OK) {
		arena_free(a);
		return program_keep_config(p, err);
	}
	p->config = c;
	p->db_arena = a;
	arena_free(old);
	p->has_db_config = p->has_good_config = true;
	p->has_told_bad = false;
	program_tell_ignored(p);
	return RC_OK;
}

void
program_age_config(struct program *p)
{
	if (clock_mono_ms() - p->db_config_ms > DB_CONFIG_MS)
		p->has_db_config = false;
}

void
program_end(struct program *p)
{
	db_free(p->db);
	arena_free(p->db_arena);
	arena_free(p->arena);
}
