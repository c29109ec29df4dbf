/* The end of a folder, by its id; see store_internal.h. */
#include "db/store_internal.h"

#include "base/banned.h"

enum rc
folder_delete_document(struct db *db, const struct uuid *owner,
    const struct oid *id, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;

	folder_filter(&filter, owner, id);
	rc = db_delete_one(db, DB_FOLDERS, &filter, NULL, err);
	bson_destroy(&filter);
	return rc;
}

static void
folder_remove_entry(void *ctx, struct folder_change *c, struct entry *e)
{
	(void)ctx;
	folder_change_expunge(c, e, false);
}

static enum rc
folder_remove_pages(struct db *db, const struct uuid *owner,
    const struct oid *id, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_oid(&filter, "folder", id);
	rc = db_delete_many(db, DB_PAGES, &filter, NULL, err);
	bson_destroy(&filter);
	return rc;
}

enum rc
folder_remove_here(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *id, struct err *err)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	struct folder_change c = { 0 };
	bool found = false;
	enum rc rc;

	rc = folder_change_begin(&c, db, a, owner, id,
	    (struct uid_set){ &all, 1 }, &found, err);
	if (rc == RC_OK && found) {
		folder_change_each(&c, (struct uid_set){ &all, 1 },
		    folder_remove_entry, NULL);
		if (c.freed)
			rc = quota_add(db, owner, c.address,
			    -(int64_t)c.freed, err);
		if (rc == RC_OK)
			rc = trash_insert(db, owner, id, c.modseq,
			    c.expunged.v, c.expunged.n, c.trashed.v,
			    c.trashed.n, (int64_t)c.freed, err);
		if (rc == RC_OK)
			rc = folder_remove_pages(db, owner, id, err);
		if (rc == RC_OK)
			rc = annotations_delete(db, owner, id, err);
		if (rc == RC_OK)
			rc = shares_delete(db, owner, id, c.folder.acl,
			    c.folder.n_acl, err);
	}
	return rc == RC_OK ? folder_delete_document(db, owner, id, err) : rc;
}

struct folder_removal {
	struct arena *a;
	const struct uuid *owner;
	const struct oid *id;
};

static enum rc
folder_remove_by_id(struct db *db, void *ctx, struct err *err)
{
	struct folder_removal *r = ctx;

	arena_reset(r->a);
	return folder_remove_here(db, r->a, r->owner, r->id, err);
}

enum rc
folder_remove(struct db *db, const struct uuid *owner, const struct oid *id,
    struct err *err)
{
	struct folder_removal r = { arena_new(), owner, id };
	enum rc rc =
	    db_txn_run(db, folder_remove_by_id, &r, DB_COMMIT_MS, err);

	arena_free(r.a);
	return rc;
}
