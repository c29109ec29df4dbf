/*
 * APPEND and MULTIAPPEND (RFC 3501 6.3.11, RFC 3502): the message goes in
 * blocks through the MIME parser into a blob; nothing is stored before all
 * messages of the command are there.
 */
#include "commands.h"

#include "base/clock.h"
#include "base/limits.h"
#include "mail/accept.h"
#include "mime/crlf.h"
#include "notify.h"
#include "text/date.h"

#include "base/banned.h"

/* Octets of small messages that one transaction takes with it. */
enum { MAX_MESSAGES = 1000, MAX_KEPT = 4 << 20 };

struct append {
	struct session *s;
	struct folder *to;
	VEC(struct append_message) messages;
	size_t kept;              /* octets of their bodies */
	struct acceptance *acc;   /* of the message that is read */
	struct crlf crlf;
	struct buf scratch;
	bool has_nul;
	enum rc rc;
	struct err err;
	bool is_answered;
};

static void
refuse(struct append *a, const char *text)
{
	chat_no(a->s, "%s", text);
	a->is_answered = true;
}

/* --- flags and date --------------------------------------------------------------- */

/* [flags] [date] in front of the message. False: answered. */
static bool
take_arguments(struct append *a, const struct arg *v, size_t n,
    struct append_message *m)
{
	struct flag_list flags;
	int unused;

	m->date_s = clock_wall_ms() / 1000;
	if (n && v[0].type == ARG_LIST) {
		if (!command_flags(a->s, v[0].v, v[0].n, &flags))
			return false;
		m->flags = flags.bits;
		m->keywords = flags.keywords;
		m->n_keywords = flags.n;
		v++;
		n--;
	}
	if (n && v[0].type == ARG_STRING) {
		if (!date_parse_imap(v[0].s, &m->date_s, &unused)) {
			chat_bad(a->s, "Bad date");
			return false;
		}
		n--;
	}
	if (n) {
		chat_bad(a->s, "Unknown argument before the message");
		return false;
	}
	return true;
}

/* --- octets ------------------------------------------------------------------------- */

static void
on_block(void *ctx, struct str block)
{
	struct append *a = ctx;

	a->has_nul |= str_has_char(block, '\0');
	if (a->rc != RC_OK || a->has_nul)
		return;
	buf_reset(&a->scratch);
	crlf_push(&a->crlf, block, &a->scratch);
	a->rc = acceptance_push(a->acc, buf_str(&a->scratch), &a->err);
}

static enum rc
finish_message(struct append *a, struct append_message *m)
{
	const struct facts *unused;

	buf_reset(&a->scratch);
	crlf_finish(&a->crlf, &a->scratch);
	if (a->rc == RC_OK)
		a->rc = acceptance_push(
		    a->acc, buf_str(&a->scratch), &a->err);
	if (a->rc == RC_OK)
		a->rc = acceptance_finish(a->acc, &m->blob, &m->blob_size,
		    &m->facts, &unused, &a->err);
	if (a->rc == RC_OK)
		m->body = acceptance_body(a->acc);
	a->kept += m->body.len;
	return a->rc;
}

/* False: the connection is gone. */
static bool
read_message(struct append *a, const struct pending_literal *p,
    struct append_message *m)
{
	enum io io;

	if (p->is_sync)
		chat_continue(a->s, "OK");
	a->crlf = (struct crlf){ .keeps_cr = true };
	if (a->rc == RC_OK)
		a->rc = acceptance_new(a->s->p->db, a->s->command_arena,
		    STR(""), &a->acc, &a->err);
	if (a->rc == RC_OK && a->kept < MAX_KEPT)
		acceptance_keep_small(a->acc, LIMIT_QUEUE_BODY);
	io = read_literal(a->s, p->size, on_block, a);
	if (io == IO_OK && a->rc == RC_OK && !a->has_nul)
		(void)finish_message(a, m);
	acceptance_free(a->acc);
	a->acc = NULL;
	return io == IO_OK;
}

/* Before the client sends it: false, and answered. */
static bool
check_size(struct append *a, const struct pending_literal *p)
{
	const struct mailbox *u = a->s->user;

	if (p->size >
	    (uint64_t)config_int(a->s->config, CFG_IMAP_APPEND_MAXIMUM)) {
		refuse(a, "[TOOBIG] The message is too big");
		return false;
	}
	if (u->size_maximum &&
	    (u->size_current >= u->size_maximum ||
		p->size > u->size_maximum - u->size_current)) {
		refuse(a, "[OVERQUOTA] The mailbox is full");
		return false;
	}
	return true;
}

/*
 * The quota as it stands now, so that a message over it is refused before it
 * is sent. Without one at the login the transaction that stores tells.
 */
static bool
refresh_user(struct append *a)
{
	struct session *s = a->s;
	struct mailbox *m;

	if (!s->user->size_maximum)
		return true;
	if (mailbox_find(s->p->db, s->command_arena, s->user->address, &m,
		&a->err) != RC_OK) {
		chat_failure(s, &a->err);
		return false;
	}
	if (m) {
		s->user->size_current = m->size_current;
		s->user->size_maximum = m->size_maximum;
	}
	return true;
}

/*
 * All messages of the command, behind so many arguments. False: answered, or
 * the end.
 */
static bool
read_all(struct append *a, const struct read_command *c, size_t n_before)
{
	struct pending_literal p = c->pending;
	const struct arg *v = c->text.args + n_before;
	size_t n = c->text.n - n_before;
	enum read_result r;

	while (p.is_there) {
		struct append_message *m =
		    VEC_ADD(a->s->command_arena, &a->messages);

		if (!take_arguments(a, v, n, m) || !check_size(a, &p) ||
		    a->messages.n > MAX_MESSAGES) {
			read_drop(a->s, &p);
			return false;
		}
		if (!read_message(a, &p, m)) {
			session_enter(a->s, STATE_LOGOUT);
			return false;
		}
		r = read_more(a->s, &v, &n, &p);
		if (r == READ_END)
			session_enter(a->s, STATE_LOGOUT);
		if (r != READ_COMMAND)
			return false;
	}
	if (n) {
		chat_bad(a->s, "The message is missing");
		return false;
	}
	return true;
}

/* False: answered. */
static bool
store(struct append *a, uint32_t *ret_validity, uint32_t *ret_first)
{
	struct notify_own own = { .events = NOTIFY_MESSAGE_NEW };
	struct session *s = a->s;

	if (a->has_nul) {
		chat_no(s, "[CANNOT] NUL in the message");
		return false;
	}
	if (a->rc == RC_OK)
		a->rc = store_append(s->p->db, a->to, a->messages.v,
		    a->messages.n, ret_validity, ret_first, &a->err);
	if (a->rc != RC_OK) {
		chat_failure(s, &a->err);
		return false;
	}
	view_note_own(s, &a->to->id, *ret_first, a->messages.n);
	own.folder = a->to->id;
	own.n_new = a->messages.n;
	notify_own(s, &own);
	session_ring(s, &a->to->owner);
	return true;
}

static void
append(struct append *a)
{
	struct session *s = a->s;
	uint32_t validity, first;
	size_t n = a->messages.n;

	if (!store(a, &validity, &first))
		return;
	if (n == 1)
		command_done(s, true, "[APPENDUID %u %u] Stored", validity,
		    first);
	else
		command_done(s, true, "[APPENDUID %u %u:%u] Stored", validity,
		    first, first + (uint32_t)n - 1);
}

void
cmd_append(struct session *s, const struct read_command *c)
{
	struct append a = { .s = s };

	if (!c->pending.is_there) {
		chat_bad(s, "The message is missing");
		return;
	}
	a.to = command_folder(s, &c->text.args[0], true);
	if (!a.to || !refresh_user(&a))
		read_drop(s, &c->pending);
	else if (read_all(&a, c, 1))
		append(&a);
	buf_done(&a.scratch);
}

/* --- REPLACE (RFC 8508) ------------------------------------------------------------- */

/* The one message that is replaced. False: answered. */
static bool
find_old(struct append *a, const struct read_command *c, struct uid_set *ret)
{
	struct session *s = a->s;
	struct selection sel = { 0 };
	const char *wrong;

	if (s->view->is_read_only) {
		chat_no(s, "[READ-ONLY] The mailbox is open read-only");
		return false;
	}
	if (view_load(s, &a->err) != RC_OK) {
		chat_failure(s, &a->err);
		return false;
	}
	wrong = arg_is_text(&c->text.args[0])
	    ? view_select(s, c->text.args[0].s, s->is_uid, false, &sel)
	    : "Bad number";
	if (!wrong && sel.n != 1)
		wrong = "One message is wanted";
	if (wrong) {
		chat_bad(s, wrong);
		return false;
	}
	*ret = view_uids(s, &sel);
	return true;
}

/* First the new one, then the old one goes: nothing is lost between. */
static void
replace(struct append *a, struct uid_set old)
{
	struct session *s = a->s;
	uint32_t validity, uid;
	uint64_t modseq;

	if (a->messages.n != 1) {
		chat_bad(s, "REPLACE takes one message");
		return;
	}
	if (!store(a, &validity, &uid))
		return;
	chat_untagged(s, "OK [APPENDUID %u %u] Replacement stored", validity,
	    uid);
	if (store_expunge(s->p->db, &s->view->folder.owner,
		&s->view->folder.id, old, true, &modseq, &a->err) != RC_OK) {
		chat_failure(s, &a->err);
		return;
	}
	s->view->has_own_expunge = true;
	session_ring(s, &s->view->folder.owner);
	command_done(s, true, "Replaced");
}

void
cmd_replace(struct session *s, const struct read_command *c)
{
	struct append a = { .s = s };
	struct uid_set old;

	if (!c->pending.is_there) {
		chat_bad(s, "The message is missing");
		return;
	}
	if (!find_old(&a, c, &old) ||
	    !(a.to = command_folder(s, &c->text.args[1], true)) ||
	    !refresh_user(&a))
		read_drop(s, &c->pending);
	else if (read_all(&a, c, 2))
		replace(&a, old);
	buf_done(&a.scratch);
}
