/*
 * From octets to a stored blob and its facts, in one pass: used by DATA
 * (SMTP, LMTP), IMAP's APPEND and the mda's reports. Memory does not grow
 * with the message's size.
 */
#ifndef M3_MAIL_ACCEPT_H
#define M3_MAIL_ACCEPT_H

#include "db/db.h"
#include "model/facts.h"
#include "model/id.h"

struct acceptance;

/*
 * header: put before the message (Received ...), CRLF lines. May be "".
 * with_index: the facts get a text index (mime/grams.h), unless the message
 * has more than LIMIT_INDEXED octets.
 */
enum rc acceptance_new(struct db *db, struct arena *a, struct str header,
    bool with_index, struct acceptance **ret_acc, struct err *err);
/*
 * A message of at most max octets is not written by acceptance_finish but
 * handed out by acceptance_body, to be kept in its queue document: one
 * durable write instead of two.
 */
void acceptance_keep_small(struct acceptance *acc, size_t max);
/* After a finish: those octets, in the arena; "" when they were written. */
struct str acceptance_body(const struct acceptance *acc);
/* Message octets, CRLF lines. After a failure: the same failure again. */
enum rc acceptance_push(
    struct acceptance *acc, struct str bytes, struct err *err);
/*
 * Ends the blob. *ret_packed are the facts as bytes (mime/facts.h), in the
 * arena; *ret_facts live until acceptance_free.
 */
enum rc acceptance_finish(struct acceptance *acc, struct oid *ret_blob,
    uint64_t *ret_size, struct str *ret_packed,
    const struct facts **ret_facts, struct err *err);
/* Without a finish before it, what was written is given up (db/blob.h). */
void acceptance_free(struct acceptance *acc);

#endif
