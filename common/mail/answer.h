/* Automatic answers to mail (RFC 3834): to what, and with which header. */
#ifndef M3_MAIL_ANSWER_H
#define M3_MAIL_ANSWER_H

#include "base/mem.h"
#include "model/queue.h"

/*
 * RFC 3834 2: nothing answers reports and answers (a null sender,
 * Auto-Submitted other than "no"), lists and bulk (List-*, Precedence), nor
 * the addresses of programs (owner-x, x-request, x-bounces, mailer-daemon,
 * noreply). header: of the message, with what stands before it in the queue;
 * what of it is not given is not looked at.
 */
bool answer_is_allowed(
    struct arena *a, const struct queue_item *item, struct str header);
/*
 * The fields that an answer needs and `text` (its beginning) does not have:
 * From, To, Date, Message-ID, Auto-Submitted. Behind them an empty line when
 * text has no header at all. from: the mailbox that answers.
 */
struct str answer_head(struct arena *a, const struct queue_item *item,
    struct str from, struct str hostname, struct str text, int64_t now_s);

#endif
