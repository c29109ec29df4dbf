/* The collection `folders`: documents to structs and back, and reading. */
#include "base/limits.h"
#include "db/store_internal.h"

#include "base/banned.h"

void
folder_filter(bson_t *doc, const struct uuid *owner, const struct oid *id)
{
	doc_add_uuid(doc, "owner", owner);
	doc_add_oid(doc, "_id", id);
}

void
folder_encode_new(
    const struct folder_seed *seed, struct oid *ret_id, bson_t *doc)
{
	bson_t array;

	*ret_id = oid_new();
	bson_init(doc);
	doc_add_oid(doc, "_id", ret_id);
	doc_add_uuid(doc, "owner", &seed->owner);
	doc_add_text(doc, "mailbox", seed->address);
	doc_add_text(doc, "name", seed->name);
	doc_add_int(doc, "uidvalidity", seed->uidvalidity);
	doc_add_int(doc, "uidnext", 1);
	doc_add_int(doc, "highestmodseq", 1);
	doc_add_int(doc, "xmodseq", 0);
	doc_add_int(doc, "exists", 0);
	doc_add_int(doc, "unseen", 0);
	doc_add_int(doc, "deleted", 0);
	doc_add_int(doc, "size", 0);
	doc_add_int(doc, "recent", 1);
	doc_add_int(doc, "special", seed->special);
	BSON_APPEND_BOOL(doc, "subscribed", seed->subscribed);
	BSON_APPEND_BOOL(doc, "noselect", seed->no_select);
	if (seed->n_acl)
		acl_encode(doc, seed->acl, seed->n_acl);
	bson_append_array_begin(doc, "keywords", -1, &array);
	bson_append_array_end(doc, &array);
	bson_append_array_begin(doc, "tail", -1, &array);
	bson_append_array_end(doc, &array);
}

void
folder_decode(struct arena *a, const bson_t *doc, struct folder *f)
{
	*f = (struct folder){
		.address = doc_text_in(a, doc, "mailbox"),
		.name = doc_text_in(a, doc, "name"),
		.uidvalidity = (uint32_t)doc_int(doc, "uidvalidity"),
		.uidnext = (uint32_t)doc_int(doc, "uidnext"),
		.highestmodseq = (uint64_t)doc_int(doc, "highestmodseq"),
		.exists = (uint32_t)doc_int(doc, "exists"),
		.unseen = (uint32_t)doc_int(doc, "unseen"),
		.deleted = (uint32_t)doc_int(doc, "deleted"),
		.size = (uint64_t)doc_int(doc, "size"),
		.recent_uid = (uint32_t)doc_int(doc, "recent"),
		.special_use = (enum special_use)doc_int(doc, "special"),
		.subscribed = doc_bool(doc, "subscribed"),
		.no_select = doc_bool(doc, "noselect"),
		.annotated = (uint64_t)doc_int(doc, "annotated"),
	};
	doc_uuid(doc, "owner", &f->owner);
	doc_oid(doc, "_id", &f->id);
	f->keywords = doc_texts_in(a, doc, "keywords", &f->n_keywords);
	f->acl = acl_decode(a, doc, &f->n_acl);
}

struct folders {
	struct arena *a;
	VEC(struct folder) v;
};

static bool
collect(void *ctx, const bson_t *doc)
{
	struct folders *all = ctx;

	folder_decode(all->a, doc, VEC_ADD(all->a, &all->v));
	return true;
}

enum rc
folder_list(struct db *db, struct arena *a, const struct uuid *owner,
    struct folder **ret_v, size_t *ret_n, struct err *err)
{
	struct folders all = { .a = a };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("sort", "{", "name", BCON_INT32(1), "}",
	    "projection", "{", "tail", BCON_INT32(0), "}",
	    "batchSize", BCON_INT32(LIMIT_FOLDERS));
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	rc = db_find(db, DB_FOLDERS, &filter, opts, collect, &all, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_v = all.v.v;
	*ret_n = all.v.n;
	return RC_OK;
}

/* Destroys the filter. */
static enum rc
find_by(struct db *db, struct arena *a, bson_t *filter,
    struct folder **ret_folder, struct err *err)
{
	bson_t *opts = BCON_NEW("projection", "{", "tail", BCON_INT32(0), "}");
	bool found;
	bson_t doc;
	enum rc rc;

	rc = db_find_one(db, DB_FOLDERS, filter, opts, &doc, &found, err);
	bson_destroy(opts);
	bson_destroy(filter);
	if (rc != RC_OK)
		return rc;
	*ret_folder = NULL;
	if (found) {
		*ret_folder = ARENA_NEW(a, struct folder);
		folder_decode(a, &doc, *ret_folder);
		bson_destroy(&doc);
	}
	return RC_OK;
}

enum rc
folder_find(struct db *db, struct arena *a, const struct uuid *owner,
    struct str name, struct folder **ret_folder, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_text(&filter, "name", name);
	return find_by(db, a, &filter, ret_folder, err);
}

enum rc
folder_find_special(struct db *db, struct arena *a, const struct uuid *owner,
    enum special_use use, struct folder **ret_folder, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_int(&filter, "special", use);
	return find_by(db, a, &filter, ret_folder, err);
}

enum rc
folder_find_for_use(struct db *db, struct arena *a, const struct uuid *owner,
    enum special_use use, struct str name, struct folder **ret_folder,
    struct err *err)
{
	struct folder *f = NULL;
	enum rc rc = folder_find_special(db, a, owner, use, &f, err);

	if (rc == RC_OK && (!f || f->no_select))
		rc = folder_find(db, a, owner, name, &f, err);
	if (rc == RC_OK && (!f || f->no_select))
		rc = folder_create(db, a, owner, name, use, true, &f, err);
	if (rc == RC_OK)
		*ret_folder = f;
	return rc;
}

enum rc
folder_read(struct db *db, const struct uuid *owner, const struct oid *id,
    bson_t *opts, bson_t *ret_doc, bool *ret_found, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;

	folder_filter(&filter, owner, id);
	rc = db_find_one(
	    db, DB_FOLDERS, &filter, opts, ret_doc, ret_found, err);
	bson_destroy(&filter);
	bson_destroy(opts);
	return rc;
}

enum rc
folder_poll(struct db *db, const struct uuid *owner, const struct oid *id,
    uint64_t *ret_modseq, struct err *err)
{
	bson_t doc;
	bool found;
	enum rc rc = folder_read(db, owner, id,
	    BCON_NEW("projection", "{", "highestmodseq", BCON_INT32(1), "}"),
	    &doc, &found, err);

	if (rc != RC_OK)
		return rc;
	*ret_modseq = 0;
	if (found) {
		*ret_modseq = (uint64_t)doc_int(&doc, "highestmodseq");
		bson_destroy(&doc);
	}
	return RC_OK;
}

/* The old mark is kept beside the new one, so that one update hands it out. */
enum rc
folder_take_recent(struct db *db, const struct uuid *owner,
    const struct oid *id, uint32_t *ret_from, uint32_t *ret_to,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *fields = BCON_NEW(
	    "recent_before", BCON_INT32(1), "recent", BCON_INT32(1));
	bson_t *change = BCON_NEW("0", "{", "$set", "{", "recent_before",
	    "$recent", "recent", "$uidnext", "}", "}");
	bool found;
	enum rc rc;

	folder_filter(&filter, owner, id);
	rc = db_find_and_update(
	    db, DB_FOLDERS, &filter, change, fields, &doc, &found, err);
	bson_destroy(change);
	bson_destroy(fields);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_from = *ret_to = 0;
	if (found) {
		*ret_from = (uint32_t)doc_int(&doc, "recent_before");
		*ret_to = (uint32_t)doc_int(&doc, "recent");
		bson_destroy(&doc);
	}
	return RC_OK;
}

struct special_list {
	struct arena *a;
	enum special_use use;
	struct uuid owner;     /* of the folder before */
	bool has_use;          /* that owner has one with the use */
	VEC(struct folder) v;
};

/* By owner, those with a use before those without. */
static bool
on_special(void *ctx, const bson_t *doc)
{
	struct special_list *l = ctx;
	struct folder f = { .special_use = SPECIAL_NONE };
	bool is_of_use = doc_int(doc, "special") == (int64_t)l->use;

	if (!doc_oid(doc, "_id", &f.id) || !doc_uuid(doc, "owner", &f.owner))
		return true;
	if (!uuid_equals(&f.owner, &l->owner))
		l->has_use = false;
	l->owner = f.owner;
	l->has_use |= is_of_use;
	if (is_of_use == l->has_use && doc_int(doc, "exists") > 0)
		VEC_PUSH(l->a, &l->v, f);
	return true;
}

/* No index has it: it is asked once an hour. */
enum rc
folder_list_special(struct db *db, struct arena *a, enum special_use use,
    struct str name, struct folder **ret_v, size_t *ret_n, struct err *err)
{
	struct special_list l = { .a = a, .use = use };
	bson_t names = BSON_INITIALIZER, filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "owner", BCON_INT32(1),
	    "special", BCON_INT32(1), "exists", BCON_INT32(1), "}", "sort",
	    "{", "owner", BCON_INT32(1), "special", BCON_INT32(-1), "}");
	enum rc rc;

	doc_add_text(&names, "name", name);
	doc_add_int(&names, "special", SPECIAL_NONE);
	BCON_APPEND(&filter, "$or", "[", "{", "special",
	    BCON_INT64((int64_t)use), "}", BCON_DOCUMENT(&names), "]");
	rc = db_find(db, DB_FOLDERS, &filter, opts, on_special, &l, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	bson_destroy(&names);
	if (rc != RC_OK)
		return rc;
	*ret_v = l.v.v;
	*ret_n = l.v.n;
	return RC_OK;
}
