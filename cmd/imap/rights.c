/* Rights; see rights.h. */
#include "rights.h"

#include "db/acl.h"
#include "place.h"

#include "base/banned.h"

bool
rights_is_owner(const struct session *s, const struct uuid *owner)
{
	return uuid_equals(owner, &s->user->owner);
}

unsigned
rights_of(const struct session *s, const struct folder *f)
{
	return rights_is_owner(s, &f->owner)
	    ? RIGHTS_ALL
	    : acl_rights(f->acl, f->n_acl, s->user->address);
}

void
rights_say_missing(struct session *s, bool try_create)
{
	chat_no(s, "[%s] There is no such mailbox",
	    try_create ? "TRYCREATE" : "NONEXISTENT");
}

bool
rights_check(
    struct session *s, unsigned rights, unsigned need, bool try_create)
{
	char letters[ACL_TEXT];

	if ((rights & need) == need)
		return true;
	if (rights & RIGHT_LOOKUP)
		chat_no(s, "[NOPERM] The right \"%.*s\" is missing",
		    STR_ARG(acl_format(need & ~rights, false, letters)));
	else
		rights_say_missing(s, try_create);
	return false;
}

void
rights_tell(struct session *s, const struct folder *f)
{
	char letters[ACL_TEXT];

	writer_add_cstr(s->writer, "* MYRIGHTS ");
	chat_mailbox(s, place_name(s, f));
	writer_printf(s->writer, " %.*s\r\n",
	    STR_ARG(acl_format(rights_of(s, f), true, letters)));
}

uint64_t
rights_flags(unsigned rights)
{
	uint64_t others = ~(uint64_t)(FLAG_SEEN | FLAG_DELETED);

	return (rights & RIGHT_SEEN ? FLAG_SEEN : 0) |
	    (rights & RIGHT_DELETE ? FLAG_DELETED : 0) |
	    (rights & RIGHT_WRITE ? others : 0);
}

enum rc
rights_list_shared(struct session *s, struct arena *a, struct folder **ret_v,
    size_t *ret_n, struct err *err)
{
	enum rc rc = acl_list_shared(
	    s->p->db, a, s->user->address, ret_v, ret_n, err);

	if (rc == RC_OK && *ret_n && !session_check_account(s, true))
		*ret_n = 0;
	return rc;
}
