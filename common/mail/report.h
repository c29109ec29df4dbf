/*
 * Delivery status notifications (RFC 3461, 3462, 3464): multipart/report of
 * a text for people, the fields for programs, and the message or its header
 * (at most LIMIT_REPORT_HEADER octets of it; the whole for who logged in).
 * All of it is 7 bits wide where it can be; for a message with SMTPUTF8 and
 * UTF-8 in an address or in its header they are those of RFC 6533.
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
 * "notice" or "success"; "double" when `to` is set, which is about a report);
 * the caller inserts it together with the outcome.
 * Its id is derived from the item's and the step, so that a repeat after a
 * crash makes the same one. RC_TEMP: the database.
 */
enum rc report_make(struct db *db, struct arena *a, const struct report *r,
    struct queue_item *ret_item, struct err *err);

/* Before the last answer, in the text of a recipient whose time is over. */
#define REPORT_GAVE_UP "Gave up; the last answer was: "
/* "550 5.1.1 text" as it was said; without a code the text. */
struct str report_said(struct arena *a, const struct queue_recipient *r);

/* Whether the sender wants to be told (NOTIFY, null sender). */
bool report_is_wanted(const struct queue_item *item,
    const struct queue_recipient *r, enum report_action action);

/*
 * One of ours, whoever it now goes to: when it fails, the postmaster is told.
 * Not a "double" one: what tells the postmaster is told to nobody.
 */
bool report_is_one(const struct queue_item *item);

#endif
