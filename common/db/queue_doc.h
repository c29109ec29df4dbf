/* Queue documents, for the files of db/ that write them. */
#ifndef M3_DB_QUEUE_DOC_H
#define M3_DB_QUEUE_DOC_H

#include "db/db_internal.h"
#include "db/queue.h"

/* next_at of a message that is held: it is never due. */
#define QUEUE_NEVER_MS INT64_C(253370764800000) /* year 9999 */

void queue_encode(const struct queue_item *item, bson_t *doc);
void queue_decode(
    struct arena *a, const bson_t *doc, struct queue_item *ret_item);
/* {_id, bucket, epoch}: matches only while the lease is ours. */
void queue_fence(bson_t *filter, const struct queue_item *item);
/* A further recipient, "recipients.N", into a $set. */
void queue_add_recipient(
    bson_t *set, size_t index, const struct queue_recipient *r);
/* "recipients.N.field" of what an attempt changes, into a $set. */
void queue_set_recipient(
    bson_t *set, size_t index, const struct queue_recipient *now);
/* What holds a message, into a $set: its lease is no more. */
void queue_add_hold(bson_t *set, struct str reason);
/*
 * Inside of a transaction: a report, post or answer that comes of a message
 * whose blob is parent_blob. One with that _id which is there is left alone.
 */
enum rc queue_add_report(struct db *db, const struct queue_item *report,
    const struct oid *parent_blob, struct err *err);

#endif
