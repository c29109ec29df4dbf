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

/* Each raises the epoch: a worker who has the message loses it. */
static bson_t *
action_update(enum queue_action action)
{
	switch (action) {
	case QUEUE_HOLD:
		return BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}",
		    "$set", "{", "held", BCON_BOOL(true), "next_at",
		    BCON_DATE_TIME(QUEUE_NEVER_MS), "}");
	case QUEUE_RELEASE:
		return BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}",
		    "$set", "{", "held", BCON_BOOL(false), "released",
		    BCON_BOOL(true), "starts", BCON_INT64(0), "next_at",
		    BCON_DATE_TIME(0), "}");
	case QUEUE_RETRY:
		return BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}",
		    "$set", "{", "held", BCON_BOOL(false), "starts",
		    BCON_INT64(0), "next_at", BCON_DATE_TIME(0), "}");
	case QUEUE_BOUNCE:
		return BCON_NEW("$inc", "{", "epoch", BCON_INT64(1), "}",
		    "$set", "{", "held", BCON_BOOL(false), "starts",
		    BCON_INT64(0), "next_at", BCON_DATE_TIME(0),
		    "expires_at", BCON_DATE_TIME(0), "}");
	case QUEUE_DELETE:
		break;
	}
	return NULL;
}

enum rc
queue_act(struct db *db, const struct oid *id, enum queue_action action,
    bool *ret_done, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *update = action_update(action);
	int64_t n = 0;
	enum rc rc;

	doc_add_oid(&filter, "_id", id);
	if (update)
		rc = db_update_one(
		    db, DB_QUEUE, &filter, update, NULL, &n, err);
	else
		rc = db_delete_one(db, DB_QUEUE, &filter, &n, err);
	bson_destroy(update);
	bson_destroy(&filter);
	if (rc == RC_OK)
		*ret_done = n > 0;
	return rc;
}
