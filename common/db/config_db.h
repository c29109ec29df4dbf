/*
 * Configuration: the JSON file (read by libbson's decoder, so that file and
 * database have one) and the documents of `config`, {_id: daemon, ...}.
 */
#ifndef M3_DB_CONFIG_DB_H
#define M3_DB_CONFIG_DB_H

#include "db/db.h"
#include "model/config.h"

/*
 * The file. Nested objects and dotted names are the same key. RC_PERM:
 * "path:line: key: what is allowed". must_exist false: a missing file is
 * an empty one.
 */
enum rc config_read_file(struct config *c, struct arena *a, const char *path,
    bool must_exist, struct err *err);
/*
 * The documents "all" and `daemon` ("smtp", "imap", "mda"). A key that only the
 * file may have is left out and named in c->ignored.
 */
enum rc config_read_db(struct config *c, struct arena *a, struct db *db,
    const char *daemon, struct err *err);
/* Sets or (value NULL) removes one key of a daemon's document. */
enum rc config_write_db(struct db *db, const char *daemon,
    enum config_key key, const struct str *value, struct err *err);

#endif
