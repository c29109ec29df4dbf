/* Access control lists; see acl.h. */
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
	struct acl_entry e;
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
		rc = shares_check(db, c->identifier, err);
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
	bson_t doc;
	bool found;
	enum rc rc = folder_read(db, owner, folder,
	    BCON_NEW("projection", "{", "highestmodseq", BCON_INT32(1), "acl",
		BCON_INT32(1), "}"),
	    &doc, &found, err);

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

/* --- a mailbox that goes -------------------------------------------------- */

enum rc
acl_forget(struct db *db, struct str address, struct err *err)
{
	enum { BATCH = 1000 };
	struct change c = { .is_forgotten = true, .a = arena_new() };
	struct arena *a = arena_new();
	struct share *v;
	size_t n = 0, i;
	enum rc rc;

	do {
		arena_reset(a);
		rc = shares_find(db, a, address, BATCH, &v, &n, err);
		for (i = 0; rc == RC_OK && i < n; i++) {
			c.owner = &v[i].owner;
			c.folder = &v[i].folder;
			c.identifier = v[i].identifier;
			rc = db_txn_run(db, change, &c, DB_COMMIT_MS, err);
		}
	} while (rc == RC_OK && n == BATCH);
	arena_free(c.a);
	arena_free(a);
	return rc;
}
