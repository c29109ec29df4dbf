/*
 * Filters: programs that see a message before it is put into a mailbox
 * (m3mta-filter(7)). The message is on their standard input; their exit code
 * says what becomes of it, their output holds what the code needs.
 */
#ifndef M3_MAIL_FILTER_H
#define M3_MAIL_FILTER_H

#include "db/deliver.h"
#include "model/config.h"
#include "model/directory.h"
#include "model/queue.h"

enum filter_action {
	FILTER_PASS,
	FILTER_DROP,     /* counts as delivered */
	FILTER_HOLD,
	FILTER_REDIRECT, /* to `addresses` instead */
	FILTER_REFUSE,   /* bounced with `text` */
	FILTER_DEFER,    /* a filter failed: tried again later */
};

struct filter_question {
	const struct queue_item *item;
	const struct mailbox *mailbox;
	struct str recipient;     /* as it was addressed */
	struct str original;      /* ... in the envelope, before aliases */
	bool is_login_admin;      /* item->login may use command mails */
	struct str hostname;
};

struct filter_answer {
	enum filter_action action;
	struct str text;
	struct str folder;        /* "" = INBOX, or Junk for spam */
	const struct str *addresses;
	size_t n_addresses;
	struct delivery_content *content; /* written anew; NULL: as it was */
	struct delivery_content *reply;   /* to the sender, with PASS and DROP;
	                                   * NULL: none */
};

/*
 * Runs the list `filters` in its order; each sees what the one before it
 * made. RC_TEMP: the database, or no room for temporary files.
 */
enum rc filter_run(struct db *db, struct arena *a, const struct config *c,
    const struct filter_question *q, struct filter_answer *ret_answer,
    struct err *err);

/* The reply as a queue item, null sender to the sender. */
struct queue_item filter_reply_item(struct arena *a,
    const struct filter_question *q, const struct filter_answer *answer,
    int64_t now_ms, int64_t expire_ms);

#endif
