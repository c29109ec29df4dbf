/*
 * Whether a session's login still holds: its mailbox is there (the same one,
 * not another of that address), enabled, and has the password that it had.
 * A session looks before it does something for its user, when its last look
 * is older than `auth.look`, and now and then while it waits (mail/vigil.h);
 * it ends when the answer is no. The same look brings what the mailbox may
 * do: relay, further senders, its route.
 */
#ifndef M3_MAIL_ACCOUNT_H
#define M3_MAIL_ACCOUNT_H

#include "db/directory.h"

struct account {
	struct mailbox *mailbox; /* the session's; each look brings its rights */
	struct arena *arena;     /* of these, since the last look; or NULL */
	int64_t credentials;     /* as they were at the login */
	int64_t max_age_ms;
	int64_t read_ms;         /* set before account_open: when m was read */
	int64_t next_ms;         /* monotonic: the next look before a command */
	int64_t wait_ms;         /* ... and of one who waits */
	bool is_by_hand;         /* PREAUTH: neither password nor state count */
};

/*
 * What the login has read is m, for as long as the session. An exchange may
 * have taken minutes since: then the first look is due at once.
 */
void account_open(
    struct account *a, struct mailbox *m, int64_t max_age_ms);
/* Also of one that was never opened. */
void account_close(struct account *a);
bool account_is_due(const struct account *a);
/*
 * One read, by key and a few fields. *ret_why: NULL, or why the login is over,
 * a sentence for its client. RC_TEMP: not known; the next look is due at once
 * before a command, and after a while for one who waits.
 */
enum rc account_look(struct account *a, struct db *db, const char **ret_why,
    struct err *err);

#endif
