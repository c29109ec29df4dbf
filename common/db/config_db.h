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
 * The documents "all" and `daemon` ("smtp", "imap", "mda"), and the secret.
 * In the same round trip the schema number: RC_PERM "SCHEMA" as
 * migrate_compare. RC_PERM also for a bad key or value; *c then holds a part.
 * A key that only the file may have is left out and named in c->ignored.
 */
enum rc config_read_db(struct config *c, struct arena *a, struct db *db,
    const char *daemon, struct err *err);
/*
 * Sets or (value NULL) removes one key of a daemon's document. Before it is
 * kept, `check` (NULL: none) may read all documents as they would be
 * (config_read_db); what it refuses is not written. A key can be removed where
 * something is wrong already: of several wrong ones each goes by itself.
 */
typedef enum rc config_check_fn(struct db *db, void *ctx, struct err *err);
enum rc config_write_db(struct db *db, const char *daemon,
    enum config_key key, const struct str *value, config_check_fn *check,
    void *ctx, struct err *err);

#endif
