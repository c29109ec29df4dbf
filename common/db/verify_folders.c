/* Folders with their pages, tails, annotations and rights; see verify.c. */
#include <stdlib.h>

#include "base/limits.h"
#include "db/verify_internal.h"

#include "base/banned.h"

struct folder_ref {
	struct oid id;
	struct uuid owner;
};

struct folder_refs {
	struct arena *a;
	VEC(struct folder_ref) v;
};

static bool
on_folder_ref(void *ctx, const bson_t *doc)
{
	struct folder_refs *all = ctx;
	struct folder_ref *f = VEC_ADD(all->a, &all->v);

	doc_oid(doc, "_id", &f->id);
	doc_uuid(doc, "owner", &f->owner);
	return true;
}

static uint64_t
known_keywords(const struct folder *f)
{
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < f->n_keywords; i++)
		bits |= (uint64_t)(f->keywords[i].len > 0) << i;
	return bits;
}

static void
check_entry(struct verify *v, const struct entry *e)
{
	struct known_message key = { .id = e->message }, *m;
	uint64_t keywords = e->flags >> FLAG_FIRST_KEYWORD;

	m = v->messages.n ? bsearch(&key, v->messages.v, v->messages.n,
				sizeof(key), verify_compare_messages)
			  : NULL;
	if (!m || !uuid_equals(&m->owner, &v->folder.owner))
		verify_problem(v, "entry-message", v->folder.name,
		    "uid %u: its message is missing", e->uid);
	else if (m->is_shown)
		verify_problem(v, "entry-twice", v->folder.name,
		    "uid %u: its message is shown twice", e->uid);
	else if (m->size != e->size)
		verify_problem(v, "entry-size", v->folder.name,
		    "uid %u: size %u, the message has %llu", e->uid, e->size,
		    (unsigned long long)m->size);
	if (m)
		m->is_shown = true;
	if (e->modseq > v->folder.highestmodseq || e->modseq == 0)
		verify_problem(v, "entry-modseq", v->folder.name,
		    "uid %u: modseq %llu is not in 1..%llu", e->uid,
		    (unsigned long long)e->modseq,
		    (unsigned long long)v->folder.highestmodseq);
	if (keywords & ~known_keywords(&v->folder))
		verify_problem(v, "entry-keyword", v->folder.name,
		    "uid %u: a flag without a keyword", e->uid);
}

/* What SELECT finds the first unseen by; an old page may be without. */
static void
check_unseen(struct verify *v, const bson_t *doc, size_t from, uint32_t lo)
{
	size_t n = v->entries.n - from, first;
	size_t unseen =
	    entries_count_unseen(v->entries.v + from, n, &first);

	if (doc_int(doc, "n") == 0)
		return;
	if ((uint64_t)doc_int(doc, "n") != n ||
	    (uint64_t)doc_int(doc, "un") != unseen ||
	    (uint64_t)doc_int(doc, "first") != first)
		verify_problem(v, "page-unseen", v->folder.name,
		    "page %u: it has not the counts of its entries", lo);
}

static bool
on_page(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	uint32_t lo = (uint32_t)doc_int(doc, "lo");
	uint32_t hi = (uint32_t)doc_int(doc, "hi");
	size_t from = v->entries.n, i, n;
	uint64_t newest = 0;

	v->counts.pages++;
	entries_decode(v->a, doc, "e", &v->entries);
	n = v->entries.n - from;
	if (n == 0 || n > LIMIT_PAGE) {
		verify_problem(v, "page-length", v->folder.name,
		    "page %u has %zu entries", lo, n);
		return true;
	}
	for (i = from; i < v->entries.n; i++) {
		if (v->entries.v[i].modseq > newest)
			newest = v->entries.v[i].modseq;
	}
	if (v->entries.v[from].uid < lo || lo <= v->last_hi ||
	    v->entries.v[v->entries.n - 1].uid != hi)
		verify_problem(v, "page-range", v->folder.name,
		    "page %u to %u does not hold what it says", lo, hi);
	if ((uint64_t)doc_int(doc, "mod") != newest)
		verify_problem(v, "page-modseq", v->folder.name,
		    "page %u: mod is not the newest of its entries", lo);
	check_unseen(v, doc, from, lo);
	v->last_hi = hi;
	return true;
}

static enum rc
read_pages(struct verify *v, const struct folder_ref *f, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("sort", "{", "lo", BCON_INT32(1), "}");
	enum rc rc;

	doc_add_uuid(&filter, "owner", &f->owner);
	doc_add_oid(&filter, "folder", &f->id);
	rc = db_find(v->db, DB_PAGES, &filter, opts, on_page, v, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static void
check_number(struct verify *v, const char *what, uint64_t says, uint64_t is)
{
	if (says != is)
		verify_problem(v, what, v->folder.name, "%llu is kept, %llu is true",
		    (unsigned long long)says, (unsigned long long)is);
}

static void
check_entries(struct verify *v)
{
	uint64_t size = 0, unseen = 0, deleted = 0;
	uint32_t last = 0;
	size_t i;

	for (i = 0; i < v->entries.n; i++) {
		const struct entry *e = &v->entries.v[i];

		if (e->uid <= last || e->uid >= v->folder.uidnext)
			verify_problem(v, "uid-order", v->folder.name,
			    "uid %u behind %u, uidnext %u", e->uid, last,
			    v->folder.uidnext);
		last = e->uid;
		size += e->size;
		unseen += !(e->flags & FLAG_SEEN);
		deleted += (e->flags & FLAG_DELETED) != 0;
		check_entry(v, e);
	}
	check_number(v, "folder-exists", v->folder.exists, v->entries.n);
	check_number(v, "folder-size", v->folder.size, size);
	check_number(v, "folder-unseen", v->folder.unseen, unseen);
	check_number(v, "folder-deleted", v->folder.deleted, deleted);
	v->counts.entries += v->entries.n;
}

static void
note_owner(struct verify *v)
{
	struct known_owner *o = verify_find_owner(v, &v->folder.owner);

	if (!o) {
		verify_problem(v, "folder-owner", v->folder.name,
		    "its mailbox is missing");
		return;
	}
	if (!str_equals(o->address, v->address))
		verify_problem(v, "folder-mailbox", v->folder.name,
		    "belongs to %.*s, the owner is %.*s",
		    STR_ARG(v->address), STR_ARG(o->address));
	o->summed += v->folder.size;
	o->has_inbox |= str_equals(v->folder.name, STR("INBOX"));
}

static enum rc
check_folder(struct verify *v, const struct folder_ref *f, struct err *err)
{
	entry_vec tail = { 0 };
	bson_t doc;
	bool found;
	size_t i;
	enum rc rc = folder_read(
	    v->db, &f->owner, &f->id, NULL, &doc, &found, err);

	if (rc != RC_OK || !found)
		return rc;
	folder_decode(v->a, &doc, &v->folder);
	v->address = doc_text_in(v->a, &doc, "mailbox");
	entries_decode(v->a, &doc, "tail", &tail);
	bson_destroy(&doc);
	v->counts.folders++;
	v->entries.n = 0;
	v->last_hi = 0;
	rc = read_pages(v, f, err);
	for (i = 0; i < tail.n; i++)
		VEC_PUSH(v->a, &v->entries, tail.v[i]);
	if (rc == RC_OK) {
		check_entries(v);
		note_owner(v);
	}
	return rc;
}

enum rc
verify_folders(struct verify *v, struct err *err)
{
	struct folder_refs all = { .a = v->a };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts =
	    BCON_NEW("projection", "{", "owner", BCON_INT32(1), "}");
	enum rc rc;
	size_t i;

	rc = db_find(
	    v->db, DB_FOLDERS, &filter, opts, on_folder_ref, &all, err);
	for (i = 0; rc == RC_OK && i < all.v.n; i++)
		rc = check_folder(v, &all.v.v[i], err);
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

static bool
on_lost_page(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct oid folder;

	arena_reset(v->scratch);
	if (doc_oid(doc, "folder", &folder))
		verify_problem(v, "page-folder", verify_name(v, &folder),
		    "pages of a folder that is not there");
	return true;
}

enum rc
verify_lost_pages(struct verify *v, struct err *err)
{
	bson_t *pipeline = BCON_NEW("pipeline", "[",
	    "{", "$group", "{", "_id", "$folder", "folder", "{", "$first",
	    "$folder", "}", "}", "}",
	    "{", "$lookup", "{", "from", "folders", "localField", "_id",
	    "foreignField", "_id", "as", "f", "}", "}",
	    "{", "$match", "{", "f", "[", "]", "}", "}", "]");
	enum rc rc = db_aggregate(
	    v->db, DB_PAGES, pipeline, on_lost_page, v, err);

	bson_destroy(pipeline);
	return rc;
}

static bool
on_lost_annotation(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct oid folder;

	arena_reset(v->scratch);
	if (doc_oid(doc, "_id", &folder) && !oid_is_zero(&folder))
		verify_problem(v, "annotation-folder", verify_name(v, &folder),
		    "annotations of a folder that is not there");
	return true;
}

enum rc
verify_annotations(struct verify *v, struct err *err)
{
	bson_t *pipeline = BCON_NEW("pipeline", "[",
	    "{", "$group", "{", "_id", "$folder", "}", "}",
	    "{", "$lookup", "{", "from", "folders", "localField", "_id",
	    "foreignField", "_id", "as", "f", "}", "}",
	    "{", "$match", "{", "f", "[", "]", "}", "}", "]");
	enum rc rc = db_aggregate(v->db, DB_ANNOTATIONS, pipeline,
	    on_lost_annotation, v, err);

	bson_destroy(pipeline);
	return rc;
}

static void
on_acl(void *ctx, const char *what, struct str where, struct str text)
{
	verify_problem(ctx, what, where, "%.*s", STR_ARG(text));
}

enum rc
verify_acls(struct verify *v, struct err *err)
{
	return verify_acl(v->db, on_acl, v, err);
}
