/*
 * Every invariant of the store and the queue, read from the documents as
 * they stand. Meant for a system at rest: what changes while it runs may be
 * told as a problem that is none.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "db/queue_doc.h"
#include "db/store_internal.h"
#include "db/verify.h"
#include "db/verify_internal.h"

#include "base/banned.h"

enum { KEY_SIZE = OID_SIZE + 4 };

struct known_blob {
	struct oid id;
	uint64_t size;
	uint32_t n_chunks;
};

struct known_message {
	struct oid id;
	struct uuid owner;
	uint64_t size;
	struct oid blob;
	bool is_shown;   /* an entry has it */
};

struct known_owner {
	struct uuid owner;
	struct str address;
	uint64_t current;
	uint64_t summed;
	bool has_inbox;
};

struct verify {
	struct db *db;
	struct arena *a;       /* of the whole run */
	struct arena *scratch; /* of one document */
	void (*problem)(void *ctx, const char *what, struct str where,
	    struct str text);
	void *ctx;
	struct verify_counts counts;
	VEC(struct known_blob) blobs;
	VEC(struct known_message) messages;
	VEC(struct known_owner) owners;
	bool *blob_is_used;
	/* The folder that is being read. */
	struct folder folder;
	struct str address;
	entry_vec entries;
	uint32_t last_hi;
};

static void problem(struct verify *v, const char *what, struct str where,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
problem(struct verify *v, const char *what, struct str where,
    const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	v->counts.problems++;
	v->problem(v->ctx, what, where, buf_str(&b));
	buf_done(&b);
}

static struct str
name_of(struct verify *v, const struct oid *id)
{
	char text[OID_HEX];

	return arena_dup_str(v->scratch, oid_format(id, text));
}

/* --- what there is --------------------------------------------------------------- */

static bool
on_blob(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct known_blob *b;
	bson_iter_t it;
	const uint8_t *p;
	uint32_t len, n;
	struct oid id;

	if (!bson_iter_init_find(&it, doc, "_id") ||
	    !BSON_ITER_HOLDS_BINARY(&it))
		return true;
	bson_iter_binary(&it, NULL, &len, &p);
	if (len != KEY_SIZE)
		return true;
	memcpy(id.b, p, OID_SIZE);
	n = (uint32_t)p[12] << 24 | (uint32_t)p[13] << 16 |
	    (uint32_t)p[14] << 8 | p[15];
	if (v->blobs.n == 0 ||
	    !oid_equals(&v->blobs.v[v->blobs.n - 1].id, &id))
		VEC_ADD(v->a, &v->blobs)->id = id;
	b = &v->blobs.v[v->blobs.n - 1];
	arena_reset(v->scratch);
	if (n != b->n_chunks)
		problem(v, "blob-chunk", name_of(v, &id),
		    "chunk %u is missing", b->n_chunks);
	b->n_chunks = n + 1;
	b->size += (uint64_t)doc_int(doc, "n");
	return true;
}

static enum rc
read_blobs(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "n", "{", "$binarySize",
	    "$b", "}", "}", "sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc =
	    db_find(v->db, DB_BLOBS, &filter, opts, on_blob, v, err);

	bson_destroy(opts);
	bson_destroy(&filter);
	v->blob_is_used = ARENA_ARRAY(v->a, v->blobs.n + 1, bool);
	v->counts.blobs = v->blobs.n;
	return rc;
}

static int
compare_blobs(const void *x, const void *y)
{
	return oid_compare(&((const struct known_blob *)x)->id,
	    &((const struct known_blob *)y)->id);
}

static const struct known_blob *
use_blob(struct verify *v, const struct oid *id)
{
	struct known_blob key = { .id = *id }, *hit;

	hit = v->blobs.n ? bsearch(&key, v->blobs.v, v->blobs.n, sizeof(key),
			       compare_blobs)
			 : NULL;
	if (hit)
		v->blob_is_used[hit - v->blobs.v] = true;
	return hit;
}

static bool
on_message(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct known_message *m = VEC_ADD(v->a, &v->messages);
	const struct known_blob *b;
	uint64_t prefix;

	arena_reset(v->scratch);
	doc_oid(doc, "_id", &m->id);
	doc_uuid(doc, "owner", &m->owner);
	doc_oid(doc, "blob", &m->blob);
	m->size = (uint64_t)doc_int(doc, "size");
	prefix = (uint64_t)doc_int(doc, "prefix");
	b = use_blob(v, &m->blob);
	if (!b)
		problem(v, "message-blob", name_of(v, &m->id),
		    "its blob %.*s is missing",
		    STR_ARG(name_of(v, &m->blob)));
	else if (m->size != prefix + b->size)
		problem(v, "message-size", name_of(v, &m->id),
		    "size %llu, prefix and blob have %llu",
		    (unsigned long long)m->size,
		    (unsigned long long)prefix + b->size);
	return true;
}

static int
compare_messages(const void *x, const void *y)
{
	return oid_compare(&((const struct known_message *)x)->id,
	    &((const struct known_message *)y)->id);
}

static enum rc
read_messages(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "owner", BCON_INT32(1),
	    "blob", BCON_INT32(1), "size", BCON_INT32(1), "prefix", "{",
	    "$binarySize", "$prefix", "}", "}");
	enum rc rc =
	    db_find(v->db, DB_MESSAGES, &filter, opts, on_message, v, err);

	bson_destroy(opts);
	bson_destroy(&filter);
	if (v->messages.n)
		qsort(v->messages.v, v->messages.n,
		    sizeof(*v->messages.v), compare_messages);
	v->counts.messages = v->messages.n;
	return rc;
}

static bool
on_mailbox(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct known_owner *o;
	struct uuid owner;

	if (!doc_uuid(doc, "owner", &owner))
		return true;
	o = VEC_ADD(v->a, &v->owners);
	o->owner = owner;
	o->address = doc_text_in(v->a, doc, "_id");
	o->current = (uint64_t)doc_int(doc, "size.current");
	return true;
}

static int
compare_owners(const void *x, const void *y)
{
	return uuid_compare(&((const struct known_owner *)x)->owner,
	    &((const struct known_owner *)y)->owner);
}

static enum rc
read_owners(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc = db_find(
	    v->db, DB_MAILBOXES, &filter, NULL, on_mailbox, v, err);

	bson_destroy(&filter);
	if (v->owners.n)
		qsort(v->owners.v, v->owners.n, sizeof(*v->owners.v),
		    compare_owners);
	v->counts.mailboxes = v->owners.n;
	return rc;
}

/* --- folders ------------------------------------------------------------------------- */

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

static void
check_entry(struct verify *v, const struct entry *e)
{
	struct known_message key = { .id = e->message }, *m;
	uint64_t keywords = e->flags >> FLAG_FIRST_KEYWORD;

	m = v->messages.n ? bsearch(&key, v->messages.v, v->messages.n,
				sizeof(key), compare_messages)
			  : NULL;
	if (!m || !uuid_equals(&m->owner, &v->folder.owner))
		problem(v, "entry-message", v->folder.name,
		    "uid %u: its message is missing", e->uid);
	else if (m->is_shown)
		problem(v, "entry-twice", v->folder.name,
		    "uid %u: its message is shown twice", e->uid);
	else if (m->size != e->size)
		problem(v, "entry-size", v->folder.name,
		    "uid %u: size %u, the message has %llu", e->uid, e->size,
		    (unsigned long long)m->size);
	if (m)
		m->is_shown = true;
	if (e->modseq > v->folder.highestmodseq || e->modseq == 0)
		problem(v, "entry-modseq", v->folder.name,
		    "uid %u: modseq %llu is not in 1..%llu", e->uid,
		    (unsigned long long)e->modseq,
		    (unsigned long long)v->folder.highestmodseq);
	if (v->folder.n_keywords < 59 && keywords >> v->folder.n_keywords)
		problem(v, "entry-keyword", v->folder.name,
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
		problem(v, "page-unseen", v->folder.name,
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
		problem(v, "page-length", v->folder.name,
		    "page %u has %zu entries", lo, n);
		return true;
	}
	for (i = from; i < v->entries.n; i++) {
		if (v->entries.v[i].modseq > newest)
			newest = v->entries.v[i].modseq;
	}
	if (v->entries.v[from].uid < lo || lo <= v->last_hi ||
	    v->entries.v[v->entries.n - 1].uid != hi)
		problem(v, "page-range", v->folder.name,
		    "page %u to %u does not hold what it says", lo, hi);
	if ((uint64_t)doc_int(doc, "mod") != newest)
		problem(v, "page-modseq", v->folder.name,
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
		problem(v, what, v->folder.name, "%llu is kept, %llu is true",
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
			problem(v, "uid-order", v->folder.name,
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
	struct known_owner key = { .owner = v->folder.owner }, *o;

	o = v->owners.n ? bsearch(&key, v->owners.v, v->owners.n,
			      sizeof(key), compare_owners)
			: NULL;
	if (!o) {
		problem(v, "folder-owner", v->folder.name,
		    "its mailbox is missing");
		return;
	}
	if (!str_equals(o->address, v->address))
		problem(v, "folder-mailbox", v->folder.name,
		    "belongs to %.*s, the owner is %.*s",
		    STR_ARG(v->address), STR_ARG(o->address));
	o->summed += v->folder.size;
	o->has_inbox |= str_equals(v->folder.name, STR("INBOX"));
}

static enum rc
check_folder(struct verify *v, const struct folder_ref *f, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	entry_vec tail = { 0 };
	bool found;
	size_t i;
	enum rc rc;

	folder_filter(&filter, &f->owner, &f->id);
	rc = db_find_one(
	    v->db, DB_FOLDERS, &filter, NULL, &doc, &found, err);
	bson_destroy(&filter);
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

static enum rc
check_folders(struct verify *v, struct err *err)
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
		problem(v, "page-folder", name_of(v, &folder),
		    "pages of a folder that is not there");
	return true;
}

static enum rc
check_lost_pages(struct verify *v, struct err *err)
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
		problem(v, "annotation-folder", name_of(v, &folder),
		    "annotations of a folder that is not there");
	return true;
}

static enum rc
check_annotations(struct verify *v, struct err *err)
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
	problem(ctx, what, where, "%.*s", STR_ARG(text));
}

static enum rc
check_acls(struct verify *v, struct err *err)
{
	return verify_acl(v->db, on_acl, v, err);
}

/* --- trash and queue ------------------------------------------------------------------ */

static bool
on_trash(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	bson_iter_t it;

	if (!doc_array(doc, "messages", &it))
		return true;
	while (bson_iter_next(&it)) {
		struct known_message key = { 0 }, *m;

		if (!BSON_ITER_HOLDS_OID(&it) || v->messages.n == 0)
			continue;
		memcpy(key.id.b, bson_iter_oid(&it)->bytes, OID_SIZE);
		m = bsearch(&key, v->messages.v, v->messages.n, sizeof(key),
		    compare_messages);
		if (!m)
			continue;
		arena_reset(v->scratch);
		if (m->is_shown)
			problem(v, "trash-shown", name_of(v, &m->id),
			    "a folder shows a message of the trash");
		m->is_shown = true;
	}
	return true;
}

static enum rc
check_trash(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc =
	    db_find(v->db, DB_TRASH, &filter, NULL, on_trash, v, err);
	size_t i;

	bson_destroy(&filter);
	for (i = 0; rc == RC_OK && i < v->messages.n; i++) {
		arena_reset(v->scratch);
		if (!v->messages.v[i].is_shown)
			problem(v, "message-lost",
			    name_of(v, &v->messages.v[i].id),
			    "neither a folder nor the trash has it");
	}
	return rc;
}

static void
check_recipients(struct verify *v, const struct queue_item *item)
{
	struct str states = STR("PDBHX");
	size_t i;

	for (i = 0; i < item->n_recipients; i++) {
		if (!str_has_char(states, (char)item->recipients[i].state))
			problem(v, "queue-state", name_of(v, &item->id),
			    "recipient %zu has an unknown state", i);
	}
	if (item->n_recipients == 0)
		problem(v, "queue-recipients", name_of(v, &item->id),
		    "no recipient");
}

/* The blob, or the octets in the document itself. */
static void
check_blob(struct verify *v, const struct queue_item *item)
{
	const struct known_blob *b = use_blob(v, &item->blob);
	uint64_t size = b ? b->size : item->body.len;

	if (!b && item->body.len == 0)
		problem(v, "queue-blob", name_of(v, &item->id),
		    "its blob is missing");
	else if (size != item->size)
		problem(v, "queue-size", name_of(v, &item->id),
		    "size %llu, the blob has %llu",
		    (unsigned long long)item->size,
		    (unsigned long long)size);
}

static bool
on_queue(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct queue_item item;

	arena_reset(v->scratch);
	queue_decode(v->scratch, doc, &item);
	v->counts.queue++;
	check_blob(v, &item);
	if (item.bucket >= QUEUE_BUCKETS)
		problem(v, "queue-bucket", name_of(v, &item.id),
		    "bucket %u", item.bucket);
	if (!item.held && item.next_ms >= QUEUE_NEVER_MS)
		problem(v, "queue-stranded", name_of(v, &item.id),
		    "never due and not held");
	check_recipients(v, &item);
	return true;
}

static enum rc
check_queue(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc =
	    db_find(v->db, DB_QUEUE, &filter, NULL, on_queue, v, err);

	bson_destroy(&filter);
	return rc;
}

static void
check_owners(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->owners.n; i++) {
		struct known_owner *o = &v->owners.v[i];

		if (o->current != o->summed)
			problem(v, "quota", o->address,
			    "%llu is kept, the folders have %llu",
			    (unsigned long long)o->current,
			    (unsigned long long)o->summed);
		if (!o->has_inbox)
			problem(v, "inbox", o->address, "there is no INBOX");
	}
}

static bool
on_domain(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;

	arena_reset(v->scratch);
	problem(v, "domain-count", doc_text_in(v->scratch, doc, "_id"),
	    "%lld addresses are kept, %lld are there",
	    (long long)doc_int(doc, "addresses"),
	    (long long)doc_int(doc, "n"));
	return true;
}

static enum rc
check_domains(struct verify *v, struct err *err)
{
	bson_t *pipeline = BCON_NEW("pipeline", "[",
	    "{", "$lookup", "{", "from", "mailboxes", "localField", "_id",
	    "foreignField", "domain", "as", "m", "}", "}",
	    "{", "$project", "{", "addresses", "{", "$ifNull", "[",
	    "$addresses", BCON_INT64(0), "]", "}", "n", "{", "$size", "$m",
	    "}", "}", "}",
	    "{", "$match", "{", "$expr", "{", "$ne", "[", "$addresses", "$n",
	    "]", "}", "}", "}", "]");
	enum rc rc = db_aggregate(
	    v->db, DB_DOMAINS, pipeline, on_domain, v, err);

	bson_destroy(pipeline);
	return rc;
}

static void
count_orphans(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->blobs.n; i++)
		v->counts.orphan_blobs += !v->blob_is_used[i];
}

typedef enum rc verify_step(struct verify *v, struct err *err);

static verify_step *const steps[] = { read_blobs, read_messages, read_owners,
	check_folders, check_lost_pages, check_annotations, check_acls,
	check_trash, check_queue, check_domains };

enum rc
verify_run(struct db *db,
    void (*on_problem)(void *ctx, const char *what, struct str where,
	struct str text),
    void *ctx, struct verify_counts *ret_counts, struct err *err)
{
	struct verify v = { .db = db, .a = arena_new(),
		.scratch = arena_new(), .problem = on_problem, .ctx = ctx };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < sizeof(steps) / sizeof(*steps); i++)
		rc = steps[i](&v, err);
	if (rc == RC_OK) {
		check_owners(&v);
		count_orphans(&v);
		*ret_counts = v.counts;
	}
	arena_free(v.scratch);
	arena_free(v.a);
	return rc;
}
