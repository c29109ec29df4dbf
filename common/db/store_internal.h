/* What the files of the store share: folders as documents, and entries. */
#ifndef M3_DB_STORE_INTERNAL_H
#define M3_DB_STORE_INTERNAL_H

#include "base/vec.h"
#include "db/db_internal.h"
#include "db/store.h"

typedef VEC(struct entry) entry_vec;

/* What a new folder is made of. */
struct folder_seed {
	struct uuid owner;
	struct str address;   /* of the mailbox: for its quota */
	struct str name;
	uint32_t uidvalidity;
	enum special_use special;
	bool subscribed;
	bool no_select;
	const struct acl_entry *acl;
	size_t n_acl;
};

/* *ret_doc is initialised and the caller's to destroy. */
void folder_encode_new(
    const struct folder_seed *seed, struct oid *ret_id, bson_t *ret_doc);
/* Without the tail. */
void folder_decode(
    struct arena *a, const bson_t *doc, struct folder *ret_folder);

/*
 * The folder, or what `opts` (consumed; NULL: all) leaves of it. *ret_doc as
 * db_find_one.
 */
enum rc folder_read(struct db *db, const struct uuid *owner,
    const struct oid *id, bson_t *opts, bson_t *ret_doc, bool *ret_found,
    struct err *err);
/* {owner, _id} */
void folder_filter(
    bson_t *doc, const struct uuid *owner, const struct oid *id);

void entry_encode(bson_t *array, size_t index, const struct entry *e);
void entry_decode(const bson_t *doc, struct entry *ret_entry);
/* Adds the entries of an array field. */
void entries_decode(
    struct arena *a, const bson_t *doc, const char *key, entry_vec *out);
void entries_encode(
    bson_t *doc, const char *key, const struct entry *v, size_t n);
void entries_sort(struct entry *v, size_t n); /* by uid */
/* *ret_first: the index of the first, or n. */
size_t entries_count_unseen(
    const struct entry *v, size_t n, size_t *ret_first);

/*
 * {owner, not being removed}: mailbox_delete marks the mailbox before it takes
 * away what hangs on it. Whoever adds such a thing (a folder, an annotation of
 * the server or of a guest, an entry of a list that names it) writes to the
 * mailbox in the same transaction: of the two one comes first, and sees the
 * other, or fails.
 */
void mailbox_add_living(bson_t *filter, const struct uuid *owner);
/*
 * That write: counts up `field`. RC_PERM "NOTFOUND": it is gone.
 */
enum rc mailbox_touch(struct db *db, const char *field, struct str address,
    const struct uuid *owner, struct err *err);

/*
 * n values that nobody got before, *ret_first and those behind it. Not in a
 * transaction: all that make folders would conflict there, while a value
 * that is taken and not used is no loss.
 */
enum rc uidvalidity_take(
    struct db *db, uint32_t n, uint32_t *ret_first, struct err *err);

enum { N_DEFAULT_FOLDERS = 6 };
/*
 * The folders of a new mailbox, in the caller's transaction; uidvalidity: of
 * the first, the others take those behind it.
 */
enum rc folders_insert_default(struct db *db, const struct uuid *owner,
    struct str address, uint32_t uidvalidity, struct err *err);
/* Even INBOX; pages and messages go to the trash. One transaction. */
enum rc folder_remove(struct db *db, const struct uuid *owner,
    const struct oid *id, struct err *err);
/* The same in the caller's transaction: folder, pages, octets of the quota,
 * annotations and rights; its messages go to the trash. */
enum rc folder_remove_here(struct db *db, struct arena *a,
    const struct uuid *owner, const struct oid *id, struct err *err);
/* The document alone: a subscribed name that has no folder. */
enum rc folder_delete_document(struct db *db, const struct uuid *owner,
    const struct oid *id, struct err *err);

/*
 * In the caller's transaction: octets that come in, and octets of messages
 * that went to the trash. RC_PERM "OVERQUOTA", or "CROWDED": there is room,
 * but for what was expunged and not collected (gc_run_owner makes it).
 */
enum rc quota_change(struct db *db, const struct uuid *owner,
    struct str address, int64_t added, int64_t freed, struct err *err);
/* n > 0: added; n < 0: freed. */
enum rc quota_add(struct db *db, const struct uuid *owner,
    struct str address, int64_t n, struct err *err);

/* --- folders being changed (change.c) ------------------------------------ */

struct page {
	struct oid id;
	uint32_t lo;
	entry_vec entries;
	bool is_new;
	bool is_changed;
};

/*
 * A folder in a transaction: its document, locked by a write that took a new
 * modseq, its tail, and the pages that a range of uids touches. The
 * functions of change.c keep the counters.
 */
struct folder_change {
	struct db *db;
	struct arena *a;      /* of this attempt of the transaction */
	struct folder folder; /* counters as they will be written */
	struct str address;
	uint64_t modseq;      /* of this change */
	bool is_roll;         /* set before begin: takes no modseq */
	bool is_changed;
	struct page *current; /* of the entry that each() hands out, or NULL */
	entry_vec tail;
	bool is_tail_changed;
	VEC(struct page) pages;
	VEC(struct uid_range) expunged;
	size_t n_expunged;
	VEC(struct oid) trashed; /* messages that nothing shows any more */
	uint64_t freed;          /* octets of the owner's quota */
};

/* *ret_found false: the folder is gone. uids: which pages to read. */
enum rc folder_change_begin(struct folder_change *c, struct db *db,
    struct arena *a, const struct uuid *owner, const struct oid *id,
    struct uid_set uids, bool *ret_found, struct err *err);
/* Calls fn for each entry of the set, by rising uid. */
typedef void entry_fn(void *ctx, struct folder_change *c, struct entry *e);
void folder_change_each(
    struct folder_change *c, struct uid_set uids, entry_fn *fn, void *ctx);
/* New flags for an entry that each() gave: counters, modseq. */
void folder_change_flags(
    struct folder_change *c, struct entry *e, uint64_t flags);
/* Takes the entry out. keep_message: a move. */
void folder_change_expunge(
    struct folder_change *c, struct entry *e, bool keep_message);
/* Adds behind the last; uid and modseq are set here. */
void folder_change_append(struct folder_change *c, struct entry *e);
/* Bits for keywords, new ones into the table. RC_PERM "LIMIT". */
enum rc folder_change_keywords(struct folder_change *c,
    const struct str *keywords, size_t n, uint64_t *ret_bits,
    struct err *err);
/*
 * Frees the places of keywords that no entry has and that are not among the
 * bits `kept`; *ret_n of them are free then.
 */
enum rc folder_change_free_keywords(struct folder_change *c, uint64_t kept,
    size_t *ret_n, struct err *err);
/* Writes all of it. */
enum rc folder_change_end(struct folder_change *c, struct err *err);

/*
 * What an expunge leaves: the uids for QRESYNC, and the messages that gc may
 * take after a day. In the caller's transaction.
 */
enum rc trash_insert(struct db *db, const struct uuid *owner,
    const struct oid *folder, uint64_t modseq, const struct uid_range *uids,
    size_t n_uids, const struct oid *messages, size_t n_messages,
    int64_t size, struct err *err);

/* folder NULL: all that the owner has. */
enum rc annotations_delete(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct err *err);

/* Those that this user has with folders of others. */
enum rc annotations_forget(
    struct db *db, const struct uuid *user, struct err *err);

/* --- access control lists (acl.c); in the caller's transaction ------------ */

void acl_encode(bson_t *doc, const struct acl_entry *v, size_t n);
const struct acl_entry *acl_decode(
    struct arena *a, const bson_t *doc, size_t *ret_n);
/* The list alone; what it means for `shares` is the caller's. */
enum rc acl_write(struct db *db, const struct uuid *owner,
    const struct oid *folder, const struct acl_entry *v, size_t n,
    struct err *err);
/* RC_PERM "CANNOT": an entry names a mailbox that is not there. */
enum rc shares_insert(struct db *db, struct arena *a,
    const struct uuid *owner, const struct oid *folder,
    const struct acl_entry *v, size_t n, struct err *err);
enum rc shares_delete(struct db *db, const struct uuid *owner,
    const struct oid *folder, const struct acl_entry *v, size_t n,
    struct err *err);
/* RC_PERM "LIMIT": it is named in as many lists as it may be. */
enum rc shares_check(struct db *db, struct str identifier, struct err *err);

struct share {
	struct str identifier;
	struct uuid owner;
	struct oid folder;
};

/* At most `limit` that name this mailbox, with and without a '-'. */
enum rc shares_find(struct db *db, struct arena *a, struct str address,
    int64_t limit, struct share **ret_v, size_t *ret_n, struct err *err);
/* All entries that name this mailbox; transactions of its own. */
enum rc acl_forget(struct db *db, struct str address, struct err *err);

/* Moves a tail over the limit into pages; its own transaction. */
enum rc folder_roll(struct db *db, const struct uuid *owner,
    const struct oid *id, struct err *err);

#endif
