/*
 * QUOTA (RFC 9208, and clients of RFC 2087): one root for all folders of a
 * mailbox, its storage in units of 1024 octets. One's own is "user", that of
 * another user "Other Users/ADDRESS". Limits are set by m3mta.
 */
#include "commands.h"
#include "db/acl.h"
#include "place.h"
#include "rights.h"

#include "base/banned.h"

static const struct str own_root = STR_INIT("user");
static const struct str others = STR_INIT(PLACE_OTHERS "/");

static uint64_t
units(uint64_t octets)
{
	return (octets + 1023) / 1024;
}

/* The figures as they are now, not as they were at the login. False: answered. */
static bool
find_user(struct session *s, struct str address, struct mailbox **ret)
{
	struct err err;

	if (mailbox_find(s->p->db, s->command_arena, address, ret, &err) !=
	    RC_OK) {
		chat_failure(s, &err);
		return false;
	}
	/* The address may be somebody else's by now. */
	if (*ret && str_equals(address, s->user->address) &&
	    !rights_is_owner(s, &(*ret)->owner))
		*ret = NULL;
	if (!*ret)
		chat_no(s, "[NONEXISTENT] The mailbox is gone");
	return *ret != NULL;
}

static void
add_root(struct session *s, struct str address)
{
	if (str_equals(address, s->user->address))
		writer_add_str(s->writer, own_root);
	else
		chat_string(s, arena_join(s->command_arena, others, address));
}

static void
tell_quota(struct session *s, const struct mailbox *m)
{
	writer_add_cstr(s->writer, "* QUOTA ");
	add_root(s, m->address);
	if (m->size_maximum)
		writer_printf(s->writer, " (STORAGE %llu %llu)\r\n",
		    (unsigned long long)units(m->size_current),
		    (unsigned long long)units(m->size_maximum));
	else
		writer_add_cstr(s->writer, " ()\r\n");
}

/* Who may read a folder may know how full its owner is. */
static enum rc
reads_any(struct session *s, struct str address, bool *ret, struct err *err)
{
	struct folder *v;
	size_t n, i;
	enum rc rc = rights_list_shared(s, s->command_arena, &v, &n, err);

	if (rc != RC_OK)
		return rc;
	*ret = false;
	for (i = 0; i < n && !*ret; i++)
		*ret = str_equals(v[i].address, address) &&
		    rights_of(s, &v[i]) & RIGHT_READ;
	return RC_OK;
}

/* The mailbox of a root. False: answered. */
static bool
find_root(struct session *s, struct str root, struct str *ret_address)
{
	bool is_readable = true;
	struct err err;

	*ret_address = s->user->address;
	if (!str_equals(root, own_root)) {
		is_readable = false;
		if (str_starts_with(root, others)) {
			*ret_address = address_key_of(
			    s->command_arena, str_tail(root, others.len));
			if (reads_any(s, *ret_address, &is_readable, &err) !=
			    RC_OK) {
				chat_failure(s, &err);
				return false;
			}
		}
	}
	if (!is_readable)
		chat_no(s, "[NONEXISTENT] There is no such quota root");
	return is_readable;
}

void
cmd_getquota(struct session *s, const struct read_command *c)
{
	struct str address;
	struct mailbox *m;

	if (!arg_is_text(&c->text.args[0])) {
		chat_bad(s, "A quota root is wanted");
	} else if (find_root(s, c->text.args[0].s, &address) &&
	    find_user(s, address, &m)) {
		tell_quota(s, m);
		command_done(s, true, "Done");
	}
}

void
cmd_getquotaroot(struct session *s, const struct read_command *c)
{
	struct folder *f = NULL;
	struct mailbox *m;
	struct place p;
	bool is_own;

	if (!command_place(s, &c->text.args[0], &p))
		return;
	/* A name of one's own need not be there (RFC 9208 4.2); what others
	 * have is told to those who may read it. */
	is_own = !p.is_other && !p.is_void;
	if (!is_own)
		f = command_folder(s, &c->text.args[0], RIGHT_READ, false);
	if ((!is_own && !f) ||
	    !find_user(s, f ? f->address : s->user->address, &m))
		return;
	writer_add_cstr(s->writer, "* QUOTAROOT ");
	chat_mailbox(s, place_full_name(s, &p));
	writer_add_cstr(s->writer, " ");
	add_root(s, m->address);
	writer_add_cstr(s->writer, "\r\n");
	tell_quota(s, m);
	command_done(s, true, "Done");
}

void
cmd_setquota(struct session *s, const struct read_command *c)
{
	(void)c;
	chat_no(s, "[NOPERM] The administrator sets quotas");
}
