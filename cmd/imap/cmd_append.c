/*
 * APPEND and MULTIAPPEND (RFC 3501 6.3.11, RFC 3502), with UTF8 (RFC 6855)
 * and CATENATE (RFC 4469): the message goes in blocks through the MIME parser
 * into a blob, whatever its pieces come from; nothing is stored before all
 * messages of the command are there. A refused command leaves nothing behind
 * that could run as commands.
 */
#include "commands.h"

#include <stdarg.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "catenate.h"
#include "db/blob.h"
#include "db/limits.h"
#include "mail/accept.h"
#include "mime/crlf.h"
#include "notify.h"
#include "rights.h"
#include "text/date.h"

#include "base/banned.h"

/* Octets of small messages that one transaction takes with it. */
enum { MAX_KEPT = 4 << 20, HOUR_MS = 3600000 };

struct append {
	struct session *s;
	struct folder *to;
	const struct arg *v;          /* what is left of the arguments */
	size_t n;
	struct pending_literal next;  /* behind them */
	struct mailbox *owner;        /* of the folder: its quota */
	VEC(struct append_message) messages;
	size_t kept;                  /* octets of their bodies */
	struct acceptance *acc;       /* of the message that is read */
	uint64_t size;                /* of it, so far */
	uint64_t total;               /* of those before it */
	struct uid_set old;           /* REPLACE: what goes, 1 or none */
	uint64_t freed;               /* ... and its part of the quota */
	size_t n_parts;               /* of CATENATE, in all messages */
	struct crlf crlf;
	struct buf scratch;
	const char *wrong;            /* with the octets; told at the end */
	bool has_room;                /* of what failed (append_may_fail) */
	bool is_stored;
	enum rc rc;
	struct err err;
};

static bool refuse(struct append *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* NO, and passes over what comes all the same. */
static bool
refuse(struct append *a, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	chat_no(a->s, "%.*s", STR_ARG(buf_str(&b)));
	buf_done(&b);
	read_drop(a->s, &a->next);
	return false;
}

static bool
refuse_bad(struct append *a, const char *text)
{
	chat_bad(a->s, text);
	read_drop(a->s, &a->next);
	return false;
}

/* --- flags and date --------------------------------------------------------------- */

static void
pass_over(struct append *a, size_t n)
{
	a->v += n;
	a->n -= n;
}

/* [flags] [date] in front of the message. False: answered. */
static bool
take_head(struct append *a, struct append_message *m)
{
	uint64_t may = rights_flags(rights_of(a->s, a->to));
	struct flag_list flags;
	int unused;

	m->date_s = db_time(a->s->p->db) / 1000;
	if (a->n && a->v[0].type == ARG_LIST) {
		if (!command_flags(a->s, a->v[0].v, a->v[0].n, &flags)) {
			read_drop(a->s, &a->next);
			return false;
		}
		m->flags = flags.bits & may;
		m->keywords = flags.keywords;
		m->n_keywords = may >> FLAG_FIRST_KEYWORD ? flags.n : 0;
		pass_over(a, 1);
	}
	if (a->n && a->v[0].type == ARG_STRING) {
		if (!date_parse_imap(a->v[0].s, &m->date_s, &unused))
			return refuse_bad(a, "Bad date");
		pass_over(a, 1);
	}
	return true;
}

/* --- octets ------------------------------------------------------------------------- */

/* Of the session's user, who may append to others' folders too. */
static struct str
append_key(const struct append *a)
{
	char text[UUID_TEXT];

	return arena_join(a->s->command_arena, STR("given up, "),
	    uuid_format(&a->s->user->owner, text));
}

/*
 * What a command wrote before it failed stays until gc has been there, so
 * nobody may do that without end. Small messages are not written before
 * they are stored. False: answered.
 */
static bool
append_may_fail(struct append *a)
{
	struct limit_state state = { 0 };
	struct str key;
	bool is_held = false;

	if (a->has_room || (a->n == 0 && a->next.size <= LIMIT_QUEUE_BODY &&
		a->kept < MAX_KEPT))
		return true;
	key = append_key(a);
	a->rc = limit_look(a->s->p->db, &key, 1, &is_held, &a->err);
	if (a->rc == RC_OK && is_held)
		a->rc = limit_take(a->s->p->db, key, 0, HOUR_MS, &state,
		    &a->err);
	if (state.n > LIMIT_IMAP_GIVEN_UP)
		return refuse(a, "[LIMIT] Too much was sent that was not "
		    "stored, try again later");
	a->has_room = true;
	return true;
}

/* Behind the answer. */
static void
append_give_up(struct append *a)
{
	struct arena *arena = a->s->command_arena;
	VEC(struct oid) blobs = { 0 };
	struct limit_state unused;
	size_t i;

	for (i = 0; i < a->messages.n; i++) {
		const struct append_message *m = &a->messages.v[i];

		if (m->facts.len && !m->body.len)
			VEC_PUSH(arena, &blobs, m->blob);
	}
	if (a->is_stored || (blobs.n == 0 && a->size <= LIMIT_QUEUE_BODY))
		return;
	chat_flush(a->s);
	blob_give_up(a->s->p->db, blobs.v, blobs.n);
	(void)limit_take(a->s->p->db, append_key(a),
	    (int64_t)(a->total + a->size), HOUR_MS, &unused, &a->err);
}

/* Before they are sent, or read. False: answered. */
static bool
check_room(struct append *a, uint64_t n)
{
	const struct mailbox *u = a->owner;
	uint64_t size = a->size + n, used = u->size_current;

	used -= a->freed < used ? a->freed : used;
	if (size >
	    (uint64_t)config_int(a->s->config, CFG_IMAP_APPEND_MAXIMUM))
		return refuse(a, "[TOOBIG] The message is too big");
	if (u->size_maximum &&
	    (used >= u->size_maximum ||
		a->total + size > u->size_maximum - used))
		return refuse(a, "[OVERQUOTA] The mailbox is full");
	return true;
}

static void
begin_message(struct append *a)
{
	a->size = 0;
	a->crlf = (struct crlf){ .keeps_cr = true };
	if (a->rc == RC_OK)
		a->rc = acceptance_new(a->s->p->db, a->s->command_arena,
		    STR(""),
		    config_bool(a->s->config, CFG_IMAP_SEARCH_INDEX),
		    &a->acc, &a->err);
	if (a->rc == RC_OK && a->kept < MAX_KEPT)
		acceptance_keep_small(a->acc, LIMIT_QUEUE_BODY);
}

static bool
on_octets(void *ctx, struct str block)
{
	struct append *a = ctx;

	a->size += block.len;
	if (!a->wrong && str_has_char(block, '\0'))
		a->wrong = a->next.is_literal8
		    ? "[UNKNOWN-CTE] NUL cannot be stored"
		    : "[CANNOT] NUL in the message";
	if (a->rc != RC_OK || a->wrong)
		return true;
	buf_reset(&a->scratch);
	crlf_push(&a->crlf, block, &a->scratch);
	a->rc = acceptance_push(a->acc, buf_str(&a->scratch), &a->err);
	return true;
}

static void
on_block(void *ctx, struct str block)
{
	(void)on_octets(ctx, block);
}

static void
end_message(struct append *a, struct append_message *m)
{
	const struct facts *unused;
	bool is_empty = a->size == 0;

	buf_reset(&a->scratch);
	crlf_finish(&a->crlf, &a->scratch);
	if (a->rc == RC_OK && !a->wrong)
		a->rc = acceptance_push(
		    a->acc, buf_str(&a->scratch), &a->err);
	if (a->rc == RC_OK && !a->wrong)
		a->rc = acceptance_finish(a->acc, &m->blob, &m->blob_size,
		    &m->facts, &unused, &a->err);
	if (a->rc == RC_OK && !a->wrong)
		m->body = acceptance_body(a->acc);
	a->kept += m->body.len;
	acceptance_free(a->acc);
	a->acc = NULL;
	a->total += a->size;
	a->size = 0;
	/* How a client cancels a MULTIAPPEND (RFC 3502). */
	if (is_empty && a->rc == RC_OK && !a->wrong)
		a->wrong = "An empty message cancels the command";
}

/* The next literal, then the line that goes on behind it. False: answered. */
static bool
take_literal(struct append *a)
{
	struct session *s = a->s;
	enum read_result r;

	if (!check_room(a, a->next.size))
		return false;
	if (a->next.is_sync)
		chat_continue(s, "OK");
	if (read_literal(s, a->next.size, on_block, a) != IO_OK) {
		session_enter(s, STATE_LOGOUT);
		return false;
	}
	r = read_more(s, a->next.place, &a->v, &a->n, &a->next);
	if (r == READ_END)
		session_enter(s, STATE_LOGOUT);
	return r == READ_COMMAND;
}

/* UTF8 (~{n}: eight bits in headers. False: answered. */
static bool
check_utf8(struct append *a)
{
	if (!a->next.is_literal8)
		return refuse_bad(a, "UTF8 takes ~{n}");
	if (!a->s->has_utf8)
		return refuse_bad(a, "ENABLE UTF8=ACCEPT first");
	return true;
}

/* --- CATENATE ------------------------------------------------------------------------- */

/* In a response code it must not end it. */
static bool
refuse_url(struct append *a, struct str url)
{
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < url.len; i++) {
		if (url.p[i] == ']' || ascii_is_cntl(url.p[i]))
			buf_printf(&b, "%%%02X", (unsigned char)url.p[i]);
		else
			buf_add_char(&b, url.p[i]);
	}
	(void)refuse(a, "[BADURL %.*s] There is no such part",
	    STR_ARG(buf_str(&b)));
	buf_done(&b);
	return false;
}

/* False: answered. */
static bool
take_url(struct append *a, struct str url)
{
	struct cat_part part;
	bool found = false;

	if (a->rc != RC_OK)
		return true;
	a->rc = catenate_find(a->s, url, &part, &found, &a->err);
	if (a->rc != RC_OK)
		return true;
	if (!found)
		return refuse_url(a, url);
	if (!check_room(a, cat_part_size(&part)))
		return false;
	a->rc = catenate_read(a->s, &part, on_octets, a, &a->err);
	return true;
}

static bool
is_place(const struct append *a, enum literal_place place)
{
	return a->next.is_there && a->next.place == place;
}

/*
 * Parts of a list up to its end, or to the literal that stands in it.
 * *ret_literal: that is next. False: answered.
 */
static bool
take_parts(struct append *a, const struct arg *list, bool *ret_literal)
{
	const struct arg *v = list->v;
	bool is_open = a->n == 2 &&
	    (is_place(a, PLACE_CATENATE) || is_place(a, PLACE_CATENATE_UTF8));
	size_t i = 0, n = list->n;

	if (is_open)
		n -= a->next.place == PLACE_CATENATE ? 1 : 2;
	/* What is left of UTF8 (~{n}) is its empty list. */
	if (n >= 2 && arg_is_atom(&v[0], STR("UTF8")) &&
	    v[1].type == ARG_LIST && v[1].n == 0)
		i = 2;
	for (; i < n; i += 2) {
		if (++a->n_parts > LIMIT_IMAP_PARTS)
			return refuse(a, "[LIMIT] Too many parts");
		if (i + 1 == n || !arg_is_atom(&v[i], STR("URL")) ||
		    !arg_is_text(&v[i + 1]))
			return refuse_bad(
			    a, "URL or TEXT with a literal is wanted");
		if (!take_url(a, v[i + 1].s))
			return false;
	}
	*ret_literal = is_open;
	return true;
}

/* CATENATE (...), at the cursor. False: answered. */
static bool
take_catenate(struct append *a)
{
	bool is_literal = false;

	if (a->n < 2 || a->v[1].type != ARG_LIST || a->v[1].n == 0)
		return refuse_bad(a, "CATENATE takes a list");
	for (;;) {
		if (!take_parts(a, &a->v[1], &is_literal))
			return false;
		if (!is_literal)
			break;
		if (++a->n_parts > LIMIT_IMAP_PARTS)
			return refuse(a, "[LIMIT] Too many parts");
		if (a->next.place == PLACE_CATENATE_UTF8 && !check_utf8(a))
			return false;
		if (!take_literal(a))
			return false;
	}
	pass_over(a, 2);
	return true;
}

/* --- messages ------------------------------------------------------------------------- */

/* One message's octets. False: answered. */
static bool
take_data(struct append *a)
{
	if (a->n == 0 && is_place(a, PLACE_PLAIN))
		return take_literal(a);
	if (a->n && arg_is_atom(&a->v[0], STR("CATENATE")))
		return take_catenate(a);
	if (a->n == 2 && is_place(a, PLACE_UTF8)) {
		if (!check_utf8(a) || !take_literal(a))
			return false;
		if (a->n < 2 || a->v[1].n)
			return refuse_bad(a, "UTF8 takes one literal");
		pass_over(a, 2);
		return true;
	}
	return refuse_bad(a,
	    a->n ? "Unknown argument before the message"
		 : "The message is missing");
}

/* All messages of the command. False: answered, or the end. */
static bool
take_all(struct append *a, const struct read_command *c, size_t n_before)
{
	struct append_message *m;
	bool ok;

	a->v = c->text.args + n_before;
	a->n = c->text.n - n_before;
	do {
		if (a->messages.n == LIMIT_IMAP_MESSAGES ||
		    arena_is_over(a->s->command_arena))
			return refuse(a, "[LIMIT] Too many messages");
		m = VEC_ADD(a->s->command_arena, &a->messages);
		if (!take_head(a, m))
			return false;
		if (!append_may_fail(a))
			return false;
		begin_message(a);
		ok = take_data(a);
		if (ok)
			end_message(a, m);
		acceptance_free(a->acc);
		a->acc = NULL;
		if (!ok)
			return false;
	} while (a->n || a->next.is_there);
	return true;
}

/*
 * The quota as it stands now, so that a message over it is refused before it
 * is sent. Without one at the login the transaction that stores tells.
 */
static bool
find_target(struct append *a, const struct arg *mailbox)
{
	struct session *s = a->s;

	a->to = command_folder(s, mailbox, RIGHT_INSERT, true);
	if (!a->to)
		return false;
	a->owner = s->user;
	if (rights_is_owner(s, &a->to->owner) && !s->user->size_maximum)
		return true;
	if (mailbox_find(s->p->db, s->command_arena, a->to->address,
		&a->owner, &a->err) != RC_OK) {
		chat_failure(s, &a->err);
		return false;
	}
	if (!a->owner)
		rights_say_missing(s, false);
	return a->owner != NULL;
}

/* False: answered. */
static bool
store(struct append *a, uint32_t *ret_validity, uint32_t *ret_first)
{
	struct notify_own own = { .events = NOTIFY_MESSAGE_NEW };
	struct session *s = a->s;

	if (a->wrong) {
		chat_no(s, "%s", a->wrong);
		return false;
	}
	if (a->rc == RC_OK && a->old.n)
		a->rc = store_replace(s->p->db, a->to, a->messages.v,
		    &s->view->folder, a->old, ret_validity, ret_first,
		    &a->err);
	else if (a->rc == RC_OK)
		a->rc = store_append(s->p->db, a->to, a->messages.v,
		    a->messages.n, ret_validity, ret_first, &a->err);
	if (a->rc != RC_OK) {
		chat_failure(s, &a->err);
		return false;
	}
	a->is_stored = true;
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
	struct append a = { .s = s, .next = c->pending };

	if (!find_target(&a, &c->text.args[0]))
		read_drop(s, &a.next);
	else if (take_all(&a, c, 1))
		append(&a);
	append_give_up(&a);
	buf_done(&a.scratch);
}

/* --- REPLACE (RFC 8508) ------------------------------------------------------------- */

/* The one message that is replaced. False: answered. */
static bool
find_old(struct append *a, const struct read_command *c)
{
	struct session *s = a->s;
	struct selection sel = { 0 };
	const char *wrong;

	if (!command_may(s, RIGHT_DELETE | RIGHT_EXPUNGE))
		return false;
	if (view_load(s, &a->err) != RC_OK) {
		chat_failure(s, &a->err);
		return false;
	}
	wrong = view_select(
	    s, &c->text.args[0], s->is_uid, false, &sel);
	if (!wrong && sel.n != 1)
		wrong = "One message is wanted";
	if (wrong) {
		chat_bad(s, wrong);
		return false;
	}
	a->old = view_uids(s, &sel);
	a->freed = s->view->v[sel.v[0]].e.size;
	return true;
}

/* Only what a mailbox grows by counts (RFC 8508 3.4). */
static bool
find_new_place(struct append *a, const struct arg *mailbox)
{
	if (!find_target(a, mailbox))
		return false;
	if (!uuid_equals(&a->to->owner, &a->s->view->folder.owner))
		a->freed = 0;
	return true;
}

static void
replace(struct append *a)
{
	struct session *s = a->s;
	uint32_t validity, uid;

	if (a->messages.n != 1) {
		chat_bad(s, "REPLACE takes one message");
		return;
	}
	if (!store(a, &validity, &uid))
		return;
	chat_untagged(s, "OK [APPENDUID %u %u] Replacement stored", validity,
	    uid);
	s->view->has_own_expunge = true;
	session_ring(s, &s->view->folder.owner);
	command_done(s, true, "Replaced");
}

void
cmd_replace(struct session *s, const struct read_command *c)
{
	struct append a = { .s = s, .next = c->pending };

	if (!find_old(&a, c) || !find_new_place(&a, &c->text.args[1]))
		read_drop(s, &a.next);
	else if (take_all(&a, c, 2))
		replace(&a);
	append_give_up(&a);
	buf_done(&a.scratch);
}
