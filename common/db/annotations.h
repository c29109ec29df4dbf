/*
 * Annotations (RFC 5464): the collection `annotations`. They belong to the
 * id of a folder, so a RENAME keeps them, and go in the transaction that
 * deletes it. Those of the server belong to no folder: private ones to the
 * owner, shared ones to all. What is private in a folder of another user is
 * the asker's own, kept with the folder.
 */
#ifndef M3_DB_ANNOTATIONS_H
#define M3_DB_ANNOTATIONS_H

#include "db/db.h"
#include "model/annotation.h"
#include "model/folder.h"

struct annotated {
	const struct uuid *owner;
	struct str address;       /* of the owner's mailbox */
	const struct oid *folder; /* NULL: the server */
	const struct uuid *user;  /* of another user's folder: who asks, */
	struct str user_address;  /* and his mailbox */
};

/* Sorted by name. */
enum rc annotation_list(struct db *db, struct arena *a,
    const struct annotated *where, struct annotation **ret_v, size_t *ret_n,
    struct err *err);
/* Which annotation, and what changes with its value. */
struct annotation_stamp {
	struct oid folder;        /* zero: the server */
	struct str name;
	struct oid stamp;
};

/*
 * Of all folders of the owner, in no order: as the owner sees them, with the
 * server's (user NULL), or as another user does.
 */
enum rc annotation_stamps(struct db *db, struct arena *a,
    const struct uuid *owner, const struct uuid *user,
    struct annotation_stamp **ret_v, size_t *ret_n, struct err *err);
/*
 * Sets those with a value and removes those without one, all or nothing.
 * special: the folder's new use, or NULL. RC_PERM codes "NOTFOUND": the
 * folder is gone; "TOOMANY": of the folder, or of all that the owner has. The
 * private ones of another user count for him alone.
 */
enum rc annotation_set(struct db *db, const struct annotated *where,
    const struct annotation *v, size_t n, const enum special_use *special,
    struct err *err);

#endif
