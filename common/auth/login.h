/*
 * Whether a name and password are a login: shared by SMTP's AUTH and IMAP's
 * LOGIN. The caller looked the mailbox up.
 */
#ifndef M3_AUTH_LOGIN_H
#define M3_AUTH_LOGIN_H

#include "model/directory.h"

/*
 * mailbox NULL, an alias, disabled or without password: false at the same
 * cost as a wrong password.
 */
bool login_check(const struct mailbox *mailbox, struct str password);

#endif
