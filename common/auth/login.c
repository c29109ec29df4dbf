/* Logins; see login.h. */
#include "auth/login.h"

#include "auth/password.h"
#include "auth/scram.h"

#include "base/banned.h"

bool
login_is_allowed(const struct mailbox *mailbox)
{
	return mailbox && mailbox->kind == ADDRESS_MAILBOX &&
	    !mailbox->disabled;
}

bool
login_check(const struct mailbox *mailbox, struct str password)
{
	return password_verify(password,
	    login_is_allowed(mailbox) ? mailbox->password : STR_NONE);
}

enum rc
login_set_password(struct arena *a, struct mailbox *mailbox,
    struct str password, struct err *err)
{
	enum rc rc = password_hash(a, password, &mailbox->password, err);

	if (rc == RC_OK && !scram_make_keys(a, password, &mailbox->scram))
		rc = err_set(err, RC_PERM, "5.7.0",
		    "a password is UTF-8 without control characters "
		    "(SASLprep, RFC 4013)");
	return rc;
}
