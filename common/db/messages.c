/* The collection `messages`: the immutable facts of stored messages. */
#include <stdlib.h>

#include "db/messages.h"
#include "model/packed.h"

#include "base/banned.h"

/* Ids of one query: a batch stays far under the limit of a document. */
enum { MESSAGE_BATCH = 1000 };

void
message_encode(const struct uuid *owner, const struct message *m, bson_t *doc)
{
	struct str facts, grams;

	packed_split(m->facts, &facts, &grams);
	if (m->grams.p)
		grams = m->grams;
	doc_add_oid(doc, "_id", &m->id);
	doc_add_uuid(doc, "owner", owner);
	doc_add_oid(doc, "blob", &m->blob);
	doc_add_bytes(doc, "prefix", m->prefix);
	doc_add_int(doc, "size", (int64_t)m->size);
	doc_add_bytes(doc, "facts", facts);
	if (grams.p)
		doc_add_bytes(doc, "grams", grams);
	if (!oid_is_zero(&m->queue))
		doc_add_oid(doc, "queue", &m->queue);
}

static struct str
view_bytes(const bson_iter_t *it)
{
	const uint8_t *p;
	uint32_t len;

	if (!BSON_ITER_HOLDS_BINARY(it))
		return STR_NONE;
	bson_iter_binary(it, NULL, &len, &p);
	return str_make(p, len);
}

static void
take_oid(const bson_iter_t *it, struct oid *id)
{
	if (BSON_ITER_HOLDS_OID(it))
		memcpy(id->b, bson_iter_oid(it)->bytes, OID_SIZE);
}

/* Slices of the document, in one pass: a search reads ten thousand. */
static void
decode(const bson_t *doc, struct message *m)
{
	bson_iter_t it;

	*m = (struct message){ .size = 0 };
	if (!bson_iter_init(&it, doc))
		return;
	while (bson_iter_next(&it)) {
		switch (bson_iter_key(&it)[0]) {
		case '_':
			take_oid(&it, &m->id);
			break;
		case 'b':
			take_oid(&it, &m->blob);
			break;
		case 'f':
			m->facts = view_bytes(&it);
			break;
		case 'g':
			m->grams = view_bytes(&it);
			break;
		case 'p':
			m->prefix = view_bytes(&it);
			break;
		case 'q':
			take_oid(&it, &m->queue);
			break;
		case 's':
			m->size = (uint64_t)bson_iter_as_int64(&it);
			break;
		default: /* owner */
			break;
		}
	}
}

struct wanted {
	struct oid id;
	size_t index;
};

struct reading {
	const struct wanted *sorted;
	size_t n;
	bool (*sink)(void *ctx, size_t index, const struct message *m);
	void *ctx;
	bool is_stopped;
};

static int
compare(const void *x, const void *y)
{
	return oid_compare(&((const struct wanted *)x)->id,
	    &((const struct wanted *)y)->id);
}

static bool
on_message(void *ctx, const bson_t *doc)
{
	struct reading *r = ctx;
	const struct wanted *hit;
	struct wanted key = { 0 };
	struct message m;

	decode(doc, &m);
	key.id = m.id;
	hit = bsearch(&key, r->sorted, r->n, sizeof(key), compare);
	if (hit)
		r->is_stopped = !r->sink(r->ctx, hit->index, &m);
	return !r->is_stopped;
}

/* By message_fields. To read few fields is cheaper than to leave some out. */
static const char *const projections[8] = {
	[0] = "{\"_id\": 1}",
	[MESSAGE_HEAD] = "{\"blob\": 1, \"prefix\": 1, \"size\": 1}",
	[MESSAGE_FACTS] = "{\"facts\": 1}",
	[MESSAGE_GRAMS] = "{\"grams\": 1}",
	[MESSAGE_HEAD | MESSAGE_FACTS] = "{\"grams\": 0}",
	[MESSAGE_HEAD | MESSAGE_GRAMS] =
	    "{\"grams\": 1, \"blob\": 1, \"prefix\": 1, \"size\": 1}",
};

static bson_t *
make_options(unsigned fields)
{
	bson_t *opts = BCON_NEW("batchSize", BCON_INT32(MESSAGE_BATCH));
	const char *text = projections[fields];
	bson_t *projection;

	if (!text)
		return opts;
	projection = bson_new_from_json((const uint8_t *)text, -1, NULL);
	BSON_APPEND_DOCUMENT(opts, "projection", projection);
	bson_destroy(projection);
	return opts;
}

static enum rc
read_batch(struct db *db, const struct uuid *owner, const struct oid *ids,
    size_t n, const bson_t *opts, struct reading *r, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, in, array;
	char text[16];
	const char *key;
	size_t i;
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	bson_append_array_begin(&in, "$in", -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string((uint32_t)i, &key, text, sizeof(text));
		doc_add_oid(&array, key, &ids[i]);
	}
	bson_append_array_end(&in, &array);
	bson_append_document_end(&filter, &in);
	rc = db_find(db, DB_MESSAGES, &filter, opts, on_message, r, err);
	bson_destroy(&filter);
	return rc;
}

enum rc
message_read_many(struct db *db, const struct uuid *owner,
    const struct oid *ids, size_t n, unsigned fields,
    bool (*sink)(void *ctx, size_t index, const struct message *m), void *ctx,
    struct err *err)
{
	struct wanted *sorted = mem_alloc(mem_product(n, sizeof(*sorted)));
	struct reading r = { sorted, n, sink, ctx, false };
	bson_t *opts = make_options(fields);
	enum rc rc = RC_OK;
	size_t i, len;

	for (i = 0; i < n; i++)
		sorted[i] = (struct wanted){ ids[i], i };
	qsort(sorted, n, sizeof(*sorted), compare);
	for (i = 0; rc == RC_OK && i < n && !r.is_stopped; i += len) {
		len = n - i < MESSAGE_BATCH ? n - i : MESSAGE_BATCH;
		rc = read_batch(db, owner, ids + i, len, opts, &r, err);
	}
	bson_destroy(opts);
	mem_free(sorted);
	return rc;
}

enum rc
messages_insert(struct db *db, const struct uuid *owner,
    const struct message *v, size_t n, struct err *err)
{
	const bson_t **docs = mem_alloc(mem_product(n, sizeof(*docs)));
	bson_t *made = mem_alloc(mem_product(n, sizeof(*made)));
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < n; i++) {
		bson_init(&made[i]);
		message_encode(owner, &v[i], &made[i]);
		docs[i] = &made[i];
	}
	if (n)
		rc = db_insert_many(
		    db, DB_MESSAGES, docs, n, NULL, err);
	for (i = 0; i < n; i++)
		bson_destroy(&made[i]);
	mem_free(made);
	mem_free(docs);
	return rc;
}

/* --- copies ------------------------------------------------------------------ */

struct copying {
	struct db *db;
	const struct uuid *to;
	const struct oid *new_ids;
	mongoc_bulk_operation_t *bulk;
	size_t n;
};

static bool
copy_one(void *ctx, size_t index, const struct message *m)
{
	struct copying *c = ctx;
	struct message copy = *m;
	bson_t doc = BSON_INITIALIZER;

	copy.id = c->new_ids[index];
	message_encode(c->to, &copy, &doc);
	mongoc_bulk_operation_insert_with_opts(c->bulk, &doc, NULL, NULL);
	bson_destroy(&doc);
	c->n++;
	return true;
}

enum rc
messages_copy(struct db *db, const struct uuid *from, const struct uuid *to,
    const struct oid *ids, const struct oid *new_ids, size_t n,
    struct err *err)
{
	struct copying c = { .db = db, .to = to };
	enum rc rc = RC_OK;
	size_t i, len;

	for (i = 0; rc == RC_OK && i < n; i += len) {
		len = n - i < MESSAGE_BATCH ? n - i : MESSAGE_BATCH;
		if (i)
			db_tell_progress(db, i, n);
		c.new_ids = new_ids + i;
		c.n = 0;
		c.bulk = db_bulk_new(db, DB_MESSAGES);
		rc = message_read_many(db, from, ids + i, len,
		    MESSAGE_HEAD | MESSAGE_FACTS | MESSAGE_GRAMS, copy_one,
		    &c, err);
		if (rc == RC_OK && c.n == len)
			rc = db_bulk_run(db, c.bulk, NULL, err);
		else
			mongoc_bulk_operation_destroy(c.bulk);
		if (rc == RC_OK && c.n != len)
			rc = err_set(err, RC_TEMP, "4.2.0",
			    "a message to be copied has no facts");
	}
	return rc;
}
