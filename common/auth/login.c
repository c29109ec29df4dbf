/* Logins; see login.h. */
#include "auth/login.h"

#include "auth/password.h"
#include "base/banned.h"

bool
login_check(const struct mailbox *mailbox, struct str password)
{
	bool may = mailbox && mailbox->kind == ADDRESS_MAILBOX &&
	    !mailbox->disabled;

	return password_verify(password, may ? mailbox->password : STR_NONE);
}
