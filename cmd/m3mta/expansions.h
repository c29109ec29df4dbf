/* What aliases and lists lead to: when one is made, and for `m3mta verify`. */
#ifndef M3_CMD_M3MTA_EXPANSIONS_H
#define M3_CMD_M3MTA_EXPANSIONS_H

#include "admin.h"
#include "model/directory.h"

/*
 * A new alias or list, before it is stored. RC_PERM: it would lead back to
 * itself (the circle is named) or to nobody; an alias also, when it has a
 * destination here that does not exist.
 */
enum rc expansions_check(
    struct admin *a, const struct mailbox *fresh, struct err *err);
/*
 * All that are there: "alias-circle", "alias-missing". *n_problems rises
 * with each. RC_TEMP: the database.
 */
enum rc expansions_verify(struct admin *a,
    void (*problem)(void *ctx, const char *what, struct str where,
	struct str text),
    void *ctx, uint64_t *n_problems, struct err *err);

#endif
