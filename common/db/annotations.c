/* Annotations; see annotations.h. */
#include "db/annotations.h"

#include <stdlib.h>

#include "base/limits.h"
#include "db/store_internal.h"

#include "base/banned.h"

static const struct uuid everyone;
static const struct oid server;

static const struct oid *
folder_of(const struct annotated *where)
{
	return where->folder ? where->folder : &server;
}

/* What the server shares is nobody's. */
static const struct uuid *
owner_of(const struct annotated *where, struct str name)
{
	bool is_shared = str_starts_with(name, STR("/shared/"));

	return is_shared && !where->folder ? &everyone : where->owner;
}

/* --- reading ------------------------------------------------------------------ */

struct annotations {
	struct arena *a;
	struct str user;   /* before the private ones, "" for the owner */
	VEC(struct annotation) v;
};

static struct str
user_of(const struct annotated *where, char text[UUID_TEXT])
{
	return where->user ? uuid_format(where->user, text) : STR("");
}

/* As it is kept: "/private/x", "/shared/x" or "UUID/private/x". */
static struct str
kept_name(struct arena *a, const struct annotated *where, struct str name)
{
	char text[UUID_TEXT];
	struct str user = user_of(where, text);

	return str_starts_with(name, STR("/private"))
	    ? arena_join(a, user, name)
	    : name;
}

static bool
is_for(struct str user, struct str kept)
{
	if (str_starts_with(kept, STR("/private")))
		return user.len == 0;
	return str_starts_with(kept, STR("/")) ||
	    (user.len && str_starts_with(kept, user));
}

static bool
collect(void *ctx, const bson_t *doc)
{
	struct annotations *all = ctx;
	struct str name = doc_text_in(all->a, doc, "name");
	struct annotation *x;

	if (!is_for(all->user, name))
		return true;
	x = VEC_ADD(all->a, &all->v);
	x->name = str_tail(name, str_find_char(name, '/'));
	x->value = doc_bytes_in(all->a, doc, "value");
	if (!x->value.p)
		x->value = STR("");
	return true;
}

static enum rc
list(struct db *db, struct annotations *all, const struct uuid *owner,
    const struct oid *folder, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("sort", "{", "name", BCON_INT32(1), "}");
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_oid(&filter, "folder", folder);
	rc = db_find(
	    db, DB_ANNOTATIONS, &filter, opts, collect, all, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static int
compare(const void *x, const void *y)
{
	return str_compare(((const struct annotation *)x)->name,
	    ((const struct annotation *)y)->name);
}

/* "/private" comes before "/shared", so two lists are one sorted list. */
enum rc
annotation_list(struct db *db, struct arena *a, const struct annotated *where,
    struct annotation **ret_v, size_t *ret_n, struct err *err)
{
	char text[UUID_TEXT];
	struct annotations all = { .a = a, .user = user_of(where, text) };
	enum rc rc = list(db, &all, where->owner, folder_of(where), err);

	if (rc == RC_OK && !where->folder)
		rc = list(db, &all, &everyone, &server, err);
	if (rc != RC_OK)
		return rc;
	if (where->user && all.v.n)
		qsort(all.v.v, all.v.n, sizeof(*all.v.v), compare);
	*ret_v = all.v.v;
	*ret_n = all.v.n;
	return RC_OK;
}

struct stamps {
	struct arena *a;
	struct str user;   /* as of struct annotations */
	VEC(struct annotation_stamp) v;
};

static bool
on_stamp(void *ctx, const bson_t *doc)
{
	struct stamps *all = ctx;
	struct str name = doc_text_in(all->a, doc, "name");
	struct annotation_stamp *x;

	if (!is_for(all->user, name))
		return true;
	x = VEC_ADD(all->a, &all->v);
	x->name = str_tail(name, str_find_char(name, '/'));
	(void)doc_oid(doc, "folder", &x->folder);
	(void)doc_oid(doc, "stamp", &x->stamp);
	return true;
}

static enum rc
read_stamps(struct db *db, struct stamps *all, const struct uuid *owner,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "value", BCON_INT32(0),
	    "}", "batchSize", BCON_INT32(LIMIT_ANNOTATIONS_OWNER));
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	rc = db_find(
	    db, DB_ANNOTATIONS, &filter, opts, on_stamp, all, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

enum rc
annotation_stamps(struct db *db, struct arena *a, const struct uuid *owner,
    const struct uuid *user, struct annotation_stamp **ret_v, size_t *ret_n,
    struct err *err)
{
	char text[UUID_TEXT];
	struct stamps all = { .a = a,
		.user = user ? uuid_format(user, text) : STR("") };
	enum rc rc = read_stamps(db, &all, owner, err);

	if (rc == RC_OK && !user)
		rc = read_stamps(db, &all, &everyone, err);
	if (rc != RC_OK)
		return rc;
	*ret_v = all.v.v;
	*ret_n = all.v.n;
	return RC_OK;
}

/* --- changes ------------------------------------------------------------------ */

struct change {
	const struct annotated *where;
	const struct annotation *v;
	size_t n;
	const enum special_use *special;
	size_t n_here;  /* after the change */
	size_t n_all;
};

/*
 * A write to what they belong to: it must be there, and who deletes it in
 * the meantime has a conflict.
 */
static enum rc
lock(struct change *c, struct db *db, struct err *err)
{
	const struct annotated *w = c->where;
	enum db_collection which = w->folder ? DB_FOLDERS : DB_MAILBOXES;
	bson_t filter = BSON_INITIALIZER;
	bson_t *change =
	    BCON_NEW("$inc", "{", "annotated", BCON_INT64(1), "}");
	int64_t matched = 0;
	enum rc rc;

	if (c->special)
		BCON_APPEND(change, "$set", "{", "special",
		    BCON_INT64(*c->special), "}");
	if (w->folder) {
		folder_filter(&filter, w->owner, w->folder);
	} else {
		doc_add_text(&filter, "_id", w->address);
		mailbox_add_living(&filter, w->owner);
	}
	rc = db_update_one(db, which, &filter, change, NULL, &matched, err);
	bson_destroy(change);
	bson_destroy(&filter);
	if (rc == RC_OK && matched == 0)
		return err_set(
		    err, RC_PERM, "NOTFOUND", "the mailbox is gone");
	return rc;
}

/* His own, kept with somebody else's folder. */
static bool
is_guests(const struct change *c, const struct annotation *x)
{
	return c->where->user && str_starts_with(x->name, STR("/private"));
}

static enum rc
set_one(struct change *c, struct db *db, const struct annotation *x,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	struct oid stamp = oid_new();
	struct arena *a = arena_new();
	char text[UUID_TEXT];
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner_of(c->where, x->name));
	doc_add_oid(&filter, "folder", folder_of(c->where));
	doc_add_text(&filter, "name", kept_name(a, c->where, x->name));
	arena_free(a);
	if (x->value.p) {
		BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
		doc_add_bytes(&set, "value", x->value);
		doc_add_oid(&set, "stamp", &stamp);
		if (is_guests(c, x))
			doc_add_text(&set, "user", user_of(c->where, text));
		bson_append_document_end(&change, &set);
		rc = db_update_one(db, DB_ANNOTATIONS, &filter, &change,
		    upsert, NULL, err);
	} else {
		rc = db_delete_one(db, DB_ANNOTATIONS, &filter, NULL, err);
	}
	bson_destroy(upsert);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

static bool
count(void *ctx, const bson_t *doc)
{
	struct change *c = ctx;
	struct oid folder = server;

	(void)doc_oid(doc, "folder", &folder);
	c->n_all++;
	c->n_here += oid_equals(&folder, folder_of(c->where));
	return true;
}

/* Consumes the filter. */
static enum rc
check_number(
    struct change *c, struct db *db, bson_t *filter, struct err *err)
{
	bson_t *opts =
	    BCON_NEW("projection", "{", "folder", BCON_INT32(1), "}");
	enum rc rc;

	c->n_here = c->n_all = 0;
	rc = db_find(db, DB_ANNOTATIONS, filter, opts, count, c, err);
	bson_destroy(opts);
	bson_destroy(filter);
	if (rc == RC_OK &&
	    (c->n_here > LIMIT_ANNOTATIONS ||
		c->n_all > LIMIT_ANNOTATIONS_OWNER))
		return err_set(
		    err, RC_PERM, "TOOMANY", "there are too many entries");
	return rc;
}

/* What guests have is not the owner's. */
static enum rc
check_owners(struct change *c, struct db *db, const struct uuid *owner,
    struct err *err)
{
	bson_t *filter =
	    BCON_NEW("user", "{", "$exists", BCON_BOOL(false), "}");

	doc_add_uuid(filter, "owner", owner);
	return check_number(c, db, filter, err);
}

/* All that he has with the folders of this owner. */
static enum rc
check_guests(struct change *c, struct db *db, struct err *err)
{
	bson_t *filter = bson_new();
	char text[UUID_TEXT];

	doc_add_uuid(filter, "owner", c->where->owner);
	doc_add_text(filter, "user", user_of(c->where, text));
	return check_number(c, db, filter, err);
}

/* Removing is always allowed. */
static bool
adds_any(const struct change *c, bool of_guest)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->v[i].value.p && is_guests(c, &c->v[i]) == of_guest)
			return true;
	}
	return false;
}

static enum rc
set_all(struct db *db, void *ctx, struct err *err)
{
	struct change *c = ctx;
	bool adds_guests = adds_any(c, true), adds_owners = adds_any(c, false);
	enum rc rc = lock(c, db, err);
	size_t i;

	if (rc == RC_OK && adds_guests)
		rc = mailbox_touch(db, "annotated", c->where->user_address,
		    c->where->user, err);
	for (i = 0; rc == RC_OK && i < c->n; i++)
		rc = set_one(c, db, &c->v[i], err);
	if (rc == RC_OK && adds_guests)
		rc = check_guests(c, db, err);
	if (rc == RC_OK && adds_owners)
		rc = check_owners(c, db, c->where->owner, err);
	if (rc == RC_OK && adds_owners && !c->where->folder)
		rc = check_owners(c, db, &everyone, err);
	return rc;
}

enum rc
annotation_set(struct db *db, const struct annotated *where,
    const struct annotation *v, size_t n, const enum special_use *special,
    struct err *err)
{
	struct change c = { .where = where, .v = v, .n = n,
		.special = special };

	return db_txn_run(db, set_all, &c, DB_INTERACTIVE_MS, err);
}

enum rc
annotations_delete(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	if (folder)
		doc_add_oid(&filter, "folder", folder);
	rc = db_delete_many(db, DB_ANNOTATIONS, &filter, NULL, err);
	bson_destroy(&filter);
	return rc;
}

enum rc
annotations_forget(
    struct db *db, const struct uuid *user, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	char text[UUID_TEXT];
	enum rc rc;

	doc_add_text(&filter, "user", uuid_format(user, text));
	rc = db_delete_many(db, DB_ANNOTATIONS, &filter, NULL, err);
	bson_destroy(&filter);
	return rc;
}
