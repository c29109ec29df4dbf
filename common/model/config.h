/*
 * The configuration: one table of keys (config_keys.h), each with its type,
 * default, bounds and documentation; the man page, `m3mta config check` and
 * the readers are made from it. A value comes from the file, else from the
 * daemon's `config` document, else from the table: key by key.
 */
#ifndef M3_MODEL_CONFIG_H
#define M3_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum config_type {
	CONFIG_BOOL,
	CONFIG_INT,
	CONFIG_SIZE,     /* octets; "35M" or a number */
	CONFIG_DURATION, /* milliseconds inside; "5m" or a number of seconds */
	CONFIG_STRING,
	CONFIG_SECRET,   /* a text that is never shown */
	CONFIG_URI,      /* a text; its password is never shown */
	CONFIG_RATE,     /* n in `count` milliseconds; "100/1h", "0" is none */
	CONFIG_SCORE,    /* n in hundredths; "7.5"; empty is INT64_MAX */
	CONFIG_CHOICE,   /* one of `choices`, n is its index */
	CONFIG_LIST,     /* of strings */
	CONFIG_RECORDS,  /* list of objects; short: "2h notify,3h" */
};

/* Where a key may stand. */
enum config_scope {
	CONFIG_ANYWHERE,  /* file or database */
	CONFIG_FILE_ONLY, /* needed before the database or to reach it, or it
			   * names programs to run: a writer of the database
			   * must not become a user of this host */
};

enum config_key {
#define CFG(id, ...) CFG_##id,
#include "model/config_keys.h"
#undef CFG
	CFG_COUNT
};

struct config_key_info {
	const char *name;    /* "smtp.size.maximum" */
	enum config_type type;
	const char *value;   /* default, as text */
	int64_t min;         /* of numbers; of strings and lists: lengths */
	int64_t max;
	const char *choices; /* "off|on" of CHOICE; fields of RECORDS */
	enum config_scope scope;
	const char *doc;     /* one or two sentences */
};

extern const struct config_key_info config_keys[CFG_COUNT];

struct config_field {
	struct str name;
	struct str value; /* numbers as text */
};

struct config_record {
	const struct config_field *v;
	size_t n;
};

enum config_origin {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_DATABASE,
	CONFIG_FROM_FILE,
	CONFIG_FROM_OPTION, /* -o key=value of the command line */
};

struct config_value {
	int64_t n;              /* BOOL, INT, SIZE, DURATION, CHOICE */
	struct str s;           /* the text */
	const struct str *list;
	const struct config_record *records;
	size_t count;           /* of list or records; RATE: milliseconds */
	enum config_origin origin;
};

/* All values; lives in the process arena and is const after the start. */
struct config {
	struct config_value v[CFG_COUNT];
	struct str path;        /* of the file that was read, or "" */
	/* Of the installation (`config`, document "secret"), or "". */
	struct str secret;
	/* Keys that documents name and only the file may: they were left
	 * out. "mda: filters, hooks", or "". */
	struct str ignored;
};

/* Sets all defaults. */
void config_init(struct config *c, struct arena *a);
/* CFG_COUNT: unknown. */
enum config_key config_find(struct str name);
/*
 * Parses and checks text for a scalar, CHOICE or comma-separated LIST.
 * RC_PERM with text "key: what is wrong and what is allowed". A value of
 * lower origin does not replace one of higher origin.
 */
enum rc config_set(struct config *c, struct arena *a, enum config_key key,
    struct str value, enum config_origin origin, struct err *err);
enum rc config_set_list(struct config *c, struct arena *a, enum config_key key,
    const struct str *v, size_t n, enum config_origin origin,
    struct err *err);
enum rc config_set_records(struct config *c, struct arena *a,
    enum config_key key, const struct config_record *v, size_t n,
    enum config_origin origin, struct err *err);
/* Rules between keys, and missing files: the last step of a program start. */
enum rc config_check(const struct config *c, struct err *err);
/* Of them those of lists that may stand in the database. */
enum rc config_check_lists(const struct config *c, struct err *err);

static inline int64_t
config_int(const struct config *c, enum config_key key)
{
	return c->v[key].n;
}

static inline bool
config_bool(const struct config *c, enum config_key key)
{
	return c->v[key].n != 0;
}

static inline struct str
config_str(const struct config *c, enum config_key key)
{
	return c->v[key].s;
}

/*
 * The value as it may be printed: records as text, a secret and the password
 * of a URI as "***".
 */
struct str config_shown(
    const struct config *c, struct arena *a, enum config_key key);

/* A field of a record, or STR_NONE. */
struct str config_field(const struct config_record *r, struct str name);

#endif
