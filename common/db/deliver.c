/*
 * Local delivery, exactly once. A batch is one transaction of at most five
 * round trips, whatever mailboxes it touches: queue (under the fence of each
 * lease), quotas, folders, messages. When a statement of it matches nothing,
 * or conflicts go on, each delivery gets a transaction of its own, so that
 * one full mailbox does not stop the others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/limits.h"
#include "db/deliver.h"
#include "db/directory.h"
#include "db/incoming.h"
#include "db/messages.h"
#include "db/queue_doc.h"
#include "db/tail.h"

#include "base/banned.h"

struct batch {
	struct delivery **v;  /* sorted by mailbox and folder */
	size_t n;
	struct arena *a;
	bool is_split;        /* one of the statements matched nothing */
	enum deliver_result why;
	int64_t now_ms;
};

static struct str
folder_of(const struct delivery *d)
{
	return str_is_empty(d->folder) ? STR("INBOX") : d->folder;
}

static uint64_t
size_of(const struct delivery *d)
{
	return d->prefix.len +
	    (d->content ? d->content->size : d->item->size);
}

/* --- the queue ------------------------------------------------------------------ */

static bool
is_delivered(const struct batch *b, const struct queue_item *item, size_t r)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (b->v[i]->item == item && b->v[i]->recipient == r)
			return true;
	}
	return false;
}

/* Nothing is left to be done or to be told about the message. */
static bool
ends_item(const struct batch *b, const struct queue_item *item)
{
	size_t i;

	for (i = 0; i < item->n_recipients; i++) {
		if (item->recipients[i].notify & NOTIFY_SUCCESS)
			return false;
		if (item->recipients[i].state == RECIPIENT_PENDING &&
		    !is_delivered(b, item, i))
			return false;
	}
	return true;
}

static void
add_outcome(const struct batch *b, const struct queue_item *item,
    mongoc_bulk_operation_t *bulk)
{
	bson_t fence = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	size_t i;

	queue_fence(&fence, item);
	if (ends_item(b, item)) {
		mongoc_bulk_operation_remove_one_with_opts(
		    bulk, &fence, NULL, NULL);
		bson_destroy(&fence);
		return;
	}
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	for (i = 0; i < b->n; i++) {
		struct queue_recipient r;

		if (b->v[i]->item != item)
			continue;
		r = item->recipients[b->v[i]->recipient];
		r.state = RECIPIENT_DELIVERED;
		r.code = 250;
		r.status = STR("2.1.5");
		r.text = b->v[i]->text;
		r.host = b->v[i]->mailbox; /* whose copy it is */
		r.tries++;
		r.last_ms = b->now_ms;
		queue_set_recipient(&set, b->v[i]->recipient, &r);
	}
	bson_append_document_end(&change, &set);
	mongoc_bulk_operation_update_one_with_opts(
	    bulk, &fence, &change, NULL, NULL);
	bson_destroy(&change);
	bson_destroy(&fence);
}

/* Runs the statements; fewer matches than statements split the batch. */
static enum rc
run_counted(struct batch *b, struct db *db, mongoc_bulk_operation_t *bulk,
    int64_t wanted, enum deliver_result why, struct err *err)
{
	int64_t matched = 0;
	enum rc rc = db_bulk_run(db, bulk, &matched, err);

	if (rc == RC_OK && matched < wanted) {
		b->is_split = db->is_void = true;
		b->why = why;
	}
	return rc;
}

static bool
is_first_of_item(const struct batch *b, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (b->v[j]->item == b->v[i]->item)
			return false;
	}
	return true;
}

static enum rc
write_queue(struct batch *b, struct db *db, struct err *err)
{
	mongoc_bulk_operation_t *bulk = db_bulk_new(db, DB_QUEUE);
	int64_t wanted = 0;
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (is_first_of_item(b, i)) {
			add_outcome(b, b->v[i]->item, bulk);
			wanted++;
		}
	}
	return run_counted(b, db, bulk, wanted, DELIVER_LOST, err);
}

/* --- quotas ------------------------------------------------------------------------ */

static size_t
same_mailbox(const struct batch *b, size_t from)
{
	size_t i;

	for (i = from + 1; i < b->n; i++) {
		if (!uuid_equals(&b->v[i]->owner, &b->v[from]->owner))
			break;
	}
	return i;
}

static void
add_quota(const struct delivery *d, int64_t octets,
    mongoc_bulk_operation_t *bulk)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *inc = BCON_NEW(
	    "$inc", "{", "size.current", BCON_INT64(octets), "}");

	doc_add_text(&filter, "_id", d->mailbox);
	doc_add_uuid(&filter, "owner", &d->owner);
	BCON_APPEND(&filter, "disabled", BCON_BOOL(false), "$expr", "{",
	    "$or", "[",
	    "{", "$eq", "[", "$size.maximum", BCON_INT64(0), "]", "}",
	    "{", "$lte", "[", "{", "$add", "[", "$size.current",
	    BCON_INT64(octets), "]", "}", "$size.maximum", "]", "}",
	    "]", "}");
	mongoc_bulk_operation_update_one_with_opts(
	    bulk, &filter, inc, NULL, NULL);
	bson_destroy(inc);
	bson_destroy(&filter);
}

static enum rc
write_quotas(struct batch *b, struct db *db, struct err *err)
{
	mongoc_bulk_operation_t *bulk = db_bulk_new(db, DB_MAILBOXES);
	int64_t wanted = 0, octets;
	size_t i, j, end;

	for (i = 0; i < b->n; i = end) {
		end = same_mailbox(b, i);
		for (octets = 0, j = i; j < end; j++)
			octets += (int64_t)size_of(b->v[j]);
		add_quota(b->v[i], octets, bulk);
		wanted++;
	}
	return run_counted(b, db, bulk, wanted, DELIVER_FULL, err);
}

/* --- folders ------------------------------------------------------------------------- */

static bool
is_same_folder(const struct delivery *x, const struct delivery *y)
{
	return uuid_equals(&x->owner, &y->owner) &&
	    str_equals(folder_of(x), folder_of(y));
}

/* The append of n messages to one folder, as one atomic pipeline update. */
static void
add_append(const struct batch *b, size_t from, size_t end,
    const struct oid *messages, mongoc_bulk_operation_t *bulk)
{
	struct entry *v = ARENA_ARRAY(b->a, end - from, struct entry);
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER;
	size_t i;

	for (i = from; i < end; i++) {
		struct entry *e = &v[i - from];

		e->flags = b->v[i]->flags;
		e->message = messages[i];
		e->size = (uint32_t)size_of(b->v[i]);
		entry_set_times(e, b->now_ms / 1000, b->now_ms / 1000);
	}
	doc_add_uuid(&filter, "owner", &b->v[from]->owner);
	doc_add_text(&filter, "name", folder_of(b->v[from]));
	BSON_APPEND_BOOL(&filter, "noselect", false);
	tail_append(&change, v, end - from);
	mongoc_bulk_operation_update_one_with_opts(
	    bulk, &filter, &change, NULL, NULL);
	bson_destroy(&change);
	bson_destroy(&filter);
}

static enum rc
write_folders(struct batch *b, struct db *db, const struct oid *messages,
    struct err *err)
{
	mongoc_bulk_operation_t *bulk = db_bulk_new(db, DB_FOLDERS);
	int64_t wanted = 0;
	size_t i, end;

	for (i = 0; i < b->n; i = end) {
		for (end = i + 1; end < b->n; end++) {
			if (!is_same_folder(b->v[i], b->v[end]))
				break;
		}
		add_append(b, i, end, messages, bulk);
		wanted++;
	}
	return run_counted(b, db, bulk, wanted, DELIVER_NO_FOLDER, err);
}

/* --- messages -------------------------------------------------------------------------- */

/* What filters wrote is referred to by nothing yet; the rest by the queue. */
static enum rc
deliver_refer(struct batch *b, struct db *db, struct err *err)
{
	struct oid *v = ARENA_ARRAY(b->a, b->n, struct oid);
	size_t i, k, n = 0;

	for (i = 0; i < b->n; i++) {
		if (!b->v[i]->content)
			continue;
		for (k = 0; k < n; k++) {
			if (oid_equals(&v[k], &b->v[i]->content->blob))
				break;
		}
		if (k == n)
			v[n++] = b->v[i]->content->blob;
	}
	return incoming_refer(db, v, n, err);
}

static enum rc
write_messages(struct batch *b, struct db *db, const struct oid *ids,
    struct err *err)
{
	mongoc_bulk_operation_t *bulk = db_bulk_new(db, DB_MESSAGES);
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct delivery *d = b->v[i];
		bson_t doc = BSON_INITIALIZER;
		struct message m = { .id = ids[i], .blob = d->item->blob,
			.prefix = d->prefix, .size = size_of(d),
			.facts = d->item->facts, .queue = d->item->id };

		if (d->content) {
			m.blob = d->content->blob;
			m.facts = d->content->facts;
		}
		message_encode(&d->owner, &m, &doc);
		mongoc_bulk_operation_insert_with_opts(bulk, &doc, NULL, NULL);
		bson_destroy(&doc);
	}
	return db_bulk_run(db, bulk, NULL, err);
}

static enum rc
deliver_replies(struct batch *b, struct db *db, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < b->n; i++) {
		if (b->v[i]->reply)
			rc = queue_add_report(db, b->v[i]->reply,
			    &b->v[i]->item->blob, err);
	}
	return rc;
}

static enum rc
deliver(struct db *db, void *ctx, struct err *err)
{
	struct batch *b = ctx;
	struct oid *messages;
	enum rc rc;
	size_t i;

	arena_reset(b->a);
	messages = ARENA_ARRAY(b->a, b->n, struct oid);
	for (i = 0; i < b->n; i++)
		messages[i] = oid_new();
	b->is_split = false;
	if ((rc = write_queue(b, db, err)) != RC_OK || b->is_split ||
	    (rc = write_quotas(b, db, err)) != RC_OK || b->is_split ||
	    (rc = write_folders(b, db, messages, err)) != RC_OK ||
	    b->is_split)
		return rc;
	FAULT_POINT("mda-in-txn");
	if ((rc = deliver_refer(b, db, err)) != RC_OK ||
	    (rc = deliver_replies(b, db, err)) != RC_OK)
		return rc;
	return write_messages(b, db, messages, err);
}

/* --- tails over the limit ----------------------------------------------------------------- */

struct long_tails {
	struct arena *a;
	VEC(struct folder) v;
};

static bool
on_long_tail(void *ctx, const bson_t *doc)
{
	struct long_tails *t = ctx;
	struct folder *f = VEC_ADD(t->a, &t->v);

	doc_uuid(doc, "owner", &f->owner);
	doc_oid(doc, "_id", &f->id);
	return true;
}

/* Not part of the delivery: whoever crosses the limit next repeats it. */
static void
roll_tails(struct batch *b, struct db *db)
{
	struct long_tails tails = { .a = b->a };
	bson_t filter = BSON_INITIALIZER, owners, array;
	bson_t *opts =
	    BCON_NEW("projection", "{", "owner", BCON_INT32(1), "}");
	char key[32];
	struct err unused;
	size_t i;

	arena_reset(b->a);
	BSON_APPEND_DOCUMENT_BEGIN(&filter, "owner", &owners);
	bson_append_array_begin(&owners, "$in", -1, &array);
	for (i = 0; i < b->n; i = same_mailbox(b, i)) {
		snprintf(key, sizeof(key), "%zu", i);
		doc_add_uuid(&array, key, &b->v[i]->owner);
	}
	bson_append_array_end(&owners, &array);
	bson_append_document_end(&filter, &owners);
	snprintf(key, sizeof(key), "tail.%d", LIMIT_TAIL);
	BCON_APPEND(&filter, key, "{", "$exists", BCON_BOOL(true), "}");
	if (db_find(db, DB_FOLDERS, &filter, opts, on_long_tail, &tails,
		&unused) == RC_OK) {
		for (i = 0; i < tails.v.n; i++)
			(void)folder_roll(db, &tails.v.v[i].owner,
			    &tails.v.v[i].id, &unused);
	}
	bson_destroy(opts);
	bson_destroy(&filter);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int
compare(const void *x, const void *y)
{
	const struct delivery *a = *(struct delivery *const *)x;
	const struct delivery *b = *(struct delivery *const *)y;
	int n = uuid_compare(&a->owner, &b->owner);

	return n ? n : str_compare(folder_of(a), folder_of(b));
}

static void
set_results(struct batch *b, enum deliver_result result)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		b->v[i]->ret_result = result;
		b->v[i]->ret_is_last =
		    result == DELIVER_DONE && ends_item(b, b->v[i]->item);
	}
}

/* Each alone: what fails now is told apart. */
static enum rc
deliver_each(struct batch *all, struct db *db, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < all->n; i++) {
		struct batch one = *all;

		one.v = &all->v[i];
		one.n = 1;
		rc = db_txn_run(db, deliver, &one, DB_COMMIT_MS, err);
		if (rc == RC_OK)
			set_results(&one,
			    one.is_split ? one.why : DELIVER_DONE);
	}
	return rc;
}

/*
 * What could not be counted was no room, or no mailbox: it is disabled, gone,
 * or another's since somebody looked.
 */
static enum rc
deliver_tell_apart(struct batch *b, struct db *db, struct err *err)
{
	struct mailbox *m;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < b->n; i++) {
		struct delivery *d = b->v[i];

		if (d->ret_result != DELIVER_FULL)
			continue;
		arena_reset(b->a);
		d->ret_result = DELIVER_NOT_TRIED;
		rc = mailbox_find(db, b->a, d->mailbox, &m, err);
		if (rc != RC_OK)
			break;
		d->ret_result = m && !m->disabled &&
			uuid_equals(&m->owner, &d->owner)
		    ? DELIVER_FULL
		    : DELIVER_GONE;
	}
	return rc;
}

enum rc
deliver_batch(struct db *db, struct delivery *v, size_t n, struct err *err)
{
	struct batch b = { .n = n, .a = arena_new() };
	enum rc rc = db_now(db, &b.now_ms, err);
	size_t i;

	b.v = mem_alloc(mem_product(n, sizeof(struct delivery *)));
	for (i = 0; i < n; i++) {
		b.v[i] = &v[i];
		v[i].ret_result = DELIVER_NOT_TRIED;
		v[i].ret_is_last = false;
	}
	qsort(b.v, n, sizeof(*b.v), compare);
	if (rc == RC_OK && n)
		rc = db_txn_run(db, deliver, &b, DB_COMMIT_MS, err);
	if (rc == RC_OK && b.is_split && n > 1)
		rc = deliver_each(&b, db, err);
	else if (rc == RC_OK)
		set_results(&b, b.is_split ? b.why : DELIVER_DONE);
	if (rc == RC_OK)
		rc = deliver_tell_apart(&b, db, err);
	if (n)
		roll_tails(&b, db);
	mem_free(b.v);
	arena_free(b.a);
	return rc;
}
