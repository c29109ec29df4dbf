/*
 * m3mta: one table of commands, one file for each group of them. A command
 * gets its words and options parsed, and prints tables or JSON.
 */
#ifndef M3_CMD_M3MTA_ADMIN_H
#define M3_CMD_M3MTA_ADMIN_H

#include "base/buf.h"
#include "base/exits.h"
#include "base/vec.h"
#include "program/program.h"

enum { MAX_WORDS = 10000, MAX_CHOICES = 16 };

struct option_value {
	struct str name;
	struct str value;
};

/* What a command is called with. */
struct admin {
	struct program *p;
	struct arena *a;
	bool is_json;
	const struct str *words;   /* behind the command's name */
	size_t n_words;
	const struct option_value *options;
	size_t n_options;
};

struct command {
	const char *group;   /* "domain", or the command itself */
	const char *verb;    /* "add", "" when there is none */
	const char *usage;   /* words and options, for people */
	const char *options; /* "quota= admin": with '=' they take a value */
	size_t min_words;
	size_t max_words;
	int (*run)(struct admin *a);
	const char *help;
};

extern const struct command admin_commands[];
extern const size_t n_admin_commands;

bool admin_has(const struct admin *a, const char *option);
/* STR_NONE when it was not given. */
struct str admin_option(const struct admin *a, const char *option);
/* "m3mta: text" on standard error; returns the exit code that fits. */
int admin_fail(const struct err *err);
int admin_complain(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* One line for people; nothing with --json. */
void admin_say(const struct admin *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * What the documents of all daemons name and only the file may, as one text,
 * or "". The documents are read; RC_TEMP when the database is away.
 */
enum rc admin_ignored_keys(
    struct admin *a, struct str *ret_keys, struct err *err);

/* --- output --------------------------------------------------------------- */

struct column {
	const char *name;
	bool is_number;
};

struct table;

struct table *table_new(
    const struct admin *a, const struct column *columns, size_t n);
/* One cell a column; printf-like by arena_printf at the caller. */
void table_row(struct table *t, const struct str *cells);
/* Aligned columns with a heading, or a JSON array of objects. */
void table_print(const struct table *t);
/* One row as "name: value" lines, or a JSON object. */
void table_print_single(const struct table *t);
/* JSON only: that object, and in it an array of objects by this name. */
void table_print_nested(
    const struct table *t, const char *name, const struct table *inner);

/* --- commands --------------------------------------------------------------- */

int sub_init(struct admin *a);
int sub_start(struct admin *a);
int sub_stop(struct admin *a);
int sub_status(struct admin *a);
int sub_verify(struct admin *a);
int sub_gc(struct admin *a);
int sub_restored(struct admin *a);
int sub_domain_add(struct admin *a);
int sub_domain_list(struct admin *a);
int sub_domain_show(struct admin *a);
int sub_domain_set(struct admin *a);
int sub_domain_remove(struct admin *a);
int sub_mailbox_add(struct admin *a);
int sub_mailbox_list(struct admin *a);
int sub_mailbox_show(struct admin *a);
int sub_mailbox_passwd(struct admin *a);
int sub_mailbox_set(struct admin *a);
int sub_address_remove(struct admin *a);
int sub_acl_list(struct admin *a);
int sub_acl_set(struct admin *a);
int sub_acl_delete(struct admin *a);
int sub_alias_add(struct admin *a);
int sub_alias_list(struct admin *a);
int sub_catchall_add(struct admin *a);
int sub_catchall_list(struct admin *a);
int sub_catchall_remove(struct admin *a);
int sub_list_add(struct admin *a);
int sub_list_list(struct admin *a);
int sub_queue_list(struct admin *a);
int sub_queue_count(struct admin *a);
int sub_queue_show(struct admin *a);
int sub_queue_hold(struct admin *a);
int sub_queue_release(struct admin *a);
int sub_queue_retry(struct admin *a);
int sub_queue_delete(struct admin *a);
int sub_queue_bounce(struct admin *a);
int sub_notify(struct admin *a);
int sub_trace(struct admin *a);
int sub_config_check(struct admin *a);
int sub_config_show(struct admin *a);
int sub_config_set(struct admin *a);
int sub_config_unset(struct admin *a);

#endif
