/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. */
#include "commands.h"

#include "special.h"

#include "base/banned.h"

/* CREATE name (USE (\Sent)), RFC 6154 3. False: answered. */
static bool
take_use(struct session *s, const struct read_command *c,
    enum special_use *ret_use)
{
	const struct arg *list, *uses;

	*ret_use = SPECIAL_NONE;
	if (c->text.n < 2)
		return true;
	list = &c->text.args[1];
	if (list->type != ARG_LIST || list->n != 2 ||
	    !arg_is_atom(&list->v[0], STR("USE")) ||
	    list->v[1].type != ARG_LIST || list->v[1].n != 1) {
		chat_bad(s, "Unknown parameter");
		return false;
	}
	uses = &list->v[1];
	*ret_use = special_of(uses->v[0].s);
	if (*ret_use == SPECIAL_NONE) {
		chat_no(s, "[USEATTR] Unknown special use");
		return false;
	}
	return true;
}

void
cmd_create(struct session *s, const struct read_command *c)
{
	enum special_use use;
	struct folder *f;
	char text[OID_HEX];
	struct str name;
	struct err err;

	if (!command_mailbox(s, &c->text.args[0], &name) ||
	    !take_use(s, c, &use))
		return;
	if (folder_create(s->p->db, s->command_arena, &s->user->owner, name,
		use, false, &f, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	command_done(s, true, "[MAILBOXID (%.*s)] Created",
	    STR_ARG(oid_format(&f->id, text)));
}

void
cmd_delete(struct session *s, const struct read_command *c)
{
	struct str name;
	struct err err;

	if (!command_mailbox(s, &c->text.args[0], &name))
		return;
	if (s->view && str_equals(s->view->folder.name, name))
		session_unselect(s);
	if (folder_delete(s->p->db, &s->user->owner, name, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	session_ring(s, &s->user->owner);
	command_done(s, true, "Deleted");
}

void
cmd_rename(struct session *s, const struct read_command *c)
{
	struct str from, to;
	struct err err;

	if (!command_mailbox(s, &c->text.args[0], &from) ||
	    !command_mailbox(s, &c->text.args[1], &to))
		return;
	if (folder_rename(s->p->db, &s->user->owner, from, to, &err) !=
	    RC_OK)
		chat_failure(s, &err);
	else
		command_done(s, true, "Renamed");
}

static void
set_subscribed(
    struct session *s, const struct read_command *c, bool subscribed)
{
	struct str name;
	struct err err;

	if (!command_mailbox(s, &c->text.args[0], &name))
		return;
	if (folder_subscribe(s->p->db, &s->user->owner, name, subscribed,
		&err) != RC_OK)
		chat_failure(s, &err);
	else
		command_done(s, true, "Done");
}

void
cmd_subscribe(struct session *s, const struct read_command *c)
{
	set_subscribed(s, c, true);
}

void
cmd_unsubscribe(struct session *s, const struct read_command *c)
{
	set_subscribed(s, c, false);
}

/* --- STATUS ---------------------------------------------------------------------- */

static uint64_t
recent_of(const struct folder *f)
{
	uint32_t n = f->recent_uid < f->uidnext ? f->uidnext - f->recent_uid
						: 0;

	return n < f->exists ? n : f->exists;
}

/* False: no such item. */
static bool
add_item(struct buf *b, const struct folder *f, struct str item)
{
	char text[OID_HEX];
	const struct {
		struct str name;
		uint64_t value;
	} items[] = {
		{ STR_INIT("MESSAGES"), f->exists },
		{ STR_INIT("RECENT"), recent_of(f) },
		{ STR_INIT("UIDNEXT"), f->uidnext },
		{ STR_INIT("UIDVALIDITY"), f->uidvalidity },
		{ STR_INIT("UNSEEN"), f->unseen },
		{ STR_INIT("DELETED"), f->deleted },
		{ STR_INIT("SIZE"), f->size },
		{ STR_INIT("HIGHESTMODSEQ"), f->highestmodseq },
	};
	size_t i;

	for (i = 0; i < sizeof(items) / sizeof(*items); i++) {
		if (str_equals_nocase(item, items[i].name)) {
			buf_printf(b, "%.*s %llu", STR_ARG(items[i].name),
			    (unsigned long long)items[i].value);
			return true;
		}
	}
	if (!str_equals_nocase(item, STR("MAILBOXID")))
		return false;
	buf_printf(b, "MAILBOXID (%.*s)", STR_ARG(oid_format(&f->id, text)));
	return true;
}

bool
status_tell(struct session *s, const struct folder *f, const struct arg *items)
{
	struct buf b = BUF_INIT;
	size_t i;
	bool ok = items->type == ARG_LIST && items->n > 0;

	for (i = 0; ok && i < items->n; i++) {
		if (i)
			buf_add_char(&b, ' ');
		ok = arg_is_text(&items->v[i]) &&
		    add_item(&b, f, items->v[i].s);
	}
	if (ok) {
		writer_add_cstr(s->writer, "* STATUS ");
		chat_mailbox(s, f->name);
		writer_printf(
		    s->writer, " (%.*s)\r\n", STR_ARG(buf_str(&b)));
	}
	buf_done(&b);
	return ok;
}

void
cmd_status(struct session *s, const struct read_command *c)
{
	struct folder *f = command_folder(s, &c->text.args[0], false);

	if (!f)
		return;
	if (!status_tell(s, f, &c->text.args[1]))
		chat_bad(s, "Unknown STATUS item");
	else
		command_done(s, true, "Done");
}
