/*
 * Access control lists; see acl.h. A new entry also writes to the mailbox
 * that it names: it must be there, and who deletes it in the meantime has a
 * conflict, so that no list names an address that somebody else gets later.
 */
#include "db/acl.h"

#include "base/fault.h"
#include "base/limits.h"
#include "db/store_internal.h"

#include "base/banned.h"

/* --- documents ------------------------------------------------------------ */

void
acl_encode(bson_t *doc, const struct acl_entry *v, size_t n)
{
	char index[16], letters[ACL_TEXT];
	bson_t array, entry;
	const char *key;
	size_t i;

	bson_append_array_begin(doc, "acl", -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string(
		    (uint32_t)i, &key, index, sizeof(index));
		bson_append_document_begin(&array, key, -1, &entry);
		doc_add_text(&entry, "i", v[i].identifier);
		doc_add_text(
		    &entry, "r", acl_format(v[i].rights, false, letters));
		bson_append_document_end(&array, &entry);
	}
	bson_append_array_end(doc, &array);
}

const struct acl_entry *
acl_decode(struct arena *a, const bson_t *doc, size_t *ret_n)
{
	VEC(struct acl_entry) v = { 0 };
	bson_iter_t it;
	bson_t entry;

	if (doc_array(doc, "acl", &it)) {
		while (doc_array_next(&it, &entry)) {
			struct acl_entry *e = VEC_ADD(a, &v);

			e->identifier = doc_text_in(a, &entry, "i");
			(void)acl_parse(
			    doc_text_in(a, &entry, "r"), &e->rights);
		}
	}
	*ret_n = v.n;
	return v.v;
}

/* --- the documents in `shares` -------------------------------------------- */

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
	BSON_APPEND_UTF8(&filter, "kind", "mailbox");
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

static enum rc
check_number(struct db *db, struct str identifier, struct err *err)
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

/* --- one entry ------------------------------------------------------------ */

struct change {
	const struct uuid *owner;
	const struct oid *folder;
	struct str identifier;
	enum acl_op op;
	unsigned rights;
	struct arena *a;
	VEC(struct acl_entry) v;   /* the list as it will be */
	bool is_forgotten;         /* its document in `shares` goes anyhow */
	bool is_new;
	bool is_gone;
	bool is_changed;
};

static unsigned
new_rights(const struct change *c, unsigned old)
{
	switch (c->op) {
	case ACL_ADD:
		return old | c->rights;
	case ACL_REMOVE:
		return old & ~c->rights;
	case ACL_REPLACE:
		break;
	}
	return c->rights;
}

static void
apply(struct change *c, const struct folder *f)
{
	struct acl_entry e = { c->identifier, 0 };
	bool was_there = false;
	size_t i;

	c->v.v = NULL;
	c->v.n = c->v.cap = 0;
	for (i = 0; i < f->n_acl; i++) {
		bool is_it =
		    str_equals(f->acl[i].identifier, c->identifier);

		e = f->acl[i];
		if (is_it)
			e.rights = new_rights(c, e.rights);
		was_there |= is_it;
		c->is_changed |= e.rights != f->acl[i].rights;
		if (e.rights)
			VEC_PUSH(c->a, &c->v, e);
	}
	e = (struct acl_entry){ c->identifier, new_rights(c, 0) };
	c->is_new = !was_there && e.rights;
	c->is_gone = was_there && c->v.n < f->n_acl;
	if (c->is_new)
		VEC_PUSH(c->a, &c->v, e);
}

static enum rc
load(struct change *c, struct db *db, struct folder *ret, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *opts = BCON_NEW("projection", "{", "tail", BCON_INT32(0), "}");
	bool found = false;
	enum rc rc;

	folder_filter(&filter, c->owner, c->folder);
	BSON_APPEND_BOOL(&filter, "noselect", false);
	rc = db_find_one(db, DB_FOLDERS, &filter, opts, &doc, &found, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc == RC_OK && !found)
		return err_set(
		    err, RC_PERM, "NOTFOUND", "the mailbox is gone");
	if (rc != RC_OK)
		return rc;
	folder_decode(c->a, &doc, ret);
	bson_destroy(&doc);
	return RC_OK;
}

enum rc
acl_write(struct db *db, const struct uuid *owner, const struct oid *folder,
    const struct acl_entry *v, size_t n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	enum rc rc;

	folder_filter(&filter, owner, folder);
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	acl_encode(&set, v, n);
	bson_append_document_end(&change, &set);
	rc = db_update_one(db, DB_FOLDERS, &filter, &change, NULL, NULL, err);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

static enum rc
check(const struct change *c, const struct folder *f, struct err *err)
{
	if (str_equals(acl_bare(c->identifier), f->address))
		return err_set(err, RC_PERM, "CANNOT",
		    "the owner has all rights, always");
	if (c->v.n > LIMIT_ACL)
		return err_set(err, RC_PERM, "LIMIT",
		    "a mailbox is shared with %d at most", LIMIT_ACL);
	return RC_OK;
}

/* Whatever the folder says, and when it is gone: nothing may stay. */
static enum rc
forget(struct change *c, struct db *db, struct err *err)
{
	const struct acl_entry e = { c->identifier, 0 };
	enum rc rc = RC_OK;

	if (c->is_changed)
		rc = acl_write(
		    db, c->owner, c->folder, c->v.v, c->v.n, err);
	return rc == RC_OK
	    ? shares_delete(db, c->owner, c->folder, &e, 1, err)
	    : rc;
}

static enum rc
change(struct db *db, void *ctx, struct err *err)
{
	struct change *c = ctx;
	const struct acl_entry e = { c->identifier, c->rights };
	struct folder f = { .n_acl = 0 };
	enum rc rc;

	arena_reset(c->a);
	c->is_changed = false;
	rc = load(c, db, &f, err);
	if (rc == RC_OK) {
		apply(c, &f);
		rc = check(c, &f, err);
	}
	if (c->is_forgotten && (rc == RC_OK || rc == RC_PERM))
		return forget(c, db, err);
	if (rc != RC_OK)
		return rc;
	db->is_void = !c->is_changed && !c->is_new;
	if (db->is_void)
		return RC_OK;
	rc = acl_write(db, c->owner, c->folder, c->v.v, c->v.n, err);
	FAULT_POINT("store-acl");
	if (rc == RC_OK && c->is_new)
		rc = check_number(db, c->identifier, err);
	if (rc == RC_OK && c->is_new)
		rc = shares_insert(
		    db, c->a, c->owner, c->folder, &e, 1, err);
	if (rc == RC_OK && c->is_gone)
		rc = shares_delete(db, c->owner, c->folder, &e, 1, err);
	return rc;
}

enum rc
acl_change(struct db *db, const struct uuid *owner, const struct oid *folder,
    struct str identifier, enum acl_op op, unsigned rights, struct err *err)
{
	struct change c = { .owner = owner, .folder = folder,
		.identifier = identifier, .op = op, .rights = rights,
		.a = arena_new() };
	enum rc rc = db_txn_run(db, change, &c, DB_INTERACTIVE_MS, err);

	arena_free(c.a);
	return rc;
}

/* --- reading -------------------------------------------------------------- */

enum rc
acl_poll(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, uint64_t *ret_modseq,
    const struct acl_entry **ret_acl, size_t *ret_n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *opts = BCON_NEW("projection", "{", "highestmodseq",
	    BCON_INT32(1), "acl", BCON_INT32(1), "}");
	bool found;
	enum rc rc;

	folder_filter(&filter, owner, folder);
	rc = db_find_one(db, DB_FOLDERS, &filter, opts, &doc, &found, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_modseq = 0;
	*ret_n = 0;
	if (found) {
		*ret_modseq = (uint64_t)doc_int(&doc, "highestmodseq");
		*ret_acl = acl_decode(a, &doc, ret_n);
		bson_destroy(&doc);
	}
	return RC_OK;
}

struct share {
	struct str identifier;
	struct uuid owner;
	struct oid folder;
};

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
find_shares(struct db *db, struct shares *all, const struct str *identifiers,
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
	enum rc rc = find_shares(
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

/* --- a mailbox that goes -------------------------------------------------- */

static enum rc
find_named(struct db *db, struct shares *all, struct str address,
    int64_t limit, struct err *err)
{
	struct str names[] = { address,
		arena_join(all->a, STR("-"), address) };

	return find_shares(db, all, names, 2, limit, err);
}

enum rc
acl_forget(struct db *db, struct str address, struct err *err)
{
	enum { BATCH = 1000 };
	struct shares all = { .a = arena_new() };
	struct change c = { .is_forgotten = true, .a = arena_new() };
	enum rc rc;
	size_t i;

	do {
		arena_reset(all.a);
		all.v.v = NULL;
		all.v.n = all.v.cap = 0;
		rc = find_named(db, &all, address, BATCH, err);
		for (i = 0; rc == RC_OK && i < all.v.n; i++) {
			c.owner = &all.v.v[i].owner;
			c.folder = &all.v.v[i].folder;
			c.identifier = all.v.v[i].identifier;
			rc = db_txn_run(db, change, &c, DB_COMMIT_MS, err);
		}
	} while (rc == RC_OK && all.v.n == BATCH);
	arena_free(c.a);
	arena_free(all.a);
	return rc;
}

enum rc
acl_is_named(
    struct db *db, struct str address, bool *ret_is_named, struct err *err)
{
	struct shares all = { .a = arena_new() };
	enum rc rc = find_named(db, &all, address, 1, err);

	if (rc == RC_OK)
		*ret_is_named = all.v.n > 0;
	arena_free(all.a);
	return rc;
}
