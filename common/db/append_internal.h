/* What APPEND, REPLACE, COPY and MOVE share. */
#ifndef M3_DB_APPEND_INTERNAL_H
#define M3_DB_APPEND_INTERNAL_H

#include "db/store_internal.h"

/* RC_PERM "NOTFOUND". */
enum rc append_no_such_folder(struct err *err);
/* For n messages more. uidnext is 32 bits and never goes back: "LIMIT". */
enum rc append_check_room(
    const struct folder_change *c, size_t n, struct err *err);
/*
 * What this owner expunged is in the way of what it adds ("CROWDED"): it is
 * collected at once, whoever may still show it; then the caller tries again.
 * False: *rc was something else, or is "OVERQUOTA" now.
 */
bool append_makes_room(
    struct db *db, const struct uuid *owner, enum rc *rc, struct err *err);

#endif
