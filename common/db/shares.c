/*
 * The collection `shares`; see acl.h. A new document also writes to the
 * mailbox that it names: it must be there, and who deletes it in the meantime
 * has a conflict, so that no list names an address that somebody else gets
 * later.
 */
#include "base/limits.h"
#include "db/acl.h"
#include "db/store_internal.h"

#include "base/banned.h"

static void
add_share(bson_t *doc, struct str identifier, const struct uuid *owner,
    const struct oid *folder)
{
	doc_add_text(doc, "identifier", identifier);
	doc_add_uuid(doc, "owner", owner);
	doc_add_oid(doc, "folder", folder);
}

/* The mailboxes that the entries name, each once. */
static size_t
mailboxes_of(const struct acl_entry *v, size_t n, struct str *ret)
{
	size_t i, k, found = 0;

	for (i = 0; i < n; i++) {
		struct str who = acl_bare(v[i].identifier);

		for (k = 0; k < found && !str_equals(ret[k], who); k++)
			;
		if (k == found && !acl_is_anyone(who))
			ret[found++] = who;
	}
	return found;
}

static enum rc
touch_mailboxes(struct db *db, struct arena *a, const struct acl_entry *v,
    size_t n, struct err *err)
{
	struct str *names = ARENA_ARRAY(a, n, struct str);
	size_t n_names = mailboxes_of(v, n, names);
	bson_t filter = BSON_INITIALIZER, in;
	bson_t *inc = BCON_NEW("$inc", "{", "shared", BCON_INT64(1), "}");
	int64_t matched = 0;
	enum rc rc = RC_OK;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	doc_add_texts(&in, "$in", names, n_names);
	bson_append_document_end(&filter, &in);
	BCON_APPEND(&filter, "kind", "mailbox", "removed", "{", "$ne",
	    BCON_BOOL(true), "}");
	if (n_names)
		rc = db_update_many(
		    db, DB_MAILBOXES, &filter, inc, &matched, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	if (rc == RC_OK && (size_t)matched < n_names)
		return err_set(err, RC_PERM, "CANNOT",
		    "there is no mailbox %.*s",
		    STR_ARG(n_names == 1 ? names[0] : STR("of an entry")));
	return rc;
}

enum rc
shares_insert(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, const struct acl_entry *v, size_t n,
    struct err *err)
{
	bson_t **docs = ARENA_ARRAY(a, n, bson_t *);
	enum rc rc = touch_mailboxes(db, a, v, n, err);
	size_t i;

	for (i = 0; i < n; i++) {
		docs[i] = bson_new();
		add_share(docs[i], v[i].identifier, owner, folder);
	}
	if (rc == RC_OK && n)
		rc = db_insert_many(db, DB_SHARES,
		    (const bson_t *const *)docs, n, NULL, err);
	for (i = 0; i < n; i++)
		bson_destroy(docs[i]);
	return rc;
}

enum rc
shares_delete(struct db *db, const struct uuid *owner,
    const struct oid *folder, const struct acl_entry *v, size_t n,
    struct err *err)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++) {
		bson_t filter = BSON_INITIALIZER;

		add_share(&filter, v[i].identifier, owner, folder);
		rc = db_delete_one(db, DB_SHARES, &filter, NULL, err);
		bson_destroy(&filter);
	}
	return rc;
}

static bool
take_count(void *ctx, const bson_t *doc)
{
	*(int64_t *)ctx = doc_int(doc, "n");
	return false;
}

enum rc
shares_check(struct db *db, struct str identifier, struct err *err)
{
	bson_t *text = bson_new(), *pipeline;
	int64_t n = 0;
	enum rc rc;

	doc_add_text(text, "identifier", identifier);
	pipeline = BCON_NEW("pipeline", "[",
	    "{", "$match", BCON_DOCUMENT(text), "}",
	    "{", "$limit", BCON_INT64(LIMIT_SHARES), "}",
	    "{", "$count", "n", "}", "]");
	rc = db_aggregate(db, DB_SHARES, pipeline, take_count, &n, err);
	bson_destroy(pipeline);
	bson_destroy(text);
	if (rc == RC_OK && n >= LIMIT_SHARES)
		return err_set(err, RC_PERM, "LIMIT",
		    "%.*s has a share in %d mailboxes already",
		    STR_ARG(identifier), LIMIT_SHARES);
	return rc;
}

/* --- reading -------------------------------------------------------------- */

struct shares {
	struct arena *a;
	VEC(struct share) v;
};

static bool
on_share(void *ctx, const bson_t *doc)
{
	struct shares *all = ctx;
	struct share *s = VEC_ADD(all->a, &all->v);

	s->identifier = doc_text_in(all->a, doc, "identifier");
	(void)doc_uuid(doc, "owner", &s->owner);
	(void)doc_oid(doc, "folder", &s->folder);
	return true;
}

static enum rc
find(struct db *db, struct shares *all, const struct str *identifiers,
    size_t n, int64_t limit, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, in;
	bson_t *opts = BCON_NEW(
	    "limit", BCON_INT64(limit), "batchSize", BCON_INT32(100000));
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "identifier", &in);
	doc_add_texts(&in, "$in", identifiers, n);
	bson_append_document_end(&filter, &in);
	rc = db_find(db, DB_SHARES, &filter, opts, on_share, all, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/* Owners, each once (they come sorted), and ids of folders. */
static void
add_folders(bson_t *filter, const struct shares *all)
{
	bson_t owners, ids, in;
	char text[16];
	const char *key;
	uint32_t n = 0;
	size_t i;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "owner", &in);
	bson_append_array_begin(&in, "$in", -1, &owners);
	for (i = 0; i < all->v.n; i++) {
		if (i && uuid_equals(&all->v.v[i - 1].owner,
			     &all->v.v[i].owner))
			continue;
		bson_uint32_to_string(n++, &key, text, sizeof(text));
		doc_add_uuid(&owners, key, &all->v.v[i].owner);
	}
	bson_append_array_end(&in, &owners);
	bson_append_document_end(filter, &in);
	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	bson_append_array_begin(&in, "$in", -1, &ids);
	for (i = 0; i < all->v.n; i++) {
		bson_uint32_to_string(
		    (uint32_t)i, &key, text, sizeof(text));
		doc_add_oid(&ids, key, &all->v.v[i].folder);
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);
}

struct folders {
	struct arena *a;
	VEC(struct folder) v;
};

static bool
on_folder(void *ctx, const bson_t *doc)
{
	struct folders *all = ctx;

	folder_decode(all->a, doc, VEC_ADD(all->a, &all->v));
	return true;
}

enum rc
acl_list_shared(struct db *db, struct arena *a, struct str address,
    struct folder **ret_v, size_t *ret_n, struct err *err)
{
	struct str identifiers[] = { address, STR("anyone") };
	struct shares shares = { .a = a };
	struct folders folders = { .a = a };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "tail", BCON_INT32(0), "}",
	    "batchSize", BCON_INT32(LIMIT_FOLDERS));
	enum rc rc = find(
	    db, &shares, identifiers, 2, 2 * LIMIT_SHARES, err);

	add_folders(&filter, &shares);
	if (rc == RC_OK && shares.v.n)
		rc = db_find(db, DB_FOLDERS, &filter, opts, on_folder,
		    &folders, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_v = folders.v.v;
	*ret_n = folders.v.n;
	return RC_OK;
}

enum rc
shares_find(struct db *db, struct arena *a, struct str address,
    int64_t limit, struct share **ret_v, size_t *ret_n, struct err *err)
{
	struct str names[] = { address, arena_join(a, STR("-"), address) };
	struct shares all = { .a = a };
	enum rc rc = find(db, &all, names, 2, limit, err);

	if (rc != RC_OK)
		return rc;
	*ret_v = all.v.v;
	*ret_n = all.v.n;
	return RC_OK;
}
