/*
 * QUOTA (RFC 9208, and clients of RFC 2087): one root for all folders of a
 * mailbox, its storage in units of 1024 octets. Limits are set by m3mta.
 */
#include "commands.h"

#include "base/banned.h"

static const struct str root = STR_INIT("user");

static uint64_t
units(uint64_t octets)
{
	return (octets + 1023) / 1024;
}

/* The figures as they are now, not as they were at the login. False: answered. */
static bool
find_user(struct session *s, struct mailbox **ret)
{
	struct err err;

	if (mailbox_find(s->p->db, s->command_arena, s->user->address, ret,
		&err) != RC_OK) {
		chat_failure(s, &err);
		return false;
	}
	if (!*ret)
		chat_no(s, "[NONEXISTENT] The mailbox is gone");
	return *ret != NULL;
}

static void
tell_quota(struct session *s, const struct mailbox *m)
{
	if (m->size_maximum)
		chat_untagged(s, "QUOTA %.*s (STORAGE %llu %llu)",
		    STR_ARG(root), (unsigned long long)units(m->size_current),
		    (unsigned long long)units(m->size_maximum));
	else
		chat_untagged(s, "QUOTA %.*s ()", STR_ARG(root));
}

void
cmd_getquota(struct session *s, const struct read_command *c)
{
	struct mailbox *m;

	if (!arg_is_text(&c->text.args[0]))
		chat_bad(s, "A quota root is wanted");
	else if (!str_equals(c->text.args[0].s, root))
		chat_no(s, "[NONEXISTENT] There is no such quota root");
	else if (find_user(s, &m)) {
		tell_quota(s, m);
		command_done(s, true, "Done");
	}
}

void
cmd_getquotaroot(struct session *s, const struct read_command *c)
{
	struct folder *f = command_folder(s, &c->text.args[0], false);
	struct mailbox *m;

	if (!f || !find_user(s, &m))
		return;
	writer_add_cstr(s->writer, "* QUOTAROOT ");
	chat_mailbox(s, f->name);
	writer_add_cstr(s->writer, " ");
	writer_add_str(s->writer, root);
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
