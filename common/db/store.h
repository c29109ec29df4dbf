/*
 * The message store: `folders`, `pages`, `messages`. Each changing call is
 * one transaction or one atomic update; each changed entry carries the new
 * modseq. See ARCHITECTURE.md, "The store".
 */
#ifndef M3_DB_STORE_H
#define M3_DB_STORE_H

#include "db/db.h"
#include "model/folder.h"
#include "model/message.h"

/* --- folders ---------------------------------------------------------- */

/*
 * Of all owners the folders with a special use or, of an owner without one,
 * the folder of that name; those with messages. Owner and id only.
 */
enum rc folder_list_special(struct db *db, struct arena *a,
    enum special_use use, struct str name, struct folder **ret_v,
    size_t *ret_n, struct err *err);
/*
 * Where mail for a use goes: the folder that has it, else the one of that
 * name, else it is made, with the use. RC_PERM as folder_create.
 */
enum rc folder_find_for_use(struct db *db, struct arena *a,
    const struct uuid *owner, enum special_use use, struct str name,
    struct folder **ret_folder, struct err *err);
/* All folders of an owner, with counts, sorted by name; one query. */
enum rc folder_list(struct db *db, struct arena *a, const struct uuid *owner,
    struct folder **ret_v, size_t *ret_n, struct err *err);
/* *ret_folder NULL: no such name. unseen is filled (two round trips). */
enum rc folder_find(struct db *db, struct arena *a, const struct uuid *owner,
    struct str name, struct folder **ret_folder, struct err *err);
/* As folder_find, with first_unseen; also one round trip. */
enum rc folder_open(struct db *db, struct arena *a, const struct uuid *owner,
    struct str name, struct folder **ret_folder, struct err *err);
enum rc folder_find_special(struct db *db, struct arena *a,
    const struct uuid *owner, enum special_use use,
    struct folder **ret_folder, struct err *err);
/*
 * With missing parents. RC_PERM code "EXISTS": the name is taken; "LIMIT".
 * special: SPECIAL_NONE or its use; subscribed as given.
 */
enum rc folder_create(struct db *db, struct arena *a,
    const struct uuid *owner, struct str name, enum special_use special,
    bool subscribed, struct folder **ret_folder, struct err *err);
/*
 * With its pages and messages (trash records); children stay, and the name
 * stays listed through them. RC_PERM code "NOTFOUND" or "CANNOT" (INBOX).
 */
enum rc folder_delete(struct db *db, const struct uuid *owner,
    struct str name, struct err *err);
/*
 * With all children, subscriptions left as they are (RFC 3501 6.3.9).
 * INBOX: its messages move to the new name, INBOX stays (6.3.5).
 * RC_PERM codes "NOTFOUND", "EXISTS", "CANNOT" (into its own child).
 */
enum rc folder_rename(struct db *db,
    const struct uuid *owner, struct str from, struct str to,
    struct err *err);
/* A name without a folder may be subscribed (kept as no_select). */
enum rc folder_subscribe(struct db *db, const struct uuid *owner,
    struct str name, bool subscribed, struct err *err);
/* Only highestmodseq, of one folder: the poll. 0 = the folder is gone. */
enum rc folder_poll(struct db *db, const struct uuid *owner,
    const struct oid *id, uint64_t *ret_modseq, struct err *err);
/*
 * Takes \Recent: the uids from *ret_from up to, without it, *ret_to were
 * taken by nobody before and are the caller's alone. None: both are the same.
 */
enum rc folder_take_recent(struct db *db, const struct uuid *owner,
    const struct oid *id, uint32_t *ret_from, uint32_t *ret_to,
    struct err *err);

/* --- entries ---------------------------------------------------------- */

/* What changed since a modseq; entries and expunged sorted by uid. */
struct folder_changes {
	struct folder folder;      /* counters and keywords as of this read */
	struct entry *entries;
	size_t n_entries;
	struct expunged *expunged;
	size_t n_expunged;
	bool is_gone;              /* the folder was deleted */
};

/*
 * since 0: the whole map, without expunged. Reads the folder first, then
 * the pages with a newer modseq, and merges by uid (the newer wins).
 */
enum rc store_changes(struct db *db, struct arena *a,
    const struct uuid *owner, const struct oid *folder, uint64_t since,
    struct folder_changes *ret_changes, struct err *err);

/*
 * The whole map piece by piece, for a folder whose entries are not to be in
 * memory twice: the tail first, also an empty one, then each page. In no order; a uid may come
 * twice (the newer modseq counts), and with a uid of ret_folder's uidnext and
 * more, which belongs to a later answer.
 */
typedef void entry_sink(void *ctx, const struct entry *v, size_t n);
enum rc store_map(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, entry_sink *sink, void *ctx,
    struct folder *ret_folder, bool *ret_found, struct err *err);

/* One entry by its uid. */
enum rc store_find_entry(struct db *db, const struct uuid *owner,
    const struct oid *folder, uint32_t uid, struct entry *ret_entry,
    bool *ret_found, struct err *err);

/* Whether one of the (rising) ranges has it. */
bool uid_set_has(struct uid_set set, uint32_t uid);

/* --- messages --------------------------------------------------------- */

enum message_fields {
	MESSAGE_HEAD  = 1, /* blob, size, prefix */
	MESSAGE_FACTS = 2,
	MESSAGE_GRAMS = 4, /* the text index, when there is one */
};

/*
 * Calls sink for each id that exists, in no particular order, in batches
 * from one cursor; *m lives until sink returns. False from sink stops.
 */
enum rc message_read_many(struct db *db, const struct uuid *owner,
    const struct oid *ids, size_t n, unsigned fields,
    bool (*sink)(void *ctx, size_t index, const struct message *m), void *ctx,
    struct err *err);

/* --- changes ---------------------------------------------------------- */

struct append_message {
	struct oid blob;
	uint64_t blob_size;
	struct str body;           /* "": the blob is there. Else its octets:
	                            * it is made in the same transaction */
	struct str prefix;
	struct str facts;          /* perhaps with an index: model/packed.h */
	struct oid queue;          /* zero: none */
	uint64_t flags;            /* system bits */
	const struct str *keywords;
	size_t n_keywords;
	int64_t date_s;
};

/*
 * Appends n messages to a folder as it was found, all or nothing: quota of
 * the owner, uids in a row, messages documents. RC_PERM codes "OVERQUOTA", "NOTFOUND", "LIMIT"
 * (keywords). Several owners are not mixed here; see deliver.h.
 */
enum rc store_append(struct db *db, const struct folder *to,
    const struct append_message *v, size_t n, uint32_t *ret_uidvalidity,
    uint32_t *ret_first_uid, struct err *err);

/*
 * Appends one message and expunges another, of this or another folder: one
 * transaction. RC_PERM as store_append, and "GONE": there is no old one.
 */
enum rc store_replace(struct db *db, const struct folder *to,
    const struct append_message *m, const struct folder *from,
    struct uid_set old, uint32_t *ret_uidvalidity, uint32_t *ret_uid,
    struct err *err);

struct copy_result {
	uint32_t uidvalidity;
	/* Pairs in the order of the source; n as found in the source. */
	uint32_t *from;
	uint32_t *to;
	size_t n;
};

enum copy_how {
	COPY_MOVE = 1,  /* also expunges from the source; within one owner the
	                 * message ids stay (EMAILID), and nothing is copied */
	COPY_ALL  = 2,  /* RC_PERM "GONE" when a uid is not there */
	COPY_HERE = 4,  /* in the caller's transaction */
};

/* All or nothing, in one transaction. dropped: flags that the copies do not
 * get. */
enum rc store_copy(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *from, struct uid_set uids, const struct uuid *to_owner,
    const struct oid *to, unsigned how, uint64_t dropped,
    struct copy_result *ret_result, struct err *err);

enum store_op { STORE_ADD, STORE_REMOVE, STORE_REPLACE };

struct store_flags {
	enum store_op op;
	uint64_t flags;            /* system bits */
	const struct str *keywords;
	size_t n_keywords;
	uint64_t unchanged_since;  /* UINT64_MAX: no condition */
	uint64_t kept;             /* bits that STORE_REPLACE leaves alone */
};

/*
 * One transaction. Uids that do not exist are passed over. modified: those
 * that were newer than unchanged_since (rising). RC_PERM code "LIMIT".
 */
enum rc store_flags(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, struct uid_set uids,
    const struct store_flags *change, uint64_t *ret_modseq,
    uint32_t **ret_modified, size_t *ret_n_modified, struct err *err);

/*
 * Before a folder is opened whose table of keywords is full: what no message
 * has makes room (folder_keywords_are_full). Reads all of its flags.
 */
enum rc store_free_keywords(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct err *err);
/*
 * Removes the entries of `uids` that have \Deleted (or all when force).
 * *ret_modseq is what they were expunged with; 0: none were.
 */
enum rc store_expunge(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct uid_set uids, bool force,
    uint64_t *ret_modseq, struct err *err);

#endif
