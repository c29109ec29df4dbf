/* What SpamAssassin says of a stored message, by the keys `spam.*`. */
#ifndef M3_MAIL_SPAM_H
#define M3_MAIL_SPAM_H

#include "db/db.h"
#include "model/config.h"
#include "model/queue.h"

struct spam_answer {
	bool is_asked;        /* false: too big, or spamd did not answer */
	bool is_junk;
	bool is_rejected;     /* over spam.reject */
	int64_t score;        /* hundredths */
	struct str headers;   /* X-Spam-* lines */
};

/* spam.server is set and this is the place (spam.at) to ask. */
bool spam_is_wanted(const struct config *c, const char *place);
/*
 * Asks about item's blob. A failure of spamd is logged and leaves is_asked
 * false: mail passes as it is. RC_TEMP: the database.
 */
enum rc spam_ask(struct db *db, struct arena *a, const struct config *c,
    const struct queue_item *item, struct spam_answer *ret_answer,
    struct err *err);

#endif
