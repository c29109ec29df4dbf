/* m3mta: the administrator's command; see m3mta(1). */
#include "admin.h"

#include <getopt.h>
#include <stdarg.h>

#include "db/migrate.h"

#include "base/banned.h"

static int help(struct admin *a);

#define ANY MAX_WORDS

const struct command admin_commands[] = {
	{ "init", "", "[--shard] [--roles] [--logins=FOLDER]",
	    "shard roles logins=", 0, 0, sub_init,
	    "create collections, indexes, and MongoDB's users" },
	{ "domain", "add", "NAME [--delivery=local|backup|relay] "
	    "[--postmaster=ADDRESS] [--route=HOST] [--tls=POLICY] "
	    "[--max-size=SIZE]",
	    "delivery= postmaster= route= route-login= route-password-file= "
	    "tls= max-size=", 1, 1, sub_domain_add, "add a domain" },
	{ "domain", "list", "", "", 0, 0, sub_domain_list, "all domains" },
	{ "domain", "show", "NAME", "", 1, 1, sub_domain_show, "one domain" },
	{ "domain", "set", "NAME [options of add] [--disable|--enable]",
	    "delivery= postmaster= route= route-login= route-password-file= "
	    "tls= max-size= disable enable", 1, 1, sub_domain_set,
	    "change a domain" },
	{ "domain", "remove", "NAME", "", 1, 1, sub_domain_remove,
	    "remove a domain without addresses" },
	{ "mailbox", "add", "ADDRESS [--quota=SIZE] [--password-file=FILE|-] "
	    "[--no-password] [--may-relay] [--admin]",
	    "quota= password-file= no-password may-relay admin", 1, 1,
	    sub_mailbox_add,
	    "add a mailbox; *@domain is the catch-all" },
	{ "mailbox", "list", "[DOMAIN]", "", 0, 1, sub_mailbox_list,
	    "mailboxes and what they hold" },
	{ "mailbox", "show", "ADDRESS", "", 1, 1, sub_mailbox_show,
	    "a mailbox and its folders" },
	{ "mailbox", "passwd", "ADDRESS [--password-file=FILE|-]",
	    "password-file=", 1, 1, sub_mailbox_passwd,
	    "set a password (random when none is given)" },
	{ "mailbox", "set", "ADDRESS [--quota=SIZE] [--disable|--enable] "
	    "[--may-relay|--no-relay] "
	    "[--sender=ADDRESS|--no-sender=ADDRESS] [--route=HOST]",
	    "quota= disable enable may-relay no-relay sender= no-sender= route= "
	    "route-login= route-password-file= admin no-admin", 1, 1,
	    sub_mailbox_set, "change a mailbox" },
	{ "mailbox", "remove", "ADDRESS --yes", "yes", 1, 1,
	    sub_address_remove, "remove a mailbox and all its mail" },
	{ "acl", "list", "ADDRESS [FOLDER]", "", 1, 2, sub_acl_list,
	    "who else may do what with the folders of a mailbox" },
	{ "acl", "set", "ADDRESS FOLDER IDENTIFIER [+|-]RIGHTS", "", 4, 4,
	    sub_acl_set,
	    "share a folder; RIGHTS of lrswipkxtea (RFC 4314)" },
	{ "acl", "delete", "ADDRESS FOLDER IDENTIFIER", "", 3, 3,
	    sub_acl_delete, "take an entry out of the list" },
	{ "alias", "add", "ADDRESS DESTINATION...", "", 2, ANY, sub_alias_add,
	    "add an alias; *@domain is the catch-all" },
	{ "alias", "list", "[DOMAIN]", "", 0, 1, sub_alias_list, "aliases" },
	{ "alias", "remove", "ADDRESS", "", 1, 1, sub_address_remove,
	    "remove an alias" },
	{ "catchall", "add", "DOMAIN DESTINATION...", "", 2, ANY,
	    sub_catchall_add, "addresses that do not exist go there" },
	{ "catchall", "list", "[DOMAIN]", "", 0, 1, sub_catchall_list,
	    "catch-all aliases and mailboxes" },
	{ "catchall", "remove", "DOMAIN", "", 1, 1, sub_catchall_remove,
	    "remove a catch-all alias" },
	{ "list", "add", "ADDRESS --owner=ADDRESS MEMBER...", "owner= id=", 2,
	    ANY, sub_list_add, "add a mailing list" },
	{ "list", "list", "[DOMAIN]", "", 0, 1, sub_list_list,
	    "mailing lists" },
	{ "list", "remove", "ADDRESS", "", 1, 1, sub_address_remove,
	    "remove a mailing list" },
	{ "queue", "list", "[filters]",
	    "from= to= domain= error= older= held state= limit=", 0, 0,
	    sub_queue_list,
	    "messages; --from= --to= --domain= --error= --older= --state=" },
	{ "queue", "count", "[filters]",
	    "from= to= domain= error= older= held state= limit=", 0, 0,
	    sub_queue_count, "messages and recipients by destination" },
	{ "queue", "show", "ID", "", 1, 1, sub_queue_show,
	    "one message, with its last transcripts" },
	{ "queue", "hold", "ID...|filters",
	    "from= to= domain= error= older= held state= limit=", 0, ANY,
	    sub_queue_hold, "do not deliver until released" },
	{ "queue", "release", "ID...|filters",
	    "from= to= domain= error= older= held state= limit=", 0, ANY,
	    sub_queue_release, "deliver again what is held" },
	{ "queue", "retry", "ID...|filters",
	    "from= to= domain= error= older= held state= limit=", 0, ANY,
	    sub_queue_retry, "try now" },
	{ "queue", "delete", "ID...|filters",
	    "from= to= domain= error= older= held state= limit=", 0, ANY,
	    sub_queue_delete, "remove without a report" },
	{ "queue", "bounce", "ID...|filters",
	    "from= to= domain= error= older= held state= limit=", 0, ANY,
	    sub_queue_bounce, "send it back now" },
	{ "config", "check", "", "", 0, 0, sub_config_check,
	    "check file and database" },
	{ "config", "show", "[DAEMON] [--origin]", "origin", 0, 1,
	    sub_config_show, "values as a daemon sees them" },
	{ "config", "set", "DAEMON|all KEY VALUE|--value-file=FILE|-",
	    "value-file=", 2, 3, sub_config_set,
	    "set a key in the database" },
	{ "config", "unset", "DAEMON|all KEY", "", 2, 2, sub_config_unset,
	    "remove a key from the database" },
	{ "notify", "", "", "", 0, 0, sub_notify,
	    "wake IMAP sessions on this host for changes on others" },
	{ "trace", "", "QUEUE-ID [LOGFILE...|-]", "", 1, ANY, sub_trace,
	    "a message's way, from the journal or log files" },
	{ "verify", "", "", "", 0, 0, sub_verify,
	    "check every invariant of store and queue" },
	{ "gc", "", "[--dry-run] [--min-age=TIME]", "dry-run min-age=", 0, 0,
	    sub_gc, "remove what nothing refers to" },
	{ "restored", "", "[--hold-queue]", "hold-queue", 0, 0, sub_restored,
	    "after a restore, before the daemons start" },
	{ "start", "", "", "", 0, 0, sub_start,
	    "start MongoDB, smtp, submission, imap and mda for a trial" },
	{ "stop", "", "", "", 0, 0, sub_stop, "end what start began" },
	{ "status", "", "", "", 0, 0, sub_status, "what start began" },
	{ "help", "", "[COMMAND]", "", 0, 1, help, "all commands" },
};
const size_t n_admin_commands =
    sizeof(admin_commands) / sizeof(*admin_commands);

static int
help(struct admin *a)
{
	size_t i;

	for (i = 0; i < n_admin_commands; i++) {
		const struct command *c = &admin_commands[i];

		if (a->n_words &&
		    !str_equals(a->words[0], str_from_cstr(c->group)))
			continue;
		printf("m3mta %s%s%s%s%s\n        %s\n", c->group,
		    c->verb[0] ? " " : "", c->verb, c->usage[0] ? " " : "",
		    c->usage, c->help);
	}
	return EXIT_OK;
}

/* --- what commands use ---------------------------------------------------------- */

struct str
admin_option(const struct admin *a, const char *option)
{
	size_t i;

	for (i = a->n_options; i > 0; i--) {
		if (str_equals(
			a->options[i - 1].name, str_from_cstr(option)))
			return a->options[i - 1].value;
	}
	return STR_NONE;
}

bool
admin_has(const struct admin *a, const char *option)
{
	return admin_option(a, option).p != NULL;
}

int
admin_fail(const struct err *err)
{
	bool is_schema = strcmp(err->code, "SCHEMA") == 0;
	/* A login that is wrong, or has not the right. */
	bool is_login = err->rc == RC_TEMP && strcmp(err->code, "4.3.5") == 0;

	fprintf(stderr, "m3mta: %s\n", err->text);
	if (is_schema || is_login)
		return EXIT_CONFIG;
	return err->rc == RC_TEMP ? EXIT_TEMPORARY
	    : err->rc == RC_BUG   ? EXIT_BUG
				  : EXIT_FAILED;
}

int
admin_complain(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("m3mta: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

void
admin_say(const struct admin *a, const char *fmt, ...)
{
	va_list ap;

	if (a->is_json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* --- the command line ------------------------------------------------------------- */

/* 'f': a flag, 'v': takes a value, 0: unknown. */
static char
option_kind(const struct command *c, struct str name)
{
	struct str rest = str_from_cstr(c->options), word;

	while (rest.len && str_split_char(&rest, ' ', &word)) {
		bool takes = str_ends_with(word, STR("="));

		if (str_equals(
			str_slice(word, 0, word.len - takes), name))
			return takes ? 'v' : 'f';
	}
	return 0;
}

struct words {
	VEC(struct str) words;
	VEC(struct option_value) options;
	bool is_json;
};

static int
take_option(struct arena *a, const struct command *c, char **argv, int *i,
    struct words *w)
{
	struct str text = str_from_cstr(argv[*i] + 2), name;
	size_t eq = str_find_char(text, '=');
	struct option_value v;
	char kind;

	name = str_slice(text, 0, eq);
	kind = option_kind(c, name);
	if (kind == 0 || (kind == 'f' && eq < text.len))
		return admin_complain(EXIT_USAGE,
		    "%s %s: --%.*s is no option of it; usage: m3mta %s %s %s",
		    c->group, c->verb, STR_ARG(name), c->group, c->verb,
		    c->usage);
	v = (struct option_value){ name, STR("") };
	if (kind == 'v' && eq < text.len)
		v.value = str_make(text.p + eq + 1, text.len - eq - 1);
	else if (kind == 'v' && argv[*i + 1])
		v.value = str_from_cstr(argv[++*i]);
	else if (kind == 'v')
		return admin_complain(
		    EXIT_USAGE, "--%.*s takes a value", STR_ARG(name));
	VEC_PUSH(a, &w->options, v);
	return EXIT_OK;
}

static int
take_words(struct arena *a, const struct command *c, char **argv,
    struct words *w)
{
	bool only_words = false;
	int i, code;

	for (i = 0; argv[i]; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && strcmp(argv[i], "--json") == 0) {
			w->is_json = true;
		} else if (!only_words && strncmp(argv[i], "--", 2) == 0) {
			code = take_option(a, c, argv, &i, w);
			if (code != EXIT_OK)
				return code;
		} else {
			VEC_PUSH(a, &w->words, str_from_cstr(argv[i]));
		}
	}
	if (w->words.n < c->min_words || w->words.n > c->max_words)
		return admin_complain(EXIT_USAGE, "usage: m3mta %s%s%s %s",
		    c->group, c->verb[0] ? " " : "", c->verb, c->usage);
	return EXIT_OK;
}

/* *argv is moved behind the command's name. */
static const struct command *
find_command(char ***argv)
{
	char **v = *argv;
	size_t i;

	for (i = 0; v[0] && i < n_admin_commands; i++) {
		const struct command *c = &admin_commands[i];
		bool has_verb = c->verb[0] != '\0';

		if (strcmp(v[0], c->group) == 0 &&
		    (!has_verb || (v[1] && strcmp(v[1], c->verb) == 0))) {
			*argv = v + 1 + has_verb;
			return c;
		}
	}
	return NULL;
}

/* Those that make the database ready, or do without one. */
static int
check_schema(struct admin *a, const struct command *c)
{
	static const char *const free_of_it[] = { "init", "start", "stop",
		"status", "help", "trace" };
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(free_of_it) / sizeof(*free_of_it); i++) {
		if (strcmp(c->group, free_of_it[i]) == 0)
			return EXIT_OK;
	}
	return migrate_check(a->p->db, &err) == RC_OK ? EXIT_OK
						      : admin_fail(&err);
}

static int
run(struct program *p, char **argv, bool is_json)
{
	const struct command *c = find_command(&argv);
	struct words w = { .is_json = is_json };
	struct admin a = { .p = p, .a = arena_new() };
	int code;

	if (!c && !argv[0])
		return admin_complain(
		    EXIT_USAGE, "a command is wanted, try: m3mta help");
	if (!c)
		return admin_complain(EXIT_USAGE,
		    "%s %s: there is no such command, try: m3mta help",
		    argv[0], argv[1] ? argv[1] : "");
	code = take_words(a.a, c, argv, &w);
	if (code == EXIT_OK)
		code = check_schema(&a, c);
	if (code == EXIT_OK) {
		a.is_json = w.is_json;
		a.words = w.words.v;
		a.n_words = w.words.n;
		a.options = w.options.v;
		a.n_options = w.options.n;
		code = c->run(&a);
	}
	arena_wipe(a.a);
	arena_free(a.a);
	return code;
}

int
main(int argc, char **argv)
{
	bool is_json = false;
	const struct program_option options[] = {
		{ "json", NULL, "JSON for machines", NULL, &is_json },
		{ NULL, NULL, NULL, NULL, NULL },
	};
	const struct program_spec spec = {
		.name = "m3mta",
		.daemon = "all",
		.summary = "administers the mail system; m3mta help lists the "
			   "commands",
		.operands = "COMMAND ...",
		.options = options,
		.is_patient = true,
	};
	struct program p;
	int code = program_start(&p, &spec, argc, argv);

	if (code == PROGRAM_GO_ON) {
		code = run(&p, argv + optind, is_json);
		program_end(&p);
	}
	return code;
}
