/* After a restore; see restored.h. */
#include "db/restored.h"

#include "db/queue_doc.h"
#include "db/store_internal.h"

#include "base/banned.h"

/*
 * What the counter had given after the backup is not known. It is above the
 * clock only where more folders were made than seconds passed: so many are
 * left out.
 */
enum { RESTORED_MARGIN = 1 << 20, RESTORED_BATCH = 500 };

struct restored_folder {
	struct uuid owner;
	struct oid id;
};

struct restored {
	struct arena *a;
	VEC(struct restored_folder) v;
};

static bool
restored_take_folder(void *ctx, const bson_t *doc)
{
	struct restored *r = ctx;
	struct restored_folder *f = VEC_ADD(r->a, &r->v);

	(void)doc_uuid(doc, "owner", &f->owner);
	(void)doc_oid(doc, "_id", &f->id);
	return true;
}

static enum rc
restored_read_folders(struct db *db, struct restored *r, struct err *err)
{
	bson_t *filter =
	    BCON_NEW("noselect", "{", "$ne", BCON_BOOL(true), "}");
	bson_t *opts =
	    BCON_NEW("projection", "{", "owner", BCON_INT32(1), "}");
	enum rc rc = db_find(
	    db, DB_FOLDERS, filter, opts, restored_take_folder, r, err);

	bson_destroy(opts);
	bson_destroy(filter);
	return rc;
}

static void
restored_add_update(mongoc_bulk_operation_t *bulk,
    const struct restored_folder *f, uint32_t uidvalidity)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *set = BCON_NEW("$set", "{", "uidvalidity",
	    BCON_INT64(uidvalidity), "}", "$inc", "{", "highestmodseq",
	    BCON_INT64(1), "}");

	folder_filter(&filter, &f->owner, &f->id);
	mongoc_bulk_operation_update_one(bulk, &filter, set, false);
	bson_destroy(set);
	bson_destroy(&filter);
}

static enum rc
restored_raise(struct db *db, struct restored *r, struct err *err)
{
	uint32_t first = 0;
	enum rc rc = uidvalidity_take(db,
	    RESTORED_MARGIN + (uint32_t)r->v.n, &first, err);
	size_t i = 0;

	while (rc == RC_OK && i < r->v.n) {
		mongoc_bulk_operation_t *bulk = db_bulk_new(db, DB_FOLDERS);
		size_t end = i + RESTORED_BATCH;

		for (; i < r->v.n && i < end; i++)
			restored_add_update(bulk, &r->v.v[i],
			    first + RESTORED_MARGIN + (uint32_t)i);
		rc = db_bulk_run(db, bulk, NULL, err);
	}
	return rc;
}

/* A claim that did not end in a write is a lease, or was one. */
static enum rc
restored_end_leases(struct db *db, uint64_t *ret_n, struct err *err)
{
	bson_t *filter = BCON_NEW("held", "{", "$ne", BCON_BOOL(true), "}",
	    "starts", "{", "$gt", BCON_INT64(0), "}");
	bson_t *change = BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}",
	    "$set", "{", "starts", BCON_INT64(0), "leased", BCON_BOOL(false),
	    "next_at", BCON_DATE_TIME(0), "}");
	int64_t n = 0;
	enum rc rc = db_update_many(db, DB_QUEUE, filter, change, &n, err);

	*ret_n = (uint64_t)n;
	bson_destroy(change);
	bson_destroy(filter);
	return rc;
}

static enum rc
restored_hold(struct db *db, uint64_t *ret_n, struct err *err)
{
	bson_t *filter = BCON_NEW("held", "{", "$ne", BCON_BOOL(true), "}",
	    "recipients.0", "{", "$exists", BCON_BOOL(true), "}");
	bson_t *change =
	    BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}");
	bson_t set;
	int64_t n = 0;
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(change, "$set", &set);
	queue_add_hold(&set, STR("held by m3mta restored"));
	bson_append_document_end(change, &set);
	rc = db_update_many(db, DB_QUEUE, filter, change, &n, err);
	*ret_n = (uint64_t)n;
	bson_destroy(change);
	bson_destroy(filter);
	return rc;
}

enum rc
db_restored(struct db *db, bool is_held, struct restored_counts *ret,
    struct err *err)
{
	struct restored r = { .a = arena_new() };
	bson_t all = BSON_INITIALIZER;
	enum rc rc = restored_read_folders(db, &r, err);

	*ret = (struct restored_counts){ .folders = r.v.n };
	if (rc == RC_OK)
		rc = restored_raise(db, &r, err);
	if (rc == RC_OK)
		rc = restored_end_leases(db, &ret->leases, err);
	if (rc == RC_OK && is_held)
		rc = restored_hold(db, &ret->held, err);
	if (rc == RC_OK)
		rc = db_delete_many(db, DB_LIMITS, &all, NULL, err);
	bson_destroy(&all);
	arena_free(r.a);
	return rc;
}
