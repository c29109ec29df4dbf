/* Sender addresses of a login; see sendas.h. */
#include "mail/sendas.h"

#include "mail/rcpt.h"

#include "base/banned.h"

/* Exact, without its tag, or by its domain: it was given as one of those. */
static bool
sendas_is_given(struct arena *a, const struct mailbox *login,
    const struct str *keys, size_t n)
{
	size_t i, k;

	for (i = 0; i < login->n_senders; i++) {
		struct str given = address_key_of(a, login->senders[i]);

		for (k = 0; k < n; k++) {
			if (str_equals(given, keys[k]))
				return true;
		}
	}
	return false;
}

/* The mail to it comes to the login, and to nobody else. */
static bool
sendas_is_own(
    struct arena *a, const struct mailbox *login, const struct mailbox *found)
{
	if (!found)
		return false;
	if (str_equals(found->address, login->address))
		return true;
	return found->kind == ADDRESS_ALIAS &&
	    str_starts_with(found->address, STR("*@")) &&
	    found->n_destinations == 1 &&
	    str_equals(
		address_key_of(a, found->destinations[0]), login->address);
}

enum rc
sendas_decide(struct db *db, struct arena *a, const struct config *c,
    const struct mailbox *login, const struct address *from, bool *ret_may,
    struct err *err)
{
	struct mailbox *found = NULL;
	struct str keys[RCPT_KEYS];
	size_t n = rcpt_keys(a, c, from, keys);
	enum rc rc = RC_OK;

	*ret_may = str_equals(keys[0], login->address) ||
	    sendas_is_given(a, login, keys, n);
	if (*ret_may)
		return RC_OK;
	rc = mailbox_find_first(db, a, keys, n, false, &found, err);
	if (rc == RC_OK)
		*ret_may = sendas_is_own(a, login, found);
	return rc;
}

const char *
sendas_useless(const struct mailbox *login, struct str key)
{
	struct str local = str_slice(key, 0, str_find_last_char(key, '@'));

	if (str_has_char(local, '*') && !str_equals(local, STR("*")))
		return "the only pattern is *@domain";
	if (str_equals(key, login->address))
		return "that is the mailbox itself";
	return NULL;
}
