/*
 * Which addresses a login may send as: its own, and those that the
 * administrator gave it (mailbox set --sender).
 */
#ifndef M3_MAIL_SENDAS_H
#define M3_MAIL_SENDAS_H

#include "db/directory.h"
#include "model/config.h"

/*
 * True in *ret_may for an address whose mail comes to the login: its own,
 * with a tag too, one of its catch-all *@domain, or of a catch-all alias with
 * the login as its only destination; and for a further sender, with a tag
 * too, or any address of the domain when that is "*@domain". What is a
 * mailbox, alias or list of its own comes under no catch-all. One round trip
 * when the address is not found in the login itself. RC_TEMP: the database.
 */
enum rc sendas_decide(struct db *db, struct arena *a, const struct config *c,
    const struct mailbox *login, const struct address *from, bool *ret_may,
    struct err *err);

/*
 * What makes an entry for --sender useless, in words, or NULL: a pattern
 * other than "*@domain", or the mailbox's own address. key: by address_key.
 */
const char *sendas_useless(const struct mailbox *login, struct str key);

#endif
