/* The queue for people: listing, holding, releasing, deleting. */
#include "base/vec.h"
#include "db/queue_doc.h"

#include "base/banned.h"

struct listing {
	struct arena *a;
	const struct queue_filter *filter;
	VEC(struct queue_item) v;
};

static struct str
domain_of(struct str address)
{
	return str_tail(address, str_find_last_char(address, '@') + 1);
}

static bool
recipient_matches(
    const struct queue_filter *f, const struct queue_recipient *r)
{
	if (!str_is_empty(f->recipient) &&
	    !str_equals_nocase(r->address, f->recipient))
		return false;
	if (!str_is_empty(f->domain) &&
	    !str_equals_nocase(domain_of(r->address), f->domain))
		return false;
	if (!str_is_empty(f->error) &&
	    str_find_nocase(r->text, f->error) == r->text.len)
		return false;
	return true;
}

/* Text is compared here: no user text becomes an operator. */
static bool
matches(const struct queue_filter *f, const struct queue_item *item)
{
	size_t i;

	if (!str_is_empty(f->sender) &&
	    !str_equals_nocase(item->sender, f->sender))
		return false;
	if (f->state && (f->state == 'H') != item->held)
		return false;
	for (i = 0; i < item->n_recipients; i++) {
		if (recipient_matches(f, &item->recipients[i]))
			return true;
	}
	return item->n_recipients == 0;
}

static bool
on_item(void *ctx, const bson_t *doc)
{
	struct listing *l = ctx;
	struct queue_item item;

	queue_decode(l->a, doc, &item);
	if (matches(l->filter, &item))
		VEC_PUSH(l->a, &l->v, item);
	return l->filter->limit == 0 || l->v.n < l->filter->limit;
}

static bson_t *
list_options(bool whole)
{
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");

	if (!whole)
		BCON_APPEND(opts, "projection", "{", "facts", BCON_INT32(0),
		    "body", BCON_INT32(0),
		    "recipients.transcript", BCON_INT32(0), "}");
	return opts;
}

enum rc
queue_list(struct db *db, struct arena *a, const struct queue_filter *f,
    bool whole, struct queue_item **ret_v, size_t *ret_n, struct err *err)
{
	struct listing l = { .a = a, .filter = f };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = list_options(whole);
	int64_t now_ms;
	enum rc rc = db_now(db, &now_ms, err);

	if (!oid_is_zero(&f->id))
		doc_add_oid(&filter, "_id", &f->id);
	if (f->older_than_ms && rc == RC_OK)
		BCON_APPEND(&filter, "created_at", "{", "$lte",
		    BCON_DATE_TIME(now_ms - f->older_than_ms), "}");
	if (rc == RC_OK)
		rc = db_find(
		    db, DB_QUEUE, &filter, opts, on_item, &l, err);
	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_v = l.v.v;
	*ret_n = l.v.n;
	return RC_OK;
}

/* Each raises the epoch: a worker whose lease has ended loses it. */
static bson_t *
action_update(enum queue_action action)
{
	bson_t *update =
	    BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}");
	bson_t set;

	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
	if (action == QUEUE_HOLD) {
		queue_add_hold(&set, STR("held by m3mta queue hold"));
	} else {
		BSON_APPEND_BOOL(&set, "held", false);
		BSON_APPEND_BOOL(&set, "leased", false);
		bson_append_date_time(&set, "next_at", -1, 0);
		doc_add_text(&set, "reason", STR(""));
		doc_add_int(&set, "starts", 0);
	}
	if (action == QUEUE_RELEASE)
		BSON_APPEND_BOOL(&set, "released", true);
	if (action == QUEUE_BOUNCE)
		bson_append_date_time(&set, "expires_at", -1, 0);
	bson_append_document_end(update, &set);
	return update;
}

/* A living lease: somebody may be sending it at this moment. */
static void
add_is_free(bson_t *filter)
{
	BCON_APPEND(filter, "$or", "[", "{", "leased", "{", "$ne",
	    BCON_BOOL(true), "}", "}", "{", "$expr", "{", "$lte", "[",
	    "$next_at", "$$NOW", "]", "}", "}", "]");
}

/* Is it there at all? Also its bucket. */
static enum rc
find_acted(struct db *db, const struct oid *id, enum queue_acted *ret,
    uint32_t *ret_bucket, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *opts =
	    BCON_NEW("projection", "{", "bucket", BCON_INT32(1), "}");
	bool found = false;
	enum rc rc;

	doc_add_oid(&filter, "_id", id);
	rc = db_find_one(db, DB_QUEUE, &filter, opts, &doc, &found, err);
	bson_destroy(opts);
	if (rc == RC_OK && found) {
		*ret = QUEUE_LEASED;
		*ret_bucket = (uint32_t)doc_int(&doc, "bucket");
		bson_destroy(&doc);
	}
	bson_destroy(&filter);
	return rc;
}

enum rc
queue_act(struct db *db, const struct oid *id, enum queue_action action,
    enum queue_acted *ret, uint32_t *ret_bucket, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *update;
	int64_t n = 0;
	enum rc rc;

	*ret = QUEUE_GONE;
	rc = find_acted(db, id, ret, ret_bucket, err);
	if (rc != RC_OK || *ret == QUEUE_GONE)
		return rc;
	doc_add_oid(&filter, "_id", id);
	BSON_APPEND_INT32(&filter, "bucket", (int32_t)*ret_bucket);
	add_is_free(&filter);
	update = action_update(action);
	rc = action == QUEUE_DELETE
	    ? db_delete_one(db, DB_QUEUE, &filter, &n, err)
	    : db_update_one(db, DB_QUEUE, &filter, update, NULL, &n, err);
	if (rc == RC_OK && n)
		*ret = QUEUE_ACTED;
	bson_destroy(update);
	bson_destroy(&filter);
	return rc;
}
