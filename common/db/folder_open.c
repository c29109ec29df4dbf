/*
 * A folder as SELECT needs it: with the sequence number of the first unseen
 * message, in the one round trip that finds the folder. When all unseen
 * messages are in the tail (or none are anywhere) nothing but the folder is
 * read. Else the pages' own counts tell: an index has them, so that of a big
 * folder some hundred keys are read and no page. See ARCHITECTURE.md, "The
 * store".
 */
#include "db/store_internal.h"

#include "base/banned.h"

/* Flags of the tail; `look`: the folder when pages must be asked, else 0. */
static const char project_folder[] =
    "{\"$set\": {\"flags\": \"$tail.f\", \"look\": {\"$cond\": [{\"$eq\": ["
    "\"$unseen\", {\"$size\": {\"$filter\": {\"input\": \"$tail\", \"cond\":"
    " {\"$eq\": [{\"$mod\": [\"$$this.f\", 2]}, 0]}}}}]}, 0, \"$_id\"]}}}";

static const char drop_tail[] = "{\"$unset\": \"tail\"}";

/* How many messages are in the pages before each, and in all of them. */
static const char sum_pages[] =
    "{\"$setWindowFields\": {\"sortBy\": {\"lo\": 1}, \"output\": {"
    "\"before\": {\"$sum\": \"$n\","
    " \"window\": {\"documents\": [\"unbounded\", -1]}},"
    "\"all\": {\"$sum\": \"$n\","
    " \"window\": {\"documents\": [\"unbounded\", \"unbounded\"]}},"
    "\"unseen\": {\"$sum\": \"$un\","
    " \"window\": {\"documents\": [\"unbounded\", \"unbounded\"]}}}}}";

static const char only_counts[] =
    "{\"$project\": {\"_id\": 0, \"lo\": 1, \"n\": 1, \"un\": 1,"
    " \"first\": 1}}";
static const char with_unseen[] = "{\"$match\": {\"un\": {\"$gt\": 0}}}";
static const char in_order[] = "{\"$sort\": {\"lo\": 1}}";
static const char only_one[] = "{\"$limit\": 1}";

struct stages {
	bson_t *array;
	uint32_t n;
};

static void
add_stage(struct stages *s, const bson_t *doc)
{
	char text[16];
	const char *key;

	bson_uint32_to_string(s->n++, &key, text, sizeof(text));
	BSON_APPEND_DOCUMENT(s->array, key, doc);
}

static void
add_json(struct stages *s, const char *json)
{
	bson_t *doc = doc_from_json(json);

	add_stage(s, doc);
	bson_destroy(doc);
}

static void
add_match(struct stages *s, const bson_t *filter)
{
	bson_t doc = BSON_INITIALIZER;

	BSON_APPEND_DOCUMENT(&doc, "$match", filter);
	add_stage(s, &doc);
	bson_destroy(&doc);
}

/* The first page with an unseen message, with the sums. */
static void
add_lookup(struct stages *s, const struct uuid *owner)
{
	bson_t doc = BSON_INITIALIZER, filter = BSON_INITIALIZER;
	bson_t lookup, pipeline;
	struct stages inner = { &pipeline, 0 };

	doc_add_uuid(&filter, "owner", owner);
	BSON_APPEND_DOCUMENT_BEGIN(&doc, "$lookup", &lookup);
	BCON_APPEND(&lookup, "from", BCON_UTF8(db_coll_name(DB_PAGES)),
	    "localField", BCON_UTF8("look"), "foreignField",
	    BCON_UTF8("folder"), "as", BCON_UTF8("page"));
	bson_append_array_begin(&lookup, "pipeline", -1, &pipeline);
	add_match(&inner, &filter);
	add_json(&inner, in_order);
	add_json(&inner, only_counts);
	add_json(&inner, sum_pages);
	add_json(&inner, with_unseen);
	add_json(&inner, only_one);
	bson_append_array_end(&lookup, &pipeline);
	bson_append_document_end(&doc, &lookup);
	add_stage(s, &doc);
	bson_destroy(&filter);
	bson_destroy(&doc);
}

/* --- what comes back ---------------------------------------------------------- */

struct opening {
	struct arena *a;
	struct folder *folder;
};

struct tail {
	uint32_t n;
	uint32_t unseen;
	uint32_t first;  /* index of the first unseen one */
};

static struct tail
read_tail(const bson_t *doc)
{
	struct tail t = { 0 };
	bson_iter_t it;

	if (!doc_array(doc, "flags", &it))
		return t;
	while (bson_iter_next(&it)) {
		if (!(bson_iter_as_int64(&it) & FLAG_SEEN) && !t.unseen++)
			t.first = t.n;
		t.n++;
	}
	return t;
}

/*
 * Folder and pages are not read at one moment. Only when the sums are the
 * folder's the number is right; else it stays unknown, as it may.
 */
static uint32_t
first_in_pages(
    const struct folder *f, const struct tail *t, const bson_t *page)
{
	int64_t all = doc_int(page, "all") + t->n;
	int64_t unseen = doc_int(page, "unseen") + t->unseen;

	if (all != f->exists || unseen != f->unseen)
		return 0;
	return (uint32_t)(doc_int(page, "before") + doc_int(page, "first") +
	    1);
}

static uint32_t
first_unseen(const struct folder *f, const bson_t *doc)
{
	struct tail t = read_tail(doc);
	bson_iter_t pages;
	bson_t page;

	if (f->unseen == 0)
		return 0;
	if (t.unseen == f->unseen && t.n <= f->exists)
		return f->exists - t.n + t.first + 1;
	if (doc_array(doc, "page", &pages) && doc_array_next(&pages, &page))
		return first_in_pages(f, &t, &page);
	return 0;
}

static bool
on_folder(void *ctx, const bson_t *doc)
{
	struct opening *o = ctx;

	o->folder = ARENA_NEW(o->a, struct folder);
	folder_decode(o->a, doc, o->folder);
	o->folder->first_unseen = first_unseen(o->folder, doc);
	return false;
}

enum rc
folder_open(struct db *db, struct arena *a, const struct uuid *owner,
    struct str name, struct folder **ret_folder, struct err *err)
{
	struct opening o = { .a = a };
	bson_t pipeline = BSON_INITIALIZER, filter = BSON_INITIALIZER;
	struct stages stages = { &pipeline, 0 };
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	doc_add_text(&filter, "name", name);
	add_match(&stages, &filter);
	add_json(&stages, project_folder);
	add_json(&stages, drop_tail);
	add_lookup(&stages, owner);
	rc = db_aggregate(db, DB_FOLDERS, &pipeline, on_folder, &o, err);
	bson_destroy(&filter);
	bson_destroy(&pipeline);
	if (rc == RC_OK)
		*ret_folder = o.folder;
	return rc;
}
