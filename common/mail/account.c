/* The looks of a session at its own mailbox; see account.h. */
#include "mail/account.h"

#include "base/clock.h"

#include "base/banned.h"

void
account_open(struct account *a, const struct mailbox *m, int64_t max_age_ms)
{
	*a = (struct account){
		.owner = m->owner,
		.key = m->address,
		.credentials = m->credentials,
		.max_age_ms = max_age_ms,
		.next_ms = clock_deadline(max_age_ms),
	};
}

bool
account_is_due(const struct account *a)
{
	return clock_mono_ms() >= a->next_ms;
}

enum rc
account_look(struct account *a, struct db *db, const char **ret_why,
    struct err *err)
{
	struct mailbox_state state;
	enum rc rc = mailbox_look(db, a->key, &a->owner, &state, err);

	if (rc != RC_OK)
		return rc;
	a->next_ms = clock_deadline(a->max_age_ms);
	*ret_why = NULL;
	if (!state.is_there)
		*ret_why = "Your mailbox was removed";
	else if (a->is_by_hand)
		return RC_OK;
	else if (state.disabled)
		*ret_why = "Your mailbox was disabled";
	else if (state.credentials != a->credentials)
		*ret_why = "Your password was changed: log in again";
	return RC_OK;
}
