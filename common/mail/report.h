/*
 * Delivery status notifications (RFC 3461, 3462, 3464): multipart/report of
 * a text for people, the fields for programs, and the message or its header.
 */
#ifndef M3_MAIL_REPORT_H
#define M3_MAIL_REPORT_H

#include "db/db.h"
#include "mail/report_text.h"
#include "model/queue.h"

struct report_recipient {
	const struct queue_recipient *recipient;
	enum report_action action;
};

struct report {
	const struct queue_item *item; /* what it is about, with its facts */
	const struct report_recipient *v;
	size_t n;
	struct str to;                 /* "" = item's sender */
	struct str hostname;
	const struct report_texts *texts;
	struct str step;               /* makes the id: another for each report of
	                                * a message, the same for its repeat */
	int64_t now_ms;
	int64_t expire_ms;             /* how long it may stay in the queue */
};

/*
 * Writes the report's blob and fills *ret_item (sender <>, origin "bounce",
 * "notice" or "success"); the caller inserts it together with the outcome.
 * Its id is derived from the item's and the step, so that a repeat after a
 * crash makes the same one. RC_TEMP: the database.
 */
enum rc report_make(struct db *db, struct arena *a, const struct report *r,
    struct queue_item *ret_item, struct err *err);

/* Whether the sender wants to be told (NOTIFY, null sender). */
bool report_is_wanted(const struct queue_item *item,
    const struct queue_recipient *r, enum report_action action);

#endif
