/*
 * SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314). The owner of a
 * mailbox has all rights always; everybody else has what the entries for his
 * address and for "anyone" give together, less what those with a '-' take.
 */
#include "commands.h"

#include "base/limits.h"
#include "db/acl.h"
#include "place.h"
#include "rights.h"
#include "text/saslprep.h"

#include "base/banned.h"

/* The identifier in the form that is kept. False: answered. */
static bool
take_identifier(struct session *s, const struct arg *arg, struct str *ret)
{
	struct str prepared, bare;

	if (!arg_is_text(arg) ||
	    !saslprep(s->command_arena, arg->s, &prepared) ||
	    acl_bare(prepared).len == 0) {
		chat_bad(s, "That is no identifier");
		return false;
	}
	*ret = address_key_of(s->command_arena, prepared);
	bare = acl_bare(*ret);
	if (acl_is_anyone(bare) ||
	    (str_has_char(bare, '@') && bare.len <= LIMIT_SMTP_PATH))
		return true;
	chat_no(s, "[CANNOT] Identifiers are \"anyone\" and addresses of "
		   "mailboxes");
	return false;
}

/* "+lrs": what to do, and with which rights. False: answered. */
static bool
take_rights(struct session *s, const struct arg *arg, enum acl_op *ret_op,
    unsigned *ret_rights)
{
	struct str letters;

	if (!arg_is_text(arg)) {
		chat_bad(s, "The rights are missing");
		return false;
	}
	letters = arg->s;
	*ret_op = ACL_REPLACE;
	if (str_starts_with(letters, STR("+")) ||
	    str_starts_with(letters, STR("-"))) {
		*ret_op = letters.p[0] == '+' ? ACL_ADD : ACL_REMOVE;
		letters = str_tail(letters, 1);
	}
	if (acl_parse(letters, ret_rights))
		return true;
	chat_bad(s, "Rights are letters of lrswipkxtea");
	return false;
}

static void
change(struct session *s, const struct read_command *c, enum acl_op op,
    unsigned rights, struct str identifier)
{
	struct folder *f =
	    command_folder(s, &c->text.args[0], RIGHT_ADMIN, false);
	struct err err;

	if (!f)
		return;
	if (acl_change(s->p->db, &f->owner, &f->id, identifier, op, rights,
		&err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	session_ring(s, &f->owner);
	command_done(s, true, "Done");
}

static struct str
domain_of(struct str address)
{
	return str_tail(address, str_find_last_char(address, '@') + 1);
}

/*
 * An entry must name a mailbox that is there, so its answer tells who is: of
 * one's own domain that helps more than it harms, of others' it is not told.
 */
static bool
is_stranger(const struct session *s, struct str who)
{
	return str_equals(config_str(s->config, CFG_IMAP_ACL_DOMAINS),
		   STR("own")) &&
	    !str_equals(domain_of(who), domain_of(s->user->address));
}

/* Taking away is always allowed. False: answered. */
static bool
may_give(struct session *s, enum acl_op op, unsigned rights,
    struct str identifier)
{
	struct str who = acl_bare(identifier);

	if (op == ACL_REMOVE || rights == 0)
		return true;
	if (acl_is_anyone(who)) {
		if (!str_equals(identifier, who) ||
		    config_bool(s->config, CFG_IMAP_ACL_ANYONE))
			return true;
		chat_no(s, "[NOPERM] No rights for anyone are given here");
		return false;
	}
	if (!is_stranger(s, who))
		return true;
	chat_no(s, "[NOPERM] Rights are given to mailboxes of one's own "
		   "domain");
	return false;
}

void
cmd_setacl(struct session *s, const struct read_command *c)
{
	struct str identifier;
	enum acl_op op;
	unsigned rights;

	if (take_rights(s, &c->text.args[2], &op, &rights) &&
	    take_identifier(s, &c->text.args[1], &identifier) &&
	    may_give(s, op, rights, identifier))
		change(s, c, op, rights, identifier);
}

void
cmd_deleteacl(struct session *s, const struct read_command *c)
{
	struct str identifier;

	if (take_identifier(s, &c->text.args[1], &identifier))
		change(s, c, ACL_REPLACE, 0, identifier);
}

static void
add_rights(struct session *s, unsigned rights)
{
	char letters[ACL_TEXT];

	writer_add_cstr(s->writer, " ");
	if (rights)
		writer_add_str(
		    s->writer, acl_format(rights, true, letters));
	else
		chat_string(s, STR(""));
}

void
cmd_getacl(struct session *s, const struct read_command *c)
{
	struct folder *f =
	    command_folder(s, &c->text.args[0], RIGHT_ADMIN, false);
	size_t i;

	if (!f)
		return;
	writer_add_cstr(s->writer, "* ACL ");
	chat_mailbox(s, place_name(s, f));
	writer_add_cstr(s->writer, " ");
	chat_string(s, f->address);
	add_rights(s, RIGHTS_ALL);
	for (i = 0; i < f->n_acl; i++) {
		writer_add_cstr(s->writer, " ");
		chat_string(s, f->acl[i].identifier);
		add_rights(s, f->acl[i].rights);
	}
	writer_add_cstr(s->writer, "\r\n");
	command_done(s, true, "Done");
}

/* No right is tied to another, so "c" and "d" stand by themselves. */
void
cmd_listrights(struct session *s, const struct read_command *c)
{
	struct str identifier;
	struct folder *f;
	bool is_owner;

	if (!take_identifier(s, &c->text.args[1], &identifier))
		return;
	f = command_folder(s, &c->text.args[0], RIGHT_ADMIN, false);
	if (!f)
		return;
	is_owner = str_equals(acl_bare(identifier), f->address);
	writer_add_cstr(s->writer, "* LISTRIGHTS ");
	chat_mailbox(s, place_name(s, f));
	writer_add_cstr(s->writer, " ");
	chat_string(s, c->text.args[1].s);
	add_rights(s, str_equals(identifier, f->address) ? RIGHTS_ALL : 0);
	writer_add_cstr(s->writer,
	    is_owner ? "\r\n" : " l r s w i p k x t e a c d\r\n");
	command_done(s, true, "Done");
}

void
cmd_myrights(struct session *s, const struct read_command *c)
{
	struct folder *f = command_folder(s, &c->text.args[0], 0, false);
	unsigned rights;

	if (!f)
		return;
	rights = rights_of(s, f);
	if (!(rights &
		(RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE |
		    RIGHT_REMOVE | RIGHT_ADMIN))) {
		rights_say_missing(s, false);
		return;
	}
	rights_tell(s, f);
	command_done(s, true, "Done");
}
