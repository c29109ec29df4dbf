/* One message of a client's session; see client.h. */
#include "base/fault.h"
#include "base/pulse.h"
#include "client_internal.h"
#include "db/blob.h"
#include "smtp/dot.h"
#include "text/idn.h"

#include "base/banned.h"

/* --- the envelope ----------------------------------------------------------------------------- */

/* With PIPELINING the reply is read by sync, else now. */
static bool
await(struct client *c, struct smtp_reply *r)
{
	if (!(c->extensions & EXT_PIPELINING))
		return client_ask(c, r);
	c->pending[c->n_pending++] = r;
	return true;
}

static bool
sync_replies(struct client *c)
{
	size_t i;

	for (i = 0; i < c->n_pending; i++) {
		if (c->is_broken || !client_ask(c, c->pending[i]))
			break;
	}
	c->n_pending = 0;
	return !c->is_broken;
}

/*
 * An address as this message may have it here: without SMTPUTF8, with the
 * domain in A-labels (RFC 6531 3.7.1). "" or one without '@' stays.
 */
static struct str
client_address(const struct client *c, struct str address)
{
	size_t at = str_find_last_char(address, '@');
	struct str domain;

	if (c->says_utf8 || str_is_ascii(address) ||
	    at == address.len ||
	    !idn_to_ascii(c->m->a, str_tail(address, at + 1), &domain))
		return address;
	return arena_join3(
	    c->m->a, str_slice(address, 0, at), STR("@"), domain);
}

static void
put_mail(struct client *c, const struct queue_item *item)
{
	struct arena *a = c->m->a;
	struct str p = STR(""), sender = client_address(c, item->sender);

	if (c->extensions & EXT_SIZE)
		p = arena_printf(a, " SIZE=%llu",
		    (unsigned long long)item->size + item->headers.len);
	if (c->extensions & EXT_8BITMIME && item->body_8bit)
		p = arena_join(a, p, STR(" BODY=8BITMIME"));
	if (c->says_utf8)
		p = arena_join(a, p, STR(" SMTPUTF8"));
	if (c->extensions & EXT_DSN && item->ret)
		p = arena_join(a, p, item->ret == RET_FULL
			? STR(" RET=FULL")
			: STR(" RET=HDRS"));
	if (c->extensions & EXT_DSN && item->envid.len)
		p = arena_join3(a, p, STR(" ENVID="), item->envid);
	client_put(c, "MAIL FROM:<%.*s>%.*s", STR_ARG(sender), STR_ARG(p));
}

struct notify_word {
	uint32_t bit;
	struct str word;
};

static const struct notify_word notify_words[] = {
	{ NOTIFY_NEVER, STR_INIT("NEVER") },
	{ NOTIFY_SUCCESS, STR_INIT("SUCCESS") },
	{ NOTIFY_FAILURE, STR_INIT("FAILURE") },
	{ NOTIFY_DELAY, STR_INIT("DELAY") },
};

static struct str
notify_param(struct arena *a, uint32_t notify)
{
	struct str p = STR("");
	size_t i;

	for (i = 0; i < sizeof(notify_words) / sizeof(*notify_words); i++) {
		if (notify & notify_words[i].bit)
			p = arena_join3(a, p,
			    p.len ? STR(",") : STR(" NOTIFY="),
			    notify_words[i].word);
	}
	return p;
}

static void
put_rcpt(struct client *c, const struct queue_recipient *r)
{
	struct arena *a = c->m->a;
	struct str p = STR(""), address = client_address(c, r->address);

	if (c->extensions & EXT_DSN) {
		p = notify_param(a, r->notify);
		if (r->orcpt.len)
			p = arena_join3(a, p, STR(" ORCPT="), r->orcpt);
	}
	client_put(c, "RCPT TO:<%.*s>%.*s", STR_ARG(address), STR_ARG(p));
}

/* RFC 6531 3.2: such an address goes only to who understands it. */
static bool
is_unspeakable(const struct client *c, struct str address)
{
	return !c->says_utf8 && !str_is_ascii(client_address(c, address));
}

struct envelope {
	const struct queue_item *item;
	const struct queue_recipient *const *v;
	size_t n;
	struct smtp_reply *replies; /* of the recipients */
	bool *surplus;              /* 452 at RCPT: another time */
	struct arena *a;
	struct smtp_reply mail;
	struct smtp_reply data;
	size_t n_good;
	bool is_data;                 /* DATA was said */
};

static bool
put_recipients(struct client *c, struct envelope *e)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		struct smtp_reply *r = &e->replies[i];

		if (is_unspeakable(c, e->v[i]->address)) {
			client_set_reply(r, 553, "5.6.7",
			    "The next mail system has no SMTPUTF8");
			continue;
		}
		put_rcpt(c, e->v[i]);
		if (!await(c, r))
			return false;
	}
	return true;
}

static void
count_good(struct envelope *e)
{
	size_t i;

	e->n_good = 0;
	for (i = 0; i < e->n; i++)
		e->n_good += client_verdict(&e->replies[i]) == RC_OK;
}

/* False: the session broke. Up to the 354, pipelined when it may be. */
static bool
send_envelope(struct client *c, struct envelope *e)
{
	bool is_pipelined = (c->extensions & EXT_PIPELINING) != 0;

	put_mail(c, e->item);
	if (!await(c, &e->mail))
		return false;
	if (!is_pipelined && client_verdict(&e->mail) != RC_OK)
		return true;
	if (!put_recipients(c, e))
		return false;
	count_good(e);
	if (is_pipelined || e->n_good) {
		e->is_data = true;
		client_put(c, "DATA");
		if (!await(c, &e->data) || !sync_replies(c))
			return false;
	}
	count_good(e);
	return true;
}

struct sending {
	struct client *c;
	struct dot_encoder encoder;
};

static void
write_piece(void *ctx, struct str piece)
{
	struct sending *s = ctx;

	writer_add_str(s->c->writer, piece);
}

static bool
send_piece(void *ctx, struct str piece)
{
	struct sending *s = ctx;

	dot_encode(&s->encoder, piece, write_piece, s);
	return pulse_beat() && writer_error(s->c->writer) == IO_OK;
}

/*
 * False: the connection is closed in the middle, nothing was accepted. The
 * final dot cannot be taken back: it is sent alone, behind a flush that may
 * take long, when the lease is known to be ours.
 */
static bool
send_message(
    struct client *c, const struct queue_item *item, struct smtp_reply *r)
{
	struct sending s = { .c = c };
	struct err err;

	c->is_broken = true;
	dot_encode_init(&s.encoder);
	if (!send_piece(&s, item->headers) ||
	    blob_read(c->m->db, &item->blob, 0, item->size, send_piece, &s,
		&err) != RC_OK ||
	    writer_flush(c->writer) != IO_OK) {
		client_set_reply(r, 0, "4.4.2", "The message could not be sent whole");
		return false;
	}
	FAULT_POINT("mda-before-dot");
	if (!lease_confirm(c->m)) {
		client_set_reply(r, 0, "4.3.2", "Another process has the message");
		return false;
	}
	c->m->leases.is_committed = true;
	c->is_broken = false;
	client_note(c, "C", STR("(message) ."));
	dot_encode_end(&s.encoder, write_piece, &s);
	return true;
}

/* RFC 5321 4.5.3.2.6: the end of data may take twice as long. */
static void
read_end(struct client *c, struct envelope *e)
{
	struct smtp_reply r = e->data;
	bool has_one = false;
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (client_verdict(&e->replies[i]) != RC_OK)
			continue;
		if (!has_one || c->is_lmtp) {
			client_set_reply(&r, 0, "4.4.2", "Connection lost");
			(void)(c->is_broken ||
			    client_get(c,
				config_int(c->m->config,
				    CFG_REMOTE_TIMEOUT) * 2,
				&r));
		}
		has_one = true;
		e->replies[i] = r;
	}
}

/* For all whose RCPT was accepted, or was not answered. */
static void
answer_all(struct envelope *e, const struct smtp_reply *r)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (e->replies[i].code == 0 ||
		    client_verdict(&e->replies[i]) == RC_OK)
			e->replies[i] = *r;
	}
}

/* A 354 though all were refused: an empty message ends it. */
static void
send_nothing(struct client *c)
{
	struct smtp_reply unused;

	writer_add_cstr(c->writer, ".\r\n");
	(void)client_ask(c, &unused);
}

static void
send_body(struct client *c, struct envelope *e)
{
	if (e->is_data && e->data.code == 354 && e->n_good == 0) {
		send_nothing(c);
	} else if (e->is_data && e->data.code == 354) {
		if (send_message(c, e->item, &e->data))
			read_end(c, e);
		else
			answer_all(e, &e->data);
	} else if (e->is_data && e->n_good) {
		if (client_verdict(&e->data) == RC_OK)
			client_set_reply(&e->data, 0, "4.5.0", "DATA was not taken");
		answer_all(e, &e->data);
	}
}

/*
 * RFC 5321 4.5.3.1.10: 552 for one recipient too many is 452; a client may
 * take it so when others were accepted.
 */
static void
client_note_surplus(struct envelope *e)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		struct smtp_reply *r = &e->replies[i];

		if (r->code == 552 && e->n_good)
			client_set_reply(r, 452, "4.5.3",
			    arena_dup_cstr(e->a, str_from_cstr(r->text)));
		e->surplus[i] = r->code == 452;
	}
}

enum rc
client_send(struct client *c, const struct queue_item *item,
    const struct queue_recipient *const *v, size_t n,
    struct smtp_reply *replies, bool *surplus, bool *ret_committed)
{
	struct envelope e = { .item = item, .v = v, .n = n,
		.replies = replies, .surplus = surplus, .a = c->m->a };
	struct smtp_reply lost;

	*ret_committed = false;
	buf_truncate(&c->transcript, c->greeting_end);
	c->says_utf8 = item->smtputf8 && (c->extensions & EXT_SMTPUTF8);
	if (is_unspeakable(c, item->sender)) {
		client_set_reply(&lost, 553, "5.6.7",
		    "The next mail system has no SMTPUTF8");
		answer_all(&e, &lost);
		return RC_OK;
	}
	if (!send_envelope(c, &e)) {
		client_set_reply(&lost, 0, "4.4.2", "Connection lost");
		answer_all(&e, e.mail.code && client_verdict(&e.mail) != RC_OK
			? &e.mail
			: &lost);
		return RC_TEMP;
	}
	client_note_surplus(&e);
	if (client_verdict(&e.mail) != RC_OK)
		answer_all(&e, &e.mail);
	else
		send_body(c, &e);
	if (!c->is_broken && e.data.code != 354) {
		client_put(c, "RSET");
		(void)client_ask(c, &lost);
	}
	*ret_committed = c->m->leases.is_committed;
	c->m->leases.is_committed = false;
	return c->is_broken ? RC_TEMP : RC_OK;
}
