/* CREATE, DELETE, RENAME, SUBSCRIBE: names and their folders. */
#include <assert.h>

#include "base/limits.h"
#include "db/store_internal.h"

#include "base/banned.h"

#define INBOX STR("INBOX")

struct default_folder {
	struct str name;
	enum special_use special;
};

static const struct default_folder defaults[N_DEFAULT_FOLDERS] = {
	{ STR_INIT("INBOX"), SPECIAL_NONE },
	{ STR_INIT("Drafts"), SPECIAL_DRAFTS },
	{ STR_INIT("Sent"), SPECIAL_SENT },
	{ STR_INIT("Junk"), SPECIAL_JUNK },
	{ STR_INIT("Trash"), SPECIAL_TRASH },
	{ STR_INIT("Archive"), SPECIAL_ARCHIVE },
};

static enum rc
insert_folder(struct db *db, const struct folder_seed *seed, struct err *err)
{
	struct arena *a;
	struct oid id;
	bool is_taken = false;
	bson_t doc;
	enum rc rc;

	folder_encode_new(seed, &id, &doc);
	rc = db_insert(db, DB_FOLDERS, &doc, &is_taken, err);
	bson_destroy(&doc);
	if (rc == RC_OK && is_taken)
		return err_set(err, RC_PERM, "EXISTS",
		    "mailbox %.*s exists already", STR_ARG(seed->name));
	if (rc != RC_OK || seed->n_acl == 0)
		return rc;
	a = arena_new();
	rc = shares_insert(
	    db, a, &seed->owner, &id, seed->acl, seed->n_acl, err);
	arena_free(a);
	return rc;
}

enum rc
folders_insert_default(struct db *db, const struct uuid *owner,
    struct str address, uint32_t uidvalidity, struct err *err)
{
	enum rc rc = RC_OK;
	uint32_t i;

	for (i = 0; rc == RC_OK && i < N_DEFAULT_FOLDERS; i++) {
		struct folder_seed seed = { *owner, address, defaults[i].name,
			uidvalidity + i, defaults[i].special, true, false, NULL, 0 };

		rc = insert_folder(db, &seed, err);
	}
	return rc;
}

/* --- one transaction over an owner's names ----------------------------------- */

struct names {
	const struct uuid *owner;
	struct str name;
	struct str to;
	enum special_use special;
	bool subscribed;
	struct arena *a;
	struct folder *v;
	size_t n;
	struct str address;
	const struct acl_entry *acl; /* of a new INBOX */
	size_t n_acl;
	uint32_t first_uidvalidity; /* from here on they are ours */
	uint32_t uidvalidity;       /* the next one */
};

static struct folder *
find_name(const struct names *op, struct str name)
{
	size_t i;

	for (i = 0; i < op->n; i++) {
		if (str_equals(op->v[i].name, name))
			return &op->v[i];
	}
	return NULL;
}

static bool
is_child(struct str name, struct str parent)
{
	return name.len > parent.len && str_starts_with(name, parent) &&
	    name.p[parent.len] == '/';
}

/* INBOX is always there and knows the address of the mailbox. */
static enum rc
load(struct names *op, struct db *db, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *opts =
	    BCON_NEW("projection", "{", "mailbox", BCON_INT32(1), "}");
	bool found = false;
	enum rc rc;

	arena_reset(op->a);
	op->uidvalidity = op->first_uidvalidity;
	rc = folder_list(db, op->a, op->owner, &op->v, &op->n, err);
	doc_add_uuid(&filter, "owner", op->owner);
	doc_add_text(&filter, "name", INBOX);
	if (rc == RC_OK)
		rc = db_find_one(
		    db, DB_FOLDERS, &filter, opts, &doc, &found, err);
	if (rc == RC_OK && !found)
		rc = err_set(err, RC_TEMP, "4.2.0", "the mailbox is gone");
	if (found) {
		op->address = doc_text_in(op->a, &doc, "mailbox");
		bson_destroy(&doc);
	}
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/*
 * Runs fn in a transaction. The values of UIDVALIDITY for all that it may
 * make, the levels of `made` and a new INBOX, are taken before.
 */
static enum rc
run_names(struct names *op, struct db *db, db_txn_fn *fn, struct str made,
    struct err *err)
{
	uint32_t n = 2;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < made.len; i++)
		n += made.p[i] == '/';
	if (made.len)
		rc = uidvalidity_take(db, n, &op->first_uidvalidity, err);
	op->a = arena_new();
	if (rc == RC_OK)
		rc = db_txn_run(db, fn, op, DB_INTERACTIVE_MS, err);
	arena_free(op->a);
	return rc;
}

/* A new folder has the access control list of what it is in (RFC 4314 4). */
static void
inherit(const struct names *op, struct str name,
    const struct acl_entry **ret_acl, size_t *ret_n)
{
	size_t i;

	*ret_acl = op->acl;
	*ret_n = op->n_acl;
	if (str_equals(name, INBOX))
		return;
	*ret_n = 0;
	for (i = name.len; i > 0; i--) {
		const struct folder *f = name.p[i - 1] == '/'
		    ? find_name(op, str_slice(name, 0, i - 1))
		    : NULL;

		if (!f || f->no_select)
			continue;
		*ret_acl = f->acl;
		*ret_n = f->n_acl;
		return;
	}
}

/* One folder; a name that is only subscribed becomes it. */
static enum rc
make_one(struct names *op, struct db *db, struct str name,
    enum special_use special, bool subscribed, struct err *err)
{
	struct folder *old = find_name(op, name);
	struct folder_seed seed = { *op->owner, op->address, name,
		op->uidvalidity++, special, subscribed, false, NULL, 0 };
	enum rc rc = RC_OK;

	inherit(op, name, &seed.acl, &seed.n_acl);
	rc = mailbox_touch(db, "names", op->address, op->owner, err);
	if (rc == RC_OK && old) {
		seed.subscribed = old->subscribed;
		rc = folder_delete_document(db, op->owner, &old->id, err);
	}
	return rc == RC_OK ? insert_folder(db, &seed, err) : rc;
}

/* "a/b/c": a and a/b, where they are missing. */
static enum rc
make_parents(
    struct names *op, struct db *db, struct str name, struct err *err)
{
	size_t i;
	enum rc rc = RC_OK;

	for (i = 1; rc == RC_OK && i < name.len; i++) {
		struct str parent = str_slice(name, 0, i);
		struct folder *f;

		if (name.p[i] != '/')
			continue;
		f = find_name(op, parent);
		if (!f || f->no_select)
			rc = make_one(
			    op, db, parent, SPECIAL_NONE, false, err);
	}
	return rc;
}

static enum rc
check_free(const struct names *op, struct str name, struct err *err)
{
	const struct folder *f = find_name(op, name);

	if (f && !f->no_select)
		return err_set(err, RC_PERM, "EXISTS",
		    "mailbox %.*s exists already", STR_ARG(name));
	if (op->n >= LIMIT_FOLDERS)
		return err_set(err, RC_PERM, "LIMIT",
		    "there are %d mailboxes already", LIMIT_FOLDERS);
	return RC_OK;
}

static enum rc
create(struct db *db, void *ctx, struct err *err)
{
	struct names *op = ctx;
	enum rc rc = load(op, db, err);

	if (rc == RC_OK)
		rc = check_free(op, op->name, err);
	if (rc == RC_OK)
		rc = make_parents(op, db, op->name, err);
	if (rc == RC_OK)
		rc = make_one(
		    op, db, op->name, op->special, op->subscribed, err);
	return rc;
}

enum rc
folder_create(struct db *db, struct arena *a, const struct uuid *owner,
    struct str name, enum special_use special, bool subscribed,
    struct folder **ret_folder, struct err *err)
{
	struct names op = { .owner = owner, .name = name, .special = special,
		.subscribed = subscribed };
	struct folder *made = NULL;
	enum rc rc = run_names(&op, db, create, name, err);

	if (rc == RC_OK)
		rc = folder_find(db, a, owner, name, &made, err);
	if (rc == RC_OK && !made)
		rc = err_set(err, RC_TEMP, "4.2.0", "the mailbox is gone");
	if (rc == RC_OK)
		*ret_folder = made;
	return rc;
}

/*
 * A name is gone, and with it the document that would tell so: INBOX, which
 * is always there, is written, so that m3mta notify sees it.
 */
static enum rc
touch_inbox(struct names *op, struct db *db, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *inc = BCON_NEW("$inc", "{", "names", BCON_INT64(1), "}");
	enum rc rc;

	doc_add_uuid(&filter, "owner", op->owner);
	doc_add_text(&filter, "name", INBOX);
	rc = db_update_one(db, DB_FOLDERS, &filter, inc, NULL, NULL, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	return rc;
}

/* --- removal ------------------------------------------------------------------ */

/* A subscription outlives its mailbox (RFC 3501 6.3.6). */
static enum rc
remember_subscription(
    struct names *op, struct db *db, struct str name, struct err *err)
{
	struct folder_seed seed = { *op->owner, op->address, name, 0,
		SPECIAL_NONE, true, true, NULL, 0 };
	enum rc rc =
	    mailbox_touch(db, "names", op->address, op->owner, err);

	return rc == RC_OK ? insert_folder(db, &seed, err) : rc;
}

static enum rc
check_there(const struct names *op, struct str name,
    struct folder **ret_folder, struct err *err)
{
	struct folder *f = find_name(op, name);

	if (!f || f->no_select)
		return err_set(err, RC_PERM, "NOTFOUND",
		    "there is no mailbox %.*s", STR_ARG(name));
	*ret_folder = f;
	return RC_OK;
}

static enum rc
delete(struct db *db, void *ctx, struct err *err)
{
	struct names *op = ctx;
	struct folder *f = NULL;
	enum rc rc = load(op, db, err);

	if (rc == RC_OK)
		rc = check_there(op, op->name, &f, err);
	if (rc == RC_OK)
		rc = folder_remove_here(db, op->a, op->owner, &f->id, err);
	if (rc == RC_OK && f && f->subscribed)
		rc = remember_subscription(op, db, op->name, err);
	return rc == RC_OK ? touch_inbox(op, db, err) : rc;
}

enum rc
folder_delete(struct db *db, const struct uuid *owner, struct str name,
    struct err *err)
{
	struct names op = { .owner = owner, .name = name };

	if (str_equals(name, INBOX))
		return err_set(
		    err, RC_PERM, "CANNOT", "INBOX cannot be deleted");
	return run_names(&op, db, delete, STR_NONE, err);
}

/* --- RENAME and SUBSCRIBE ------------------------------------------------------ */

static enum rc
set_name(struct names *op, struct db *db, const struct oid *id,
    struct str name, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	enum rc rc;

	folder_filter(&filter, op->owner, id);
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	doc_add_text(&set, "name", name);
	bson_append_document_end(&change, &set);
	rc = db_update_one(db, DB_FOLDERS, &filter, &change, NULL, NULL, err);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

/* What stood subscribed under the new name gives way. */
static enum rc
rename_one(struct names *op, struct db *db, const struct folder *f,
    struct str to, struct err *err)
{
	struct folder *old = find_name(op, to);
	enum rc rc = RC_OK;

	if (old)
		rc = folder_delete_document(db, op->owner, &old->id, err);
	return rc == RC_OK ? set_name(op, db, &f->id, to, err) : rc;
}

/* No command could name it then. */
static enum rc
name_is_too_long(struct str child, struct err *err)
{
	return err_set(err, RC_PERM, "CANNOT",
	    "the name of %.*s would become too long, or too deep",
	    (int)(child.len < 60 ? child.len : 60), child.p);
}

static enum rc
rename_children(struct names *op, struct db *db, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < op->n; i++) {
		struct folder *f = &op->v[i];
		struct str to;

		if (f->no_select || !is_child(f->name, op->name))
			continue;
		to = arena_join(
		    op->a, op->to, str_tail(f->name, op->name.len));
		rc = folder_name_fits(to) ? check_free(op, to, err)
					  : name_is_too_long(f->name, err);
		if (rc == RC_OK)
			rc = rename_one(op, db, f, to, err);
	}
	return rc;
}

/*
 * INBOX (RFC 3501 6.3.5): its messages move to a new mailbox, INBOX stays and
 * is empty. So who has it selected sees them go and new mail come, and who
 * may do what with INBOX stays with INBOX.
 */
static enum rc
folder_empty_inbox(struct names *op, struct db *db,
    const struct folder *inbox, struct err *err)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	struct copy_result unused;
	struct folder *to = NULL;
	enum rc rc = make_one(
	    op, db, op->to, SPECIAL_NONE, inbox->subscribed, err);

	if (rc == RC_OK)
		rc = folder_find(db, op->a, op->owner, op->to, &to, err);
	if (rc != RC_OK || !to)
		return rc;
	return store_copy(db, op->a, op->owner, &inbox->id,
	    (struct uid_set){ &all, 1 }, op->owner, &to->id,
	    COPY_MOVE | COPY_HERE, 0, &unused, err);
}

static enum rc
rename_folder(struct db *db, void *ctx, struct err *err)
{
	struct names *op = ctx;
	bool is_inbox = str_equals(op->name, INBOX);
	struct folder *f = NULL;
	enum rc rc = load(op, db, err);

	if (rc == RC_OK)
		rc = check_there(op, op->name, &f, err);
	if (rc == RC_OK)
		rc = check_free(op, op->to, err);
	if (rc == RC_OK)
		rc = make_parents(op, db, op->to, err);
	if (rc == RC_OK) {
		assert(f);
		rc = is_inbox ? folder_empty_inbox(op, db, f, err)
			      : rename_one(op, db, f, op->to, err);
	}
	return rc == RC_OK && !is_inbox ? rename_children(op, db, err) : rc;
}

enum rc
folder_rename(struct db *db, const struct uuid *owner, struct str from,
    struct str to, struct err *err)
{
	struct names op = { .owner = owner, .name = from, .to = to };

	if (is_child(to, from))
		return err_set(err, RC_PERM, "CANNOT",
		    "a mailbox cannot move into itself");
	return run_names(&op, db, rename_folder, to, err);
}

static enum rc
set_subscribed(struct names *op, struct db *db, const struct folder *f,
    bool subscribed, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *change = BCON_NEW(
	    "$set", "{", "subscribed", BCON_BOOL(subscribed), "}");
	enum rc rc;

	folder_filter(&filter, op->owner, &f->id);
	rc = db_update_one(db, DB_FOLDERS, &filter, change, NULL, NULL, err);
	bson_destroy(change);
	bson_destroy(&filter);
	return rc;
}

static enum rc
subscribe(struct db *db, void *ctx, struct err *err)
{
	struct names *op = ctx;
	struct folder *f;
	enum rc rc = load(op, db, err);

	if (rc != RC_OK)
		return rc;
	f = find_name(op, op->name);
	if (f && f->no_select && !op->subscribed) {
		rc = folder_delete_document(db, op->owner, &f->id, err);
		return rc == RC_OK ? touch_inbox(op, db, err) : rc;
	}
	if (f)
		return set_subscribed(op, db, f, op->subscribed, err);
	if (!op->subscribed)
		return RC_OK;
	rc = check_free(op, op->name, err);
	return rc == RC_OK ? remember_subscription(op, db, op->name, err)
			   : rc;
}

enum rc
folder_subscribe(struct db *db, const struct uuid *owner, struct str name,
    bool subscribed, struct err *err)
{
	struct names op = { .owner = owner, .name = name,
		.subscribed = subscribed };

	return run_names(&op, db, subscribe, STR_NONE, err);
}
