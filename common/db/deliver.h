/*
 * Local delivery of claimed messages, exactly once: for the whole batch one
 * transaction with the fence of each queue document, the quotas, the folder
 * appends and the messages documents.
 */
#ifndef M3_DB_DELIVER_H
#define M3_DB_DELIVER_H

#include "db/db.h"
#include "model/folder.h"
#include "model/message.h"
#include "model/queue.h"

enum deliver_result {
	DELIVER_NOT_TRIED, /* the database failed before */
	DELIVER_DONE,
	DELIVER_FULL,      /* over quota */
	DELIVER_GONE,      /* the mailbox is gone, disabled, or another's */
	DELIVER_NO_FOLDER, /* the folder is gone */
	DELIVER_LOST,      /* another worker has the lease: stop at once */
};

/* A copy that differs from what the queue has. */
struct delivery_content {
	struct oid blob;
	uint64_t size;
	struct str facts;
};

/* One copy into one folder. */
struct delivery {
	const struct queue_item *item;
	const struct delivery_content *content; /* NULL: the item's */
	const struct queue_item *reply; /* put into the queue with it, or NULL */
	size_t recipient;      /* index in item->recipients: P becomes D */
	struct uuid owner;
	struct str mailbox;    /* the owner's address: where the quota is */
	struct str folder;     /* by name; "" = INBOX */
	struct str prefix;     /* Return-Path, Delivered-To, X-Spam-* */
	uint64_t flags;
	struct str text;       /* kept as the recipient's text */
	enum deliver_result ret_result; /* set by deliver_batch */
	bool ret_is_last;      /* done, and the queue document was deleted */
};

/*
 * Tries all in one transaction; when a part of it cannot be, each in one of
 * its own. Recipients that are done become D with code 250; a queue
 * document whose recipients all ended, and none of whom asked for a report
 * of success, is deleted in the same transaction. RC_TEMP: those whose
 * ret_result is not DELIVER_DONE were not delivered. One recipient of an
 * item must not stand in v twice.
 */
enum rc deliver_batch(
    struct db *db, struct delivery *v, size_t n, struct err *err);

#endif
