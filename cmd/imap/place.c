/* Names of mailboxes, one's own and those of others; see place.h. */
#include "place.h"

#include "rights.h"

#include "base/banned.h"

static const struct str others = STR_INIT(PLACE_OTHERS);

struct str
place_inbox(struct arena *a, struct str name)
{
	if (str_equals_nocase(str_slice(name, 0, 5), STR("INBOX")) &&
	    (name.len == 5 || name.p[5] == '/'))
		return arena_join(a, STR("INBOX"), str_tail(name, 5));
	return name;
}

/* A local part may have a '/': the address ends with the level of its '@'. */
static void
split(struct str rest, struct str *ret_address, struct str *ret_name)
{
	size_t at = str_find_char(rest, '@');
	size_t end = at + str_find_char(str_tail(rest, at), '/');

	*ret_address = str_slice(rest, 0, end);
	*ret_name = str_tail(rest, end + 1);
}

static enum rc
find_other(struct session *s, struct str rest, struct place *ret,
    struct err *err)
{
	struct arena *a = s->command_arena;
	struct mailbox *m = NULL;
	enum rc rc = RC_OK;

	split(rest, &ret->address, &ret->name);
	ret->address = address_key_of(a, ret->address);
	ret->name = place_inbox(a, ret->name);
	if (ret->name.len)
		rc = mailbox_find(s->p->db, a, ret->address, &m, err);
	if (rc != RC_OK)
		return rc;
	/* Lists name addresses: this must still be ours. */
	if (!session_check_account(s, true))
		return err_set(err, RC_TEMP, "4.2.0", "the account is gone");
	ret->is_void = !m || m->kind != ADDRESS_MAILBOX;
	if (!ret->is_void) {
		ret->owner = m->owner;
		ret->is_other = !rights_is_owner(s, &m->owner);
	}
	return RC_OK;
}

bool
place_is_others(struct str mailbox)
{
	return str_starts_with(mailbox, others) &&
	    (mailbox.len == others.len || mailbox.p[others.len] == '/');
}

enum rc
place_find(struct session *s, struct str mailbox, struct place *ret,
    struct err *err)
{
	*ret = (struct place){ .owner = s->user->owner,
		.address = s->user->address, .name = mailbox };
	if (!place_is_others(mailbox))
		return RC_OK;
	ret->full = mailbox;
	ret->is_other = ret->is_void = true;
	return mailbox.len == others.len
	    ? RC_OK
	    : find_other(s, str_tail(mailbox, others.len + 1), ret, err);
}

static struct str
full_name(struct session *s, struct str address, struct str name)
{
	struct arena *a = s->command_arena;

	return arena_join3(a, arena_join3(a, others, STR("/"), address),
	    STR("/"), name);
}

struct str
place_name(struct session *s, const struct folder *f)
{
	return rights_is_owner(s, &f->owner)
	    ? f->name
	    : full_name(s, f->address, f->name);
}

struct str
place_full_name(struct session *s, const struct place *p)
{
	if (p->is_void)
		return p->full;
	return p->is_other ? full_name(s, p->address, p->name) : p->name;
}

/* *ret NULL: there is none above. */
static enum rc
find_above(struct session *s, const struct place *p, struct folder **ret,
    struct err *err)
{
	size_t i;
	enum rc rc = RC_OK;

	*ret = NULL;
	for (i = p->name.len; rc == RC_OK && i > 0; i--) {
		if (p->name.p[i - 1] != '/')
			continue;
		rc = folder_find(s->p->db, s->command_arena, &p->owner,
		    str_slice(p->name, 0, i - 1), ret, err);
		if (rc == RC_OK && *ret && !(*ret)->no_select)
			return RC_OK;
		*ret = NULL;
	}
	return rc;
}

bool
place_may_create(struct session *s, const struct place *p)
{
	struct folder *above = NULL;
	struct err err;

	if (!p->is_other && !p->is_void)
		return true;
	if (!p->is_void && find_above(s, p, &above, &err) != RC_OK) {
		chat_failure(s, &err);
		return false;
	}
	if (above && rights_of(s, above) & RIGHT_CREATE)
		return true;
	chat_no(s, "[NOPERM] No mailbox can be created there");
	return false;
}
