/* The queue: acceptance and outcomes; claims are in queue_claim.c. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/vec.h"
#include "db/incoming.h"
#include "db/once.h"
#include "db/queue_doc.h"

#include "base/banned.h"

/*
 * Again until it is known to be stored. Between two tries the process may
 * have stood still for an hour: the clock is asked after the pause.
 */
static enum rc
queue_insert_document(struct db *db, const bson_t *doc, int64_t deadline_ms,
    struct err *err)
{
	struct db_once once;
	int64_t pause_ms = 50;
	enum rc rc;

	while ((rc = db_once_begin(db, &once, err)) == RC_TEMP &&
	    clock_left_ms(deadline_ms) > pause_ms)
		clock_sleep(pause_ms);
	while (rc == RC_OK) {
		rc = db_insert_once(db, DB_QUEUE, &once, doc, err);
		FAULT_POINT("smtp-insert-sent");
		if (rc != RC_TEMP || strcmp(err->code, "GONE") == 0)
			break;
		clock_sleep(pause_ms);
		pause_ms = pause_ms < 1000 ? pause_ms * 2 : 1000;
		if (clock_left_ms(deadline_ms) <= 0)
			break;
		rc = RC_OK;
	}
	return rc;
}

struct queue_insertion {
	const struct queue_item *item;
	const bson_t *doc;
};

/* The blob was written before: this is the first reference to it. */
static enum rc
queue_insert_with_blob(struct db *db, void *ctx, struct err *err)
{
	struct queue_insertion *in = ctx;
	enum rc rc = incoming_refer(db, &in->item->blob, 1, err);

	if (rc == RC_OK)
		rc = db_insert(db, DB_QUEUE, in->doc, NULL, err);
	FAULT_POINT("smtp-insert-sent");
	return rc;
}

enum rc
queue_insert(struct db *db, const struct queue_item *item,
    int64_t deadline_ms, struct err *err)
{
	bson_t doc;
	struct queue_insertion in = { item, &doc };
	enum rc rc;

	if (queue_size(item) > LIMIT_QUEUE_DOCUMENT)
		return err_set(err, RC_PERM, "5.3.4",
		    "too many recipients for one message");
	bson_init(&doc);
	queue_encode(item, &doc);
	if (item->body.len)
		rc = queue_insert_document(db, &doc, deadline_ms, err);
	else
		rc = db_txn_run(db, queue_insert_with_blob, &in,
		    clock_left_ms(deadline_ms), err);
	bson_destroy(&doc);
	return rc;
}

/* --- outcomes --------------------------------------------------------------------- */

/*
 * Thousands of recipients, each with a long answer or a dialog of its own,
 * must fit into the document. What a dialog failed of is at its end.
 */
static struct queue_recipient
queue_cut_texts(
    const struct queue_outcome *o, const struct queue_recipient *now)
{
	struct queue_recipient r = *now;
	size_t max = LIMIT_QUEUE_TEXTS /
	    (o->item->n_recipients + o->n_added + 1);
	size_t text_max = r.transcript.len ? max / 2 : max;

	if (r.text.len > text_max)
		r.text = str_slice(r.text, 0, text_max);
	max -= r.text.len;
	if (r.transcript.len > max)
		r.transcript = str_tail(r.transcript, r.transcript.len - max);
	return r;
}

static void
encode_change(
    const struct queue_outcome *o, int64_t now_ms, bson_t *change)
{
	bson_t set;
	size_t i;

	BSON_APPEND_DOCUMENT_BEGIN(change, "$set", &set);
	for (i = 0; i < o->n_changes; i++) {
		struct queue_recipient now =
		    queue_cut_texts(o, &o->changes[i].now);

		queue_set_recipient(&set, o->changes[i].recipient, &now);
	}
	if (o->ends_attempt) {
		bson_append_date_time(&set, "next_at", -1,
		    o->is_held ? QUEUE_NEVER_MS : now_ms + o->wait_ms);
		BSON_APPEND_BOOL(&set, "held", o->is_held);
		BSON_APPEND_BOOL(&set, "leased", false);
		doc_add_text(&set, "reason", o->reason);
		doc_add_int(&set, "starts", 0);
		doc_add_int(&set, "attempts",
		    o->item->attempts + (o->is_expansion ? 0 : 1));
	}
	/* By index, not by $push: mongod takes no two changes of one array.
	 * The fence says that nobody else made it longer. */
	for (i = 0; i < o->n_added; i++)
		queue_add_recipient(
		    &set, o->item->n_recipients + i, &o->added[i]);
	doc_add_text(&set, "origin", o->item->origin); /* never empty */
	bson_append_document_end(change, &set);
	/* The fence falls with it: whoever does not know that this was
	 * written, and writes again, matches nothing. */
	if (o->ends_attempt)
		BCON_APPEND(change, "$inc", "{", "epoch", BCON_INT64(1), "}");
}

static enum rc
write_item(struct db *db, const struct queue_outcome *o, int64_t *ret_matched,
    struct err *err)
{
	bson_t fence = BSON_INITIALIZER, change = BSON_INITIALIZER;
	int64_t now_ms;
	enum rc rc;

	queue_fence(&fence, o->item);
	if (o->is_done) {
		rc = db_delete_one(db, DB_QUEUE, &fence, ret_matched, err);
	} else if ((rc = db_now(db, &now_ms, err)) == RC_OK) {
		encode_change(o, now_ms, &change);
		rc = db_update_one(
		    db, DB_QUEUE, &fence, &change, NULL, ret_matched, err);
	}
	bson_destroy(&change);
	bson_destroy(&fence);
	return rc;
}

/* An upsert that leaves an existing document alone: a repeat is harmless. */
static enum rc
insert_report(struct db *db, const struct queue_item *item, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER;
	bson_t doc = BSON_INITIALIZER, rest = BSON_INITIALIZER;
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	enum rc rc;

	doc_add_oid(&filter, "_id", &item->id);
	BSON_APPEND_INT32(&filter, "bucket", (int32_t)item->bucket);
	queue_encode(item, &doc);
	bson_copy_to_excluding_noinit(&doc, &rest, "_id", "bucket", NULL);
	BSON_APPEND_DOCUMENT(&change, "$setOnInsert", &rest);
	rc = db_update_one(
	    db, DB_QUEUE, &filter, &change, upsert, NULL, err);
	bson_destroy(upsert);
	bson_destroy(&rest);
	bson_destroy(&doc);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

enum rc
queue_add_report(struct db *db, const struct queue_item *report,
    const struct oid *parent_blob, struct err *err)
{
	enum rc rc = RC_OK;

	/* A post has the blob of what it comes from. */
	if (!report->body.len && !oid_equals(&report->blob, parent_blob))
		rc = incoming_refer(db, &report->blob, 1, err);
	return rc == RC_OK ? insert_report(db, report, err) : rc;
}

struct outcome_op {
	const struct queue_outcome *o;
	int64_t matched;
};

static enum rc
write_all(struct db *db, void *ctx, struct err *err)
{
	struct outcome_op *op = ctx;
	enum rc rc = write_item(db, op->o, &op->matched, err);
	size_t i;

	if (rc == RC_OK && op->matched == 0)
		db->is_void = true;
	for (i = 0; rc == RC_OK && op->matched && i < op->o->n_reports; i++) {
		rc = queue_add_report(
		    db, &op->o->reports[i], &op->o->item->blob, err);
	}
	return rc;
}

enum rc
queue_write_outcome(struct db *db, const struct queue_outcome *o,
    bool *ret_lost, struct err *err)
{
	struct outcome_op op = { o, 0 };
	int64_t unused;
	enum rc rc = db_now(db, &unused, err); /* not inside the txn */

	if (rc != RC_OK)
		return rc;
	if (o->n_reports)
		rc = db_txn_run(db, write_all, &op, DB_COMMIT_MS, err);
	else
		rc = write_item(db, o, &op.matched, err);
	if (rc == RC_OK)
		*ret_lost = op.matched == 0;
	return rc;
}
