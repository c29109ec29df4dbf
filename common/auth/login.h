/*
 * Whether a name and password are a login: shared by SMTP's AUTH and IMAP's
 * LOGIN. The caller looked the mailbox up.
 */
#ifndef M3_AUTH_LOGIN_H
#define M3_AUTH_LOGIN_H

#include "base/err.h"
#include "base/mem.h"
#include "model/directory.h"

/* A mailbox that is enabled; NULL is accepted. */
bool login_is_allowed(const struct mailbox *mailbox);
/*
 * mailbox NULL, an alias, disabled or without password: false at the same
 * cost as a wrong password.
 */
bool login_check(const struct mailbox *mailbox, struct str password);
/*
 * The yescrypt hash and the SCRAM keys of a new password, to be stored by
 * mailbox_insert or mailbox_update. RC_PERM: it cannot be a password.
 */
enum rc login_set_password(struct arena *a, struct mailbox *mailbox,
    struct str password, struct err *err);

#endif
