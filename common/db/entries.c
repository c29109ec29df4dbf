/* Entries as documents, and the map of a folder with what changed in it. */
#include <stdlib.h>

#include "db/store_internal.h"

#include "base/banned.h"

void
entry_encode(bson_t *array, size_t index, const struct entry *e)
{
	char text[16];
	const char *key;
	bson_t doc;

	bson_uint32_to_string((uint32_t)index, &key, text, sizeof(text));
	bson_append_document_begin(array, key, -1, &doc);
	bson_append_int64(&doc, "u", 1, e->uid);
	bson_append_int64(&doc, "f", 1, (int64_t)e->flags);
	bson_append_int64(&doc, "m", 1, (int64_t)e->modseq);
	doc_add_oid(&doc, "i", &e->message);
	bson_append_int64(&doc, "s", 1, e->size);
	bson_append_int64(&doc, "d", 1, e->date_s);
	bson_append_int64(&doc, "v", 1, e->saved_s);
	bson_append_document_end(array, &doc);
}

/* One pass over the fields: a big folder has a hundred thousand of these. */
static void
decode_fields(bson_iter_t *it, struct entry *e)
{
	while (bson_iter_next(it)) {
		switch (bson_iter_key(it)[0]) {
		case 'u':
			e->uid = (uint32_t)bson_iter_as_int64(it);
			break;
		case 'f':
			e->flags = (uint64_t)bson_iter_as_int64(it);
			break;
		case 'm':
			e->modseq = (uint64_t)bson_iter_as_int64(it);
			break;
		case 'i':
			if (BSON_ITER_HOLDS_OID(it))
				memcpy(e->message.b,
				    bson_iter_oid(it)->bytes, OID_SIZE);
			break;
		case 's':
			e->size = (uint32_t)bson_iter_as_int64(it);
			break;
		case 'd':
			entry_set_times(
			    e, bson_iter_as_int64(it), e->saved_s);
			break;
		case 'v':
			entry_set_times(
			    e, e->date_s, bson_iter_as_int64(it));
			break;
		default:
			break;
		}
	}
}

void
entry_decode(const bson_t *doc, struct entry *e)
{
	bson_iter_t it;

	*e = (struct entry){ 0 };
	if (bson_iter_init(&it, doc))
		decode_fields(&it, e);
}

/* An entry as entry_encode writes it: where each value stands. */
enum {
	AT_UID = 4,
	AT_FLAGS = 15,
	AT_MODSEQ = 26,
	AT_MESSAGE = 37,
	AT_SIZE = 52,
	AT_DATE = 63,
	AT_SAVED = 74,
	ENTRY_SIZE = 86,
};

/* BSON's int64 named `name` at p. */
static bool
take_int(const uint8_t *p, uint8_t name, uint64_t *ret)
{
	uint64_t n;

	if (p[0] != BSON_TYPE_INT64 || p[1] != name || p[2] != 0)
		return false;
	memcpy(&n, p + 3, sizeof(n));
	*ret = BSON_UINT64_FROM_LE(n);
	return true;
}

/*
 * Most of what SEARCH UNSEEN and FETCH FLAGS cost is to read the entries;
 * from their places it is 10 ns an entry, from field to field 73 ns.
 * False: the entry has another form, and *e is not to be used.
 */
static bool
decode_usual(const uint8_t *p, uint32_t len, struct entry *e)
{
	uint64_t uid, flags, modseq, size, date, saved;

	if (len != ENTRY_SIZE || !take_int(p + AT_UID, 'u', &uid) ||
	    !take_int(p + AT_FLAGS, 'f', &flags) ||
	    !take_int(p + AT_MODSEQ, 'm', &modseq) ||
	    p[AT_MESSAGE] != BSON_TYPE_OID || p[AT_MESSAGE + 1] != 'i' ||
	    p[AT_MESSAGE + 2] != 0 || !take_int(p + AT_SIZE, 's', &size) ||
	    !take_int(p + AT_DATE, 'd', &date) ||
	    !take_int(p + AT_SAVED, 'v', &saved))
		return false;
	e->uid = (uint32_t)uid;
	e->flags = flags;
	e->modseq = modseq;
	memcpy(e->message.b, p + AT_MESSAGE + 3, OID_SIZE);
	e->size = (uint32_t)size;
	entry_set_times(e, (int64_t)date, (int64_t)saved);
	return true;
}

void
entries_decode(
    struct arena *a, const bson_t *doc, const char *key, entry_vec *out)
{
	bson_iter_t it, inner;

	if (!doc_array(doc, key, &it))
		return;
	while (bson_iter_next(&it)) {
		struct entry *e = VEC_ADD(a, out);
		const uint8_t *p;
		uint32_t len = 0;

		if (BSON_ITER_HOLDS_DOCUMENT(&it))
			bson_iter_document(&it, &len, &p);
		if (len && decode_usual(p, len, e))
			continue;
		*e = (struct entry){ 0 };
		if (bson_iter_recurse(&it, &inner))
			decode_fields(&inner, e);
	}
}

void
entries_encode(
    bson_t *doc, const char *key, const struct entry *v, size_t n)
{
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, key, -1, &array);
	for (i = 0; i < n; i++)
		entry_encode(&array, i, &v[i]);
	bson_append_array_end(doc, &array);
}

/* By uid; of two with one uid the newer comes first. */
static int
compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return a->modseq == b->modseq ? 0 : a->modseq > b->modseq ? -1 : 1;
}

void
entries_sort(struct entry *v, size_t n)
{
	size_t i;

	for (i = 1; i < n && compare(&v[i - 1], &v[i]) <= 0; i++)
		;
	if (i < n)
		qsort(v, n, sizeof(*v), compare);
}

size_t
entries_count_unseen(const struct entry *v, size_t n, size_t *ret_first)
{
	size_t i, unseen = 0;

	*ret_first = n;
	for (i = 0; i < n; i++) {
		if (!(v[i].flags & FLAG_SEEN) && !unseen++)
			*ret_first = i;
	}
	return unseen;
}

/* --- what changed ---------------------------------------------------------- */

/* Pages of one reply: 24 KiB each. */
enum { PAGES_BATCH = 16 };

struct reading {
	struct arena *a;
	uint64_t since;
	entry_sink *sink;      /* takes the entries instead, or NULL */
	void *ctx;
	entry_vec entries;
	VEC(struct expunged) expunged;
};

static void
keep_newer(struct reading *r, const bson_t *doc, const char *key)
{
	size_t from = r->entries.n, i;

	entries_decode(r->a, doc, key, &r->entries);
	for (i = from; r->since && i < r->entries.n; i++) {
		if (r->entries.v[i].modseq > r->since)
			r->entries.v[from++] = r->entries.v[i];
	}
	if (r->since)
		r->entries.n = from;
	if (r->sink) {
		r->sink(r->ctx, r->entries.v, r->entries.n);
		r->entries.n = 0;
	}
}

static bool
on_page(void *ctx, const bson_t *doc)
{
	keep_newer(ctx, doc, "e");
	return true;
}

static enum rc
read_pages(struct db *db, struct reading *r, const struct uuid *owner,
    const struct oid *folder, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(0), "e",
	    BCON_INT32(1), "}", "sort", "{", "lo", BCON_INT32(1), "}",
	    "batchSize", BCON_INT32(PAGES_BATCH));
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_oid(&filter, "folder", folder);
	if (r->since)
		BCON_APPEND(&filter, "mod", "{", "$gt",
		    BCON_INT64((int64_t)r->since), "}");
	rc = db_find(db, DB_PAGES, &filter, opts, on_page, r, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static void
add_uids(struct reading *r, uint32_t lo, uint32_t hi, uint64_t modseq)
{
	uint32_t uid;

	for (uid = lo; uid && uid <= hi; uid++) {
		struct expunged e = { uid, modseq };

		VEC_PUSH(r->a, &r->expunged, e);
	}
}

/* u: [lo, hi, lo, hi ...] */
static bool
on_trash(void *ctx, const bson_t *doc)
{
	struct reading *r = ctx;
	uint64_t modseq = (uint64_t)doc_int(doc, "m");
	bson_iter_t it;
	uint32_t lo;

	if (!doc_array(doc, "u", &it))
		return true;
	while (bson_iter_next(&it)) {
		lo = (uint32_t)bson_iter_as_int64(&it);
		if (!bson_iter_next(&it))
			break;
		add_uids(r, lo, (uint32_t)bson_iter_as_int64(&it), modseq);
	}
	return true;
}

static int
compare_expunged(const void *x, const void *y)
{
	const struct expunged *a = x, *b = y;

	return a->uid == b->uid ? 0 : a->uid < b->uid ? -1 : 1;
}

static enum rc
read_trash(struct db *db, struct reading *r, const struct uuid *owner,
    const struct oid *folder, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "m", BCON_INT32(1), "u",
	    BCON_INT32(1), "}");
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_oid(&filter, "folder", folder);
	BCON_APPEND(&filter, "m", "{", "$gt",
	    BCON_INT64((int64_t)r->since), "}");
	rc = db_find(db, DB_TRASH, &filter, opts, on_trash, r, err);
	if (r->expunged.n)
		qsort(r->expunged.v, r->expunged.n, sizeof(*r->expunged.v),
		    compare_expunged);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

/*
 * A roll between the two reads shows an entry twice. One that was appended
 * and rolled since the folder was read belongs to the next answer.
 */
static void
merge(entry_vec *all, uint32_t uidnext)
{
	size_t i, n = 0;

	entries_sort(all->v, all->n);
	for (i = 0; i < all->n && all->v[i].uid < uidnext; i++) {
		if (n == 0 || all->v[n - 1].uid != all->v[i].uid)
			all->v[n++] = all->v[i];
	}
	all->n = n;
}

/* An entry that an expunge took between the reads is not there any more. */
static void
drop_expunged(struct reading *r)
{
	size_t i, n = 0, x = 0;

	for (i = 0; i < r->entries.n; i++) {
		uint32_t uid = r->entries.v[i].uid;

		while (x < r->expunged.n && r->expunged.v[x].uid < uid)
			x++;
		if (x < r->expunged.n && r->expunged.v[x].uid == uid)
			continue;
		r->entries.v[n++] = r->entries.v[i];
	}
	r->entries.n = n;
}

static enum rc
read_rest(struct db *db, struct reading *r, const struct folder *f,
    bool has_expunged, struct err *err)
{
	enum rc rc = read_pages(db, r, &f->owner, &f->id, err);

	if (rc == RC_OK && r->since && has_expunged)
		rc = read_trash(db, r, &f->owner, &f->id, err);
	return rc;
}

enum rc
store_changes(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, uint64_t since,
    struct folder_changes *ret_changes, struct err *err)
{
	struct reading r = { .a = a, .since = since };
	struct folder_changes c = { 0 };
	bool found, has_expunged;
	bson_t doc;
	enum rc rc = folder_read(db, owner, folder, NULL, &doc, &found, err);

	if (rc != RC_OK)
		return rc;
	if (!found) {
		*ret_changes = (struct folder_changes){ .is_gone = true };
		return RC_OK;
	}
	folder_decode(a, &doc, &c.folder);
	has_expunged = (uint64_t)doc_int(&doc, "xmodseq") > since;
	keep_newer(&r, &doc, "tail");
	bson_destroy(&doc);
	if (c.folder.highestmodseq > since) {
		rc = read_rest(db, &r, &c.folder, has_expunged, err);
		if (rc != RC_OK)
			return rc;
	}
	merge(&r.entries, c.folder.uidnext);
	drop_expunged(&r);
	c.entries = r.entries.v;
	c.n_entries = r.entries.n;
	c.expunged = r.expunged.v;
	c.n_expunged = r.expunged.n;
	*ret_changes = c;
	return RC_OK;
}

enum rc
store_map(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, entry_sink *sink, void *ctx,
    struct folder *ret_folder, bool *ret_found, struct err *err)
{
	struct reading r = { .a = a, .sink = sink, .ctx = ctx };
	bson_t doc;
	enum rc rc =
	    folder_read(db, owner, folder, NULL, &doc, ret_found, err);

	if (rc != RC_OK || !*ret_found)
		return rc;
	folder_decode(a, &doc, ret_folder);
	keep_newer(&r, &doc, "tail");
	bson_destroy(&doc);
	return read_pages(db, &r, owner, folder, err);
}

/* --- one entry ---------------------------------------------------------------- */

struct sought {
	struct arena *a;
	uint32_t uid;
	struct entry *e;
	bool is_found;
};

static void
look_in(struct sought *x, const bson_t *doc, const char *key)
{
	entry_vec entries = { 0 };
	size_t i;

	entries_decode(x->a, doc, key, &entries);
	for (i = 0; i < entries.n; i++) {
		if (entries.v[i].uid == x->uid) {
			*x->e = entries.v[i];
			x->is_found = true;
		}
	}
}

static bool
on_sought_tail(void *ctx, const bson_t *doc)
{
	look_in(ctx, doc, "tail");
	return true;
}

static bool
on_sought_page(void *ctx, const bson_t *doc)
{
	look_in(ctx, doc, "e");
	return true;
}

/* The tail before the pages: an entry may move on from there, not back. */
enum rc
store_find_entry(struct db *db, const struct uuid *owner,
    const struct oid *folder, uint32_t uid, struct entry *ret_entry,
    bool *ret_found, struct err *err)
{
	struct entry e;
	struct sought x = { arena_new(), uid, &e, false };
	bson_t filter = BSON_INITIALIZER, page = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "tail", BCON_INT32(1), "}");
	enum rc rc;

	folder_filter(&filter, owner, folder);
	rc = db_find(
	    db, DB_FOLDERS, &filter, opts, on_sought_tail, &x, err);
	doc_add_uuid(&page, "owner", owner);
	doc_add_oid(&page, "folder", folder);
	BCON_APPEND(&page, "lo", "{", "$lte", BCON_INT64(uid), "}", "hi", "{",
	    "$gte", BCON_INT64(uid), "}");
	if (rc == RC_OK && !x.is_found)
		rc = db_find(
		    db, DB_PAGES, &page, NULL, on_sought_page, &x, err);
	if (rc == RC_OK && x.is_found)
		*ret_entry = e;
	if (rc == RC_OK)
		*ret_found = x.is_found;
	bson_destroy(opts);
	bson_destroy(&page);
	bson_destroy(&filter);
	arena_free(x.a);
	return rc;
}
