/*
 * Access control lists (RFC 4314): the field `acl` of a folder, and for each
 * entry of one a document in `shares`, so that what is shared with somebody
 * is found without asking each owner. Both change in one transaction.
 */
#ifndef M3_DB_ACL_H
#define M3_DB_ACL_H

#include "db/db.h"
#include "model/folder.h"

/*
 * One entry of a list; one without rights is none. RC_PERM codes "NOTFOUND":
 * the folder is gone; "CANNOT": the identifier is the owner, or neither
 * "anyone" nor a mailbox; "LIMIT".
 */
enum rc acl_change(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct str identifier, enum acl_op op,
    unsigned rights, struct err *err);
/*
 * folder_poll for a folder of another user: its list too. *ret_modseq 0: it
 * is gone.
 */
enum rc acl_poll(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, uint64_t *ret_modseq,
    const struct acl_entry **ret_acl, size_t *ret_n, struct err *err);
/*
 * The folders whose list names this address or "anyone", with counts, in no
 * order; two queries, of one identifier each and of the owners that it
 * found. What rights that gives is for the caller to find.
 */
enum rc acl_list_shared(struct db *db, struct arena *a, struct str address,
    struct folder **ret_v, size_t *ret_n, struct err *err);

#endif
