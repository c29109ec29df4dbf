/*
 * Whether a session's login still holds: its mailbox is there (the same one,
 * not another of that address), enabled, and has the password that it had.
 * A session looks before it does something for its user, when its last look
 * is older than `auth.look`, and ends when the answer is no.
 */
#ifndef M3_MAIL_ACCOUNT_H
#define M3_MAIL_ACCOUNT_H

#include "db/directory.h"

struct account {
	struct uuid owner;
	struct str key;       /* the address; the caller's for its life */
	int64_t credentials;
	int64_t max_age_ms;
	int64_t next_ms;      /* monotonic: the next look */
	bool is_by_hand;      /* PREAUTH: neither password nor state count */
};

/* What the login has just read of m. */
void account_open(
    struct account *a, const struct mailbox *m, int64_t max_age_ms);
bool account_is_due(const struct account *a);
/*
 * One read, by key and a few fields. *ret_why: NULL, or why the login is over,
 * a sentence for its client. RC_TEMP: not known; the next look is due at once.
 */
enum rc account_look(struct account *a, struct db *db, const char **ret_why,
    struct err *err);

#endif
