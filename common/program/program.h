/*
 * What the four programs do alike at their start: options, configuration,
 * log and database client.
 */
#ifndef M3_PROGRAM_PROGRAM_H
#define M3_PROGRAM_PROGRAM_H

#include <stdio.h>

#include "db/db.h"
#include "model/config.h"

struct program {
	const char *name;      /* "m3mta-smtp" */
	const char *daemon;    /* "smtp": the document of `config` */
	struct arena *arena;   /* of the process */
	struct config config;
	struct config file_config; /* without the documents of `config` */
	struct arena *db_arena;    /* of what those documents said */
	struct db *db;             /* not connected */
	struct str hostname;
	bool has_db_config;
	bool has_good_config;      /* `config` was read with success once */
	bool has_told_bad;         /* since then: that it is not good now */
	bool has_told_ignored;     /* config.ignored was logged */
	int64_t db_config_ms;      /* monotonic, when they were read */
	bool is_verbose;
};

/* A further long option: "--role mx". One of the two results is set. */
struct program_option {
	const char *name;
	const char *value_name; /* NULL: it takes none */
	const char *help;
	const char **ret_value;
	bool *ret_flag;
};

struct program_spec {
	const char *name;
	const char *daemon;
	const char *summary;          /* first line of --help */
	const char *operands;         /* "[user]" or "" */
	const struct program_option *options; /* ends with name NULL */
	bool is_patient;              /* db_options.is_patient */
};

enum { PROGRAM_GO_ON = -1 };

/*
 * PROGRAM_GO_ON, or the exit code: 0 after --help and --version, 64 for
 * usage, 78 for configuration (one line on standard error names the key).
 * optind then is the first operand. Reads -c FILE, else $M3MTA_CONFIG, else
 * SYSCONFDIR/m3mta/m3mta.json (which may be missing); then -o key=value.
 */
int program_start(struct program *p, const struct program_spec *spec,
    int argc, char **argv);
/*
 * The documents "all" and the daemon's of `config`, once: before the first
 * use of a key that may stand there. RC_TEMP, or RC_PERM for a bad value, or
 * "SCHEMA" (migrate.h). A bad value is only logged when the process, or its
 * parent at its start, read a good one before: that is kept.
 */
enum rc program_read_db_config(struct program *p, struct err *err);
/*
 * Before a session, or a scan of the queue, of a process that may be old: what
 * the documents said is forgotten after a minute, and read again when needed.
 */
void program_age_config(struct program *p);
void program_end(struct program *p);

#endif
