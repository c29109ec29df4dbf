/*
 * A folder being changed inside a transaction. Its document is written
 * first, so that of two transactions on one folder one fails at once and is
 * tried again; what is read after that belongs to this transaction alone.
 * Counters are kept by the functions that change entries, in one place.
 */
#include "base/fault.h"
#include "base/limits.h"
#include "db/store_internal.h"

#include "base/banned.h"

bool
uid_set_has(struct uid_set set, uint32_t uid)
{
	size_t lo = 0, hi = set.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (set.v[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < set.n && set.v[lo].lo <= uid;
}

static bool
on_page(void *ctx, const bson_t *doc)
{
	struct folder_change *c = ctx;
	struct page *p = VEC_ADD(c->a, &c->pages);

	*p = (struct page){ .lo = (uint32_t)doc_int(doc, "lo") };
	doc_oid(doc, "_id", &p->id);
	entries_decode(c->a, doc, "e", &p->entries);
	return true;
}

/* Pages with lo <= `to` and hi >= `from`; limit 1 gives the last of them. */
static enum rc
load_pages(struct folder_change *c, uint32_t from, uint32_t to, bool only_last,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("sort", "{", "lo",
	    BCON_INT32(only_last ? -1 : 1), "}", "batchSize",
	    BCON_INT32(100000));
	enum rc rc;

	if (only_last)
		BSON_APPEND_INT64(opts, "limit", 1);
	doc_add_uuid(&filter, "owner", &c->folder.owner);
	doc_add_oid(&filter, "folder", &c->folder.id);
	BCON_APPEND(&filter, "lo", "{", "$lte", BCON_INT64(to), "}", "hi",
	    "{", "$gte", BCON_INT64(from), "}");
	rc = db_find(c->db, DB_PAGES, &filter, opts, on_page, c, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static enum rc
lock_folder(struct folder_change *c, const struct uuid *owner,
    const struct oid *id, bool *ret_found, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *inc = BCON_NEW("$inc", "{",
	    c->is_roll ? "rolls" : "highestmodseq", BCON_INT64(1), "}");
	enum rc rc;

	folder_filter(&filter, owner, id);
	BSON_APPEND_BOOL(&filter, "noselect", false);
	rc = db_find_and_update(
	    c->db, DB_FOLDERS, &filter, inc, NULL, &doc, ret_found, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	if (rc != RC_OK || !*ret_found)
		return rc;
	folder_decode(c->a, &doc, &c->folder);
	c->address = doc_text_in(c->a, &doc, "mailbox");
	c->modseq = c->folder.highestmodseq;
	entries_decode(c->a, &doc, "tail", &c->tail);
	bson_destroy(&doc);
	return RC_OK;
}

enum rc
folder_change_begin(struct folder_change *c, struct db *db, struct arena *a,
    const struct uuid *owner, const struct oid *id, struct uid_set uids,
    bool *ret_found, struct err *err)
{
	enum rc rc;

	*c = (struct folder_change){ .db = db, .a = a, .is_roll = c->is_roll };
	rc = lock_folder(c, owner, id, ret_found, err);
	if (rc != RC_OK || !*ret_found || uids.n == 0)
		return rc;
	if (c->tail.n && uids.v[0].lo >= c->tail.v[0].uid)
		return RC_OK;
	return load_pages(c, uids.v[0].lo, uids.v[uids.n - 1].hi, false, err);
}

static void
each_of(struct folder_change *c, entry_vec *entries, struct uid_set uids,
    entry_fn *fn, void *ctx)
{
	size_t i;

	for (i = 0; i < entries->n; i++) {
		if (entries->v[i].uid && uid_set_has(uids, entries->v[i].uid))
			fn(ctx, c, &entries->v[i]);
	}
}

void
folder_change_each(
    struct folder_change *c, struct uid_set uids, entry_fn *fn, void *ctx)
{
	size_t i;

	for (i = 0; i < c->pages.n; i++) {
		c->current = &c->pages.v[i];
		each_of(c, &c->current->entries, uids, fn, ctx);
	}
	c->current = NULL;
	each_of(c, &c->tail, uids, fn, ctx);
}

static void
mark_changed(struct folder_change *c)
{
	c->is_changed = true;
	if (c->current)
		c->current->is_changed = true;
	else
		c->is_tail_changed = true;
}

static void
count(struct folder_change *c, const struct entry *e, int sign)
{
	uint32_t n = (uint32_t)sign;

	c->folder.unseen += e->flags & FLAG_SEEN ? 0 : n;
	c->folder.deleted += e->flags & FLAG_DELETED ? n : 0;
}

void
folder_change_flags(
    struct folder_change *c, struct entry *e, uint64_t flags)
{
	count(c, e, -1);
	e->flags = flags;
	e->modseq = c->modseq;
	count(c, e, 1);
	mark_changed(c);
}

static void
note_expunged(struct folder_change *c, uint32_t uid)
{
	struct uid_range r = { uid, uid };

	c->n_expunged++;
	if (c->expunged.n && c->expunged.v[c->expunged.n - 1].hi + 1 == uid)
		c->expunged.v[c->expunged.n - 1].hi = uid;
	else
		VEC_PUSH(c->a, &c->expunged, r);
}

/* uid 0 marks the entry; folder_change_end takes it out. */
void
folder_change_expunge(
    struct folder_change *c, struct entry *e, bool keep_message)
{
	count(c, e, -1);
	c->folder.exists--;
	c->folder.size -= e->size;
	c->freed += e->size;
	note_expunged(c, e->uid);
	if (!keep_message)
		VEC_PUSH(c->a, &c->trashed, e->message);
	e->uid = 0;
	mark_changed(c);
}

void
folder_change_append(struct folder_change *c, struct entry *e)
{
	e->uid = c->folder.uidnext++;
	e->modseq = c->modseq;
	count(c, e, 1);
	c->folder.exists++;
	c->folder.size += e->size;
	VEC_PUSH(c->a, &c->tail, *e);
	c->current = NULL;
	mark_changed(c);
}

static bool
change_take_flags(void *ctx, const bson_t *doc)
{
	uint64_t *used = ctx;
	bson_iter_t it;
	bson_t e;

	if (doc_array(doc, "e", &it)) {
		while (doc_array_next(&it, &e))
			*used |= (uint64_t)doc_int(&e, "f");
	}
	return true;
}

/* The flags of all entries: of the pages as they were before this change. */
static enum rc
change_read_flags(
    const struct folder_change *c, uint64_t *used, struct err *err)
{
	bson_t *opts =
	    BCON_NEW("projection", "{", "e.f", BCON_INT32(1), "}");
	bson_t filter = BSON_INITIALIZER;
	size_t i, k;
	enum rc rc;

	for (i = 0; i < c->tail.n; i++)
		*used |= c->tail.v[i].flags;
	for (i = 0; i < c->pages.n; i++) {
		for (k = 0; k < c->pages.v[i].entries.n; k++)
			*used |= c->pages.v[i].entries.v[k].flags;
	}
	doc_add_uuid(&filter, "owner", &c->folder.owner);
	doc_add_oid(&filter, "folder", &c->folder.id);
	rc = db_find(c->db, DB_PAGES, &filter, opts, change_take_flags, used,
	    err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

enum rc
folder_change_free_keywords(struct folder_change *c, uint64_t kept,
    size_t *ret_n, struct err *err)
{
	struct folder *f = &c->folder;
	struct str *table = ARENA_ARRAY(c->a, f->n_keywords, struct str);
	uint64_t used = kept;
	enum rc rc = change_read_flags(c, &used, err);
	size_t i;

	if (rc != RC_OK)
		return rc;
	*ret_n = 0;
	for (i = 0; i < f->n_keywords; i++) {
		bool is_used = used >> (FLAG_FIRST_KEYWORD + i) & 1;

		table[i] = is_used ? f->keywords[i] : STR("");
		*ret_n += !is_used;
	}
	f->keywords = table;
	c->is_changed |= *ret_n > 0;
	return RC_OK;
}

/*
 * A place for a new keyword. When there is none, those that no message has are
 * taken out first; `kept` has the bits of those that will be set.
 */
static enum rc
change_add_keyword(struct folder_change *c, struct str keyword, uint64_t kept,
    size_t *ret_k, struct err *err)
{
	struct folder *f = &c->folder;
	struct str *table;
	size_t n_free = 0;
	enum rc rc = RC_OK;

	if (folder_keywords_are_full(f)) {
		rc = folder_change_free_keywords(c, kept, &n_free, err);
		if (rc == RC_OK && n_free == 0)
			rc = err_set(err, RC_PERM, "LIMIT",
			    "a folder has at most %d keywords",
			    LIMIT_KEYWORDS);
	}
	if (rc != RC_OK)
		return rc;
	*ret_k = folder_keyword(f, STR(""));
	table = ARENA_ARRAY(c->a, f->n_keywords + 1, struct str);
	if (f->n_keywords)
		memcpy(table, f->keywords, f->n_keywords * sizeof(*table));
	table[*ret_k] = keyword;
	f->n_keywords += *ret_k == f->n_keywords;
	f->keywords = table;
	c->is_changed = true;
	return RC_OK;
}

enum rc
folder_change_keywords(struct folder_change *c, const struct str *keywords,
    size_t n, uint64_t *ret_bits, struct err *err)
{
	uint64_t bits;
	bool all;
	size_t i, k;
	enum rc rc = RC_OK;

	bits = folder_keyword_bits(&c->folder, keywords, n, &all);
	for (i = 0; rc == RC_OK && !all && i < n; i++) {
		k = folder_keyword(&c->folder, keywords[i]);
		if (k == c->folder.n_keywords)
			rc = change_add_keyword(
			    c, keywords[i], bits, &k, err);
		bits |= UINT64_C(1) << (FLAG_FIRST_KEYWORD + k);
	}
	if (rc == RC_OK)
		*ret_bits = bits;
	return rc;
}

/* --- writing ----------------------------------------------------------------- */

static void
compact(entry_vec *entries)
{
	size_t i, n = 0;

	for (i = 0; i < entries->n; i++) {
		if (entries->v[i].uid)
			entries->v[n++] = entries->v[i];
	}
	entries->n = n;
}

static void
move_entries(struct folder_change *c, struct page *to, struct page *from)
{
	size_t i;

	for (i = 0; i < from->entries.n; i++)
		VEC_PUSH(c->a, &to->entries, from->entries.v[i]);
	from->entries.n = 0;
	from->is_changed = to->is_changed = true;
}

static bool
is_mergeable(const struct page *p, const struct page *with)
{
	return p->is_changed && p->entries.n &&
	    p->entries.n < LIMIT_PAGE / 4 &&
	    p->entries.n + with->entries.n <= LIMIT_PAGE;
}

/* Pages under a quarter full go to the page before them. */
static enum rc
merge_pages(struct folder_change *c, struct err *err)
{
	struct page first;
	size_t i, last = 0;
	enum rc rc;

	if (c->pages.n && c->pages.v[0].lo > 1 &&
	    is_mergeable(&c->pages.v[0], &(struct page){ 0 })) {
		first = c->pages.v[0];
		rc = load_pages(c, 0, first.lo - 1, true, err);
		if (rc != RC_OK)
			return rc;
		if (first.lo > c->pages.v[c->pages.n - 1].lo) {
			struct page before = c->pages.v[c->pages.n - 1];

			memmove(&c->pages.v[1], &c->pages.v[0],
			    (c->pages.n - 1) * sizeof(before));
			c->pages.v[0] = before;
		}
	}
	for (i = 1; i < c->pages.n; i++) {
		if (is_mergeable(&c->pages.v[i], &c->pages.v[last]))
			move_entries(c, &c->pages.v[last], &c->pages.v[i]);
		else
			last = i;
	}
	return RC_OK;
}

/* Makes the folder's last page the last of c->pages. */
static enum rc
load_last_page(struct folder_change *c, struct err *err)
{
	size_t n = c->pages.n, i;
	enum rc rc = load_pages(c, 0, UINT32_MAX, true, err);

	for (i = 0; rc == RC_OK && i < n && c->pages.n > n; i++) {
		if (c->pages.v[i].lo == c->pages.v[n].lo)
			c->pages.n = n; /* it was there, perhaps changed */
	}
	return rc;
}

/* The whole tail into the last page and new ones behind it. */
static enum rc
roll_tail(struct folder_change *c, struct err *err)
{
	struct page *p = NULL;
	size_t i;
	enum rc rc;

	FAULT_POINT("store-roll");
	if ((rc = load_last_page(c, err)) != RC_OK)
		return rc;
	for (i = 0; i < c->tail.n; i++) {
		if (c->pages.n)
			p = &c->pages.v[c->pages.n - 1];
		if (!p || p->entries.n >= LIMIT_PAGE) {
			p = VEC_ADD(c->a, &c->pages);
			*p = (struct page){ .id = oid_new(),
				.lo = c->tail.v[i].uid, .is_new = true };
		}
		VEC_PUSH(c->a, &p->entries, c->tail.v[i]);
		p->is_changed = true;
	}
	c->tail.n = 0;
	c->is_tail_changed = true;
	return RC_OK;
}

static uint64_t
newest(const entry_vec *entries)
{
	uint64_t modseq = 0;
	size_t i;

	for (i = 0; i < entries->n; i++) {
		if (entries->v[i].modseq > modseq)
			modseq = entries->v[i].modseq;
	}
	return modseq;
}

static void
add_page_fields(const struct page *p, bson_t *doc)
{
	size_t first;

	doc_add_int(doc, "hi", p->entries.v[p->entries.n - 1].uid);
	doc_add_int(doc, "mod", (int64_t)newest(&p->entries));
	doc_add_int(doc, "n", (int64_t)p->entries.n);
	doc_add_int(doc, "un",
	    (int64_t)entries_count_unseen(
		p->entries.v, p->entries.n, &first));
	doc_add_int(doc, "first", (int64_t)first);
	entries_encode(doc, "e", p->entries.v, p->entries.n);
}

static void
write_page(struct folder_change *c, const struct page *p,
    mongoc_bulk_operation_t *bulk)
{
	bson_t key = BSON_INITIALIZER, doc = BSON_INITIALIZER, set;

	doc_add_oid(&key, "_id", &p->id);
	doc_add_uuid(&key, "owner", &c->folder.owner);
	doc_add_oid(&key, "folder", &c->folder.id);
	doc_add_int(&key, "lo", p->lo);
	if (p->is_new) {
		add_page_fields(p, &key);
		mongoc_bulk_operation_insert_with_opts(bulk, &key, NULL, NULL);
	} else if (p->entries.n == 0) {
		mongoc_bulk_operation_remove_one_with_opts(
		    bulk, &key, NULL, NULL);
	} else {
		BSON_APPEND_DOCUMENT_BEGIN(&doc, "$set", &set);
		add_page_fields(p, &set);
		bson_append_document_end(&doc, &set);
		mongoc_bulk_operation_update_one_with_opts(
		    bulk, &key, &doc, NULL, NULL);
	}
	bson_destroy(&doc);
	bson_destroy(&key);
}

static enum rc
write_pages(struct folder_change *c, struct err *err)
{
	mongoc_bulk_operation_t *bulk = NULL;
	size_t i;

	for (i = 0; i < c->pages.n; i++) {
		struct page *p = &c->pages.v[i];

		if (!p->is_changed || (p->is_new && !p->entries.n))
			continue;
		if (!bulk)
			bulk = db_bulk_new(c->db, DB_PAGES);
		write_page(c, p, bulk);
	}
	return bulk ? db_bulk_run(c->db, bulk, NULL, err) : RC_OK;
}

static enum rc
write_folder(struct folder_change *c, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	const struct folder *f = &c->folder;
	enum rc rc;

	folder_filter(&filter, &f->owner, &f->id);
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	doc_add_int(&set, "uidnext", f->uidnext);
	doc_add_int(&set, "exists", f->exists);
	doc_add_int(&set, "unseen", f->unseen);
	doc_add_int(&set, "deleted", f->deleted);
	doc_add_int(&set, "size", (int64_t)f->size);
	doc_add_texts(&set, "keywords", f->keywords, f->n_keywords);
	if (c->n_expunged)
		doc_add_int(&set, "xmodseq", (int64_t)c->modseq);
	if (c->is_tail_changed)
		entries_encode(&set, "tail", c->tail.v, c->tail.n);
	bson_append_document_end(&change, &set);
	rc = db_update_one(
	    c->db, DB_FOLDERS, &filter, &change, NULL, NULL, err);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

enum rc
folder_change_end(struct folder_change *c, struct err *err)
{
	size_t i;
	enum rc rc;

	for (i = 0; i < c->pages.n; i++)
		compact(&c->pages.v[i].entries);
	compact(&c->tail);
	rc = c->n_expunged ? merge_pages(c, err) : RC_OK;
	if (rc == RC_OK && (c->tail.n > LIMIT_TAIL || c->is_roll))
		rc = roll_tail(c, err);
	if (rc == RC_OK)
		rc = write_pages(c, err);
	if (rc == RC_OK)
		rc = write_folder(c, err);
	if (rc == RC_OK && c->n_expunged)
		rc = trash_insert(c->db, &c->folder.owner, &c->folder.id,
		    c->modseq, c->expunged.v, c->expunged.n, c->trashed.v,
		    c->trashed.n, c->trashed.n ? (int64_t)c->freed : 0, err);
	return rc;
}

struct roll {
	const struct uuid *owner;
	const struct oid *id;
	struct arena *a;
};

static enum rc
roll(struct db *db, void *ctx, struct err *err)
{
	struct roll *r = ctx;
	struct folder_change c = { .is_roll = true };
	bool found = false;
	enum rc rc;

	arena_reset(r->a);
	rc = folder_change_begin(&c, db, r->a, r->owner, r->id,
	    (struct uid_set){ 0 }, &found, err);
	if (rc != RC_OK)
		return rc;
	if (!found || c.tail.n <= LIMIT_TAIL) {
		db->is_void = true;
		return RC_OK;
	}
	return folder_change_end(&c, err);
}

enum rc
folder_roll(struct db *db, const struct uuid *owner, const struct oid *id,
    struct err *err)
{
	struct roll r = { owner, id, arena_new() };
	enum rc rc = db_txn_run(db, roll, &r, DB_INTERACTIVE_MS, err);

	arena_free(r.a);
	return rc;
}
