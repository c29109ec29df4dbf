/* Domains and addresses: the collections `domains` and `mailboxes`. */
#ifndef M3_DB_DIRECTORY_H
#define M3_DB_DIRECTORY_H

#include "db/db.h"
#include "model/address.h"
#include "model/directory.h"

/* name: lower case. *ret_domain NULL: there is none. */
enum rc domain_find(struct db *db, struct arena *a, struct str name,
    struct domain **ret_domain, struct err *err);
enum rc domain_list(struct db *db, struct arena *a,
    struct domain **ret_v, size_t *ret_n, struct err *err);
/* The first by name that is local and not disabled; NULL: there is none. */
enum rc domain_find_local(struct db *db, struct arena *a,
    struct domain **ret_domain, struct err *err);
/* RC_PERM when it exists. */
enum rc domain_insert(struct db *db, const struct domain *d, struct err *err);

/* The fields that an update writes; it leaves alone what others set. */
enum domain_field {
	DOMAIN_DELIVERY       = 1 << 0,
	DOMAIN_POSTMASTER     = 1 << 1,
	DOMAIN_ROUTE          = 1 << 2,
	DOMAIN_ROUTE_LOGIN    = 1 << 3,
	DOMAIN_ROUTE_PASSWORD = 1 << 4,
	DOMAIN_TLS            = 1 << 5,
	DOMAIN_MAX_SIZE       = 1 << 6,
	DOMAIN_DISABLED       = 1 << 7,
};
/* fields: one at least. RC_PERM when the domain does not exist. */
enum rc domain_update(struct db *db, const struct domain *d, unsigned fields,
    struct err *err);
/* RC_PERM when it does not exist or still has addresses. */
enum rc domain_delete(struct db *db, struct str name, struct err *err);

/*
 * key: lower case "local@domain" or "*@domain". Destinations are the first
 * MAILBOX_FEW: an alias may have thousands, and whoever logs in, or names a
 * recipient, names any.
 */
enum { MAILBOX_FEW = 16 };
enum rc mailbox_find(struct db *db, struct arena *a, struct str key,
    struct mailbox **ret_mailbox, struct err *err);
/*
 * For a recipient: the first that exists of the keys, in their order, in
 * one query (at most 4 keys: exact, without tag, catch-all). is_whole: with
 * all destinations.
 */
enum rc mailbox_find_first(struct db *db, struct arena *a,
    const struct str *keys, size_t n, bool is_whole,
    struct mailbox **ret_mailbox, struct err *err);
/* What a session asks again of its own mailbox; the fields alone are read. */
struct mailbox_state {
	bool is_there;       /* the address is still this owner's */
	bool disabled;
	int64_t credentials;
	bool may_relay;
	struct str route;
	const struct str *senders;
	size_t n_senders;
};
enum rc mailbox_look(struct db *db, struct arena *a, struct str key,
    const struct uuid *owner, struct mailbox_state *ret, struct err *err);
enum rc mailbox_find_owner(struct db *db, struct arena *a,
    const struct uuid *owner, struct mailbox **ret_mailbox, struct err *err);
/* domain "" = all; kind -1 = all. Sorted by address. */
enum rc mailbox_list(struct db *db, struct arena *a, struct str domain,
    int kind, struct mailbox **ret_v, size_t *ret_n, struct err *err);
/*
 * The domain must exist and be local. A mailbox is made with its default
 * folders (INBOX Drafts Sent Junk Trash Archive, special use, subscribed)
 * in one transaction.
 */
enum rc mailbox_insert(
    struct db *db, const struct mailbox *m, struct err *err);

/* The fields that an update writes; it leaves alone what others set. */
enum mailbox_field {
	MAILBOX_DISABLED       = 1 << 0,
	MAILBOX_RELAY          = 1 << 1,
	MAILBOX_ADMIN          = 1 << 2,
	MAILBOX_ROUTE          = 1 << 3,
	MAILBOX_ROUTE_LOGIN    = 1 << 4,
	MAILBOX_ROUTE_PASSWORD = 1 << 5,
	MAILBOX_QUOTA          = 1 << 6,
	MAILBOX_PASSWORD       = 1 << 7, /* with scram; ends open sessions */
	MAILBOX_SENDERS        = 1 << 8, /* those of m are added */
	MAILBOX_NO_SENDERS     = 1 << 9, /* or taken out, as they are stored */
};
/*
 * fields: one at least. The address must still be that of m->owner: RC_PERM
 * "NOTFOUND" when it was removed meanwhile, also when it was made again.
 */
enum rc mailbox_update(struct db *db, const struct mailbox *m,
    unsigned fields, struct err *err);
/* Aliases, lists and catch-alls that have this destination. */
enum rc mailbox_list_leading(struct db *db, struct arena *a, struct str key,
    struct mailbox **ret_v, size_t *ret_n, struct err *err);
/* With its folders, pages and messages (trash records for the blobs). */
enum rc mailbox_delete(struct db *db, struct str key, struct err *err);

#endif
