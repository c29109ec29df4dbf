/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. */
#include "commands.h"

#include "notify.h"
#include "place.h"
#include "rights.h"
#include "special.h"

#include "base/banned.h"

/* One use at most. */
static bool
is_creatable(const struct arg *uses, enum special_use *ret_use)
{
	enum special_use use;

	if (uses->n == 0) {
		*ret_use = SPECIAL_NONE;
		return true;
	}
	use = special_of(uses->v[0].s);
	if (uses->n > 1 || !special_is_settable(use))
		return false;
	*ret_use = use;
	return true;
}

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
	    !arg_is_atom(&list->v[0], STR("USE"))) {
		chat_bad(s, "Unknown parameter");
		return false;
	}
	uses = &list->v[1];
	if (uses->type != ARG_LIST ||
	    (uses->n && uses->v[0].type != ARG_ATOM)) {
		chat_bad(s, "USE takes a list of attributes");
		return false;
	}
	if (!is_creatable(uses, ret_use)) {
		chat_no(s, "[USEATTR] No mailbox can have this use");
		return false;
	}
	return true;
}

/* Names changed: those who wait hear of it, but not this client. */
static void
tell_others(struct session *s, const struct uuid *owner, struct str from,
    struct str to, unsigned events)
{
	struct notify_own own = { .events = events, .from = from, .to = to };

	notify_own(s, &own);
	session_ring(s, owner);
}

void
cmd_create(struct session *s, const struct read_command *c)
{
	enum special_use use;
	struct folder *f;
	char text[OID_HEX];
	struct place p;
	struct err err;

	if (!command_place(s, &c->text.args[0], &p) ||
	    !take_use(s, c, &use) || !place_may_create(s, &p))
		return;
	if (p.is_other && use != SPECIAL_NONE) {
		chat_no(s, "[USEATTR] Uses are for one's own mailboxes");
		return;
	}
	if (folder_create(s->p->db, s->command_arena, &p.owner, p.name, use,
		false, &f, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	tell_others(s, &p.owner, STR(""), place_full_name(s, &p),
	    NOTIFY_MAILBOX_NAME);
	command_done(s, true, "[MAILBOXID (%.*s)] Created",
	    STR_ARG(oid_format(&f->id, text)));
}

void
cmd_delete(struct session *s, const struct read_command *c)
{
	struct folder *f =
	    command_folder(s, &c->text.args[0], RIGHT_REMOVE, false);
	struct err err;

	if (!f)
		return;
	if (s->view && oid_equals(&s->view->folder.id, &f->id))
		session_unselect(s);
	if (folder_delete(s->p->db, &f->owner, f->name, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	tell_others(s, &f->owner, place_name(s, f), STR(""),
	    NOTIFY_MAILBOX_NAME);
	command_done(s, true, "Deleted");
}

void
cmd_rename(struct session *s, const struct read_command *c)
{
	struct folder *f =
	    command_folder(s, &c->text.args[0], RIGHT_REMOVE, false);
	struct place p;
	struct err err;

	if (!f || !command_place(s, &c->text.args[1], &p) ||
	    !place_may_create(s, &p))
		return;
	if (!uuid_equals(&f->owner, &p.owner)) {
		chat_no(s, "[CANNOT] A mailbox keeps its owner: copy the "
			   "messages");
		return;
	}
	if (folder_rename(s->p->db, &f->owner, f->name, p.name, &err) !=
	    RC_OK) {
		chat_failure(s, &err);
		return;
	}
	/* Messages went out of INBOX, which stays. */
	if (s->view && oid_equals(&s->view->folder.id, &f->id) &&
	    str_equals(f->name, STR("INBOX")))
		s->view->has_own_expunge = true;
	tell_others(s, &f->owner, place_name(s, f), place_full_name(s, &p),
	    NOTIFY_MAILBOX_NAME | NOTIFY_SUBSCRIPTION_CHANGE);
	command_done(s, true, "Renamed");
}

static void
set_subscribed(
    struct session *s, const struct read_command *c, bool subscribed)
{
	struct str name;
	struct place p;
	struct err err;

	if (!command_place(s, &c->text.args[0], &p))
		return;
	/* A name of another user's folder is the subscriber's to keep. */
	name = place_full_name(s, &p);
	if (folder_subscribe(s->p->db, &s->user->owner, name, subscribed,
		&err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	tell_others(s, &s->user->owner, STR(""), name,
	    NOTIFY_SUBSCRIPTION_CHANGE);
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

/* What nobody took, and in its own mailbox what this session has. */
static uint64_t
recent_of(const struct session *s, const struct folder *f)
{
	uint32_t n = f->recent_uid < f->uidnext ? f->uidnext - f->recent_uid
						: 0;

	if (s && s->view && view_is_writable(s->view) &&
	    oid_equals(&s->view->folder.id, &f->id))
		n += view_count_recent(s->view);
	return n < f->exists ? n : f->exists;
}

/* Of a folder, with what its document does not have. */
struct figures {
	const struct session *s; /* NULL: only what items there are */
	const struct folder *f;
	uint64_t deleted_storage;
	uint64_t append_limit;
};

/* False: no such item. */
static bool
add_item(struct buf *b, const struct figures *x, struct str item)
{
	const struct folder *f = x->f;
	char text[OID_HEX];
	const struct {
		struct str name;
		uint64_t value;
	} items[] = {
		{ STR_INIT("MESSAGES"), f->exists },
		{ STR_INIT("RECENT"), recent_of(x->s, f) },
		{ STR_INIT("UIDNEXT"), f->uidnext },
		{ STR_INIT("UIDVALIDITY"), f->uidvalidity },
		{ STR_INIT("UNSEEN"), f->unseen },
		{ STR_INIT("DELETED"), f->deleted },
		{ STR_INIT("DELETED-STORAGE"), x->deleted_storage },
		{ STR_INIT("SIZE"), f->size },
		{ STR_INIT("HIGHESTMODSEQ"), f->highestmodseq },
		{ STR_INIT("APPENDLIMIT"), x->append_limit },
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

static bool
asks_for(const struct arg *items, struct str name)
{
	size_t i;

	for (i = 0; i < items->n; i++) {
		if (arg_is_atom(&items->v[i], name))
			return true;
	}
	return false;
}

/* What EXPUNGE would free, in octets (RFC 9208 4.1.4). */
static enum rc
add_deleted(struct session *s, const struct folder *f, uint64_t *ret_octets,
    struct err *err)
{
	struct folder_changes all;
	uint64_t octets = 0;
	size_t i;
	enum rc rc = store_changes(
	    s->p->db, s->command_arena, &f->owner, &f->id, 0, &all, err);

	if (rc != RC_OK)
		return rc;
	for (i = 0; i < all.n_entries; i++) {
		if (all.entries[i].flags & FLAG_DELETED)
			octets += all.entries[i].size;
	}
	*ret_octets = octets;
	return RC_OK;
}

/* "MESSAGES 1 UNSEEN 0"; false: an unknown item, or no list. */
static bool
add_items(struct buf *b, const struct figures *x, const struct arg *items)
{
	size_t i;

	if (items->type != ARG_LIST || items->n == 0)
		return false;
	for (i = 0; i < items->n; i++) {
		if (i)
			buf_add_char(b, ' ');
		if (!arg_is_text(&items->v[i]) ||
		    !add_item(b, x, items->v[i].s))
			return false;
	}
	return true;
}

void
status_note_condstore(struct session *s, const struct arg *items)
{
	if (items->type == ARG_LIST && asks_for(items, STR("HIGHESTMODSEQ")))
		session_use_condstore(s);
}

bool
status_is_known(const struct arg *items)
{
	static const struct folder none;
	struct buf unused = BUF_INIT;
	bool ok = add_items(&unused, &(struct figures){ .f = &none }, items);

	buf_done(&unused);
	return ok;
}

enum rc
status_tell(struct session *s, const struct folder *f,
    const struct arg *items, struct err *err)
{
	struct figures x = { .s = s, .f = f,
		.append_limit = (uint64_t)config_int(
		    s->config, CFG_IMAP_APPEND_MAXIMUM) };
	struct buf b = BUF_INIT;
	enum rc rc = RC_OK;

	if (f->deleted && items->type == ARG_LIST &&
	    asks_for(items, STR("DELETED-STORAGE")))
		rc = add_deleted(s, f, &x.deleted_storage, err);
	if (rc == RC_OK && !add_items(&b, &x, items))
		rc = err_set(err, RC_PERM, "", "Unknown STATUS item");
	if (rc == RC_OK) {
		writer_add_cstr(s->writer, "* STATUS ");
		chat_mailbox(s, place_name(s, f));
		writer_printf(
		    s->writer, " (%.*s)\r\n", STR_ARG(buf_str(&b)));
	}
	buf_done(&b);
	return rc;
}

void
cmd_status(struct session *s, const struct read_command *c)
{
	struct folder *f =
	    command_folder(s, &c->text.args[0], RIGHT_READ, false);
	struct err err;

	if (!f)
		return;
	status_note_condstore(s, &c->text.args[1]);
	switch (status_tell(s, f, &c->text.args[1], &err)) {
	case RC_OK:
		command_done(s, true, "Done");
		break;
	case RC_PERM:
		chat_bad(s, err.text);
		break;
	case RC_TEMP:
	case RC_BUG:
		chat_failure(s, &err);
		break;
	}
}
