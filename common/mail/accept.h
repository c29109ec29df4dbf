/*
 * From octets to a queued message: our Received field, then the message as
 * it was sent, go through the MIME parser into a blob; then the queue
 * document. Used by DATA (SMTP, LMTP), by the mda's reports and by
 * `m3mta` when it sends itself a message. Memory does not grow with size.
 */
#ifndef M3_MAIL_ACCEPT_H
#define M3_MAIL_ACCEPT_H

#include "db/db.h"
#include "model/facts.h"
#include "model/queue.h"

struct acceptance;

/* header: put before the message (Received ...), CRLF lines. May be "". */
enum rc acceptance_new(struct db *db, struct arena *a, struct str header,
    struct acceptance **ret_acc, struct err *err);
/* Message octets, dot-unstuffed, CRLF lines. After a failure: sticky. */
enum rc acceptance_push(
    struct acceptance *acc, struct str bytes, struct err *err);
/* Ends the blob; item->blob, size and facts are filled. */
enum rc acceptance_finish(struct acceptance *acc, struct queue_item *item,
    const struct facts **ret_facts, struct err *err);
void acceptance_free(struct acceptance *acc);

#endif
