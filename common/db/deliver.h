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
	DELIVER_DONE,
	DELIVER_FULL,      /* over quota: retry or bounce by policy */
	DELIVER_NO_FOLDER, /* no mailbox or no INBOX any more */
	DELIVER_LOST,      /* another worker has the lease: stop at once */
};

/* One copy into one folder. */
struct delivery {
	const struct queue_item *item;
	size_t recipient;      /* index in item->recipients: P becomes D */
	struct uuid owner;
	struct str folder;     /* by name; "" = INBOX; made when missing */
	struct str prefix;     /* Return-Path, Delivered-To, X-Spam-* */
	uint64_t flags;
	struct str text;       /* kept as the recipient's text */
	enum deliver_result ret_result; /* set by deliver_batch */
};

/*
 * Tries all in one transaction, on repeated conflicts one transaction per
 * mailbox. Recipients that are done become D with code 250; a queue
 * document whose recipients all ended is deleted in the same transaction,
 * unless keep_item says that reports are due. RC_TEMP: nothing was written
 * for those whose ret_result is not DELIVER_DONE.
 */
enum rc deliver_batch(
    struct db *db, struct delivery *v, size_t n, struct err *err);

#endif
