/* Trash, queue and domains; see verify.c. */
#include <stdlib.h>

#include "db/queue_doc.h"
#include "db/verify_internal.h"

#include "base/banned.h"

static bool
on_trash(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct uuid owner = { { 0 } };
	struct known_owner *o;
	bson_iter_t it;

	doc_uuid(doc, "owner", &owner);
	o = verify_find_owner(v, &owner);
	if (o)
		o->expunged_summed += doc_int(doc, "size");
	if (!doc_array(doc, "messages", &it))
		return true;
	while (bson_iter_next(&it)) {
		struct known_message key = { 0 }, *m;

		if (!BSON_ITER_HOLDS_OID(&it) || v->messages.n == 0)
			continue;
		memcpy(key.id.b, bson_iter_oid(&it)->bytes, OID_SIZE);
		m = bsearch(&key, v->messages.v, v->messages.n, sizeof(key),
		    verify_compare_messages);
		if (!m)
			continue;
		arena_reset(v->scratch);
		if (m->is_shown)
			verify_problem(v, "trash-shown", verify_name(v, &m->id),
			    "a folder shows a message of the trash");
		m->is_shown = true;
	}
	return true;
}

enum rc
verify_trash(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc =
	    db_find(v->db, DB_TRASH, &filter, NULL, on_trash, v, err);
	size_t i;

	bson_destroy(&filter);
	for (i = 0; rc == RC_OK && i < v->messages.n; i++) {
		arena_reset(v->scratch);
		if (!v->messages.v[i].is_shown)
			verify_problem(v, "message-lost",
			    verify_name(v, &v->messages.v[i].id),
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
			verify_problem(v, "queue-state", verify_name(v, &item->id),
			    "recipient %zu has an unknown state", i);
	}
	if (item->n_recipients == 0)
		verify_problem(v, "queue-recipients", verify_name(v, &item->id),
		    "no recipient");
}

/* The blob, or the octets in the document itself. */
static void
check_blob(struct verify *v, const struct queue_item *item)
{
	const struct known_blob *b = verify_use_blob(v, &item->blob);
	uint64_t size = b ? b->size : item->body.len;

	if (!b && item->body.len == 0)
		verify_problem(v, "queue-blob", verify_name(v, &item->id),
		    "its blob is missing");
	else if (size != item->size)
		verify_problem(v, "queue-size", verify_name(v, &item->id),
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
		verify_problem(v, "queue-bucket", verify_name(v, &item.id),
		    "bucket %u", item.bucket);
	if (!item.held && item.next_ms >= QUEUE_NEVER_MS)
		verify_problem(v, "queue-stranded", verify_name(v, &item.id),
		    "never due and not held");
	check_recipients(v, &item);
	return true;
}

enum rc
verify_queue(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc =
	    db_find(v->db, DB_QUEUE, &filter, NULL, on_queue, v, err);

	bson_destroy(&filter);
	return rc;
}

static bool
on_domain(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;

	arena_reset(v->scratch);
	verify_problem(v, "domain-count", doc_text_in(v->scratch, doc, "_id"),
	    "%lld addresses are kept, %lld are there",
	    (long long)doc_int(doc, "addresses"),
	    (long long)doc_int(doc, "n"));
	return true;
}

enum rc
verify_domains(struct verify *v, struct err *err)
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
