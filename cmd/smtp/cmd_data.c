/*
 * DATA (RFC 5321 4.1.1.4): octets go through the dot decoder and the MIME
 * parser into the blob as they come; the queue document is the commit. After
 * the 354 everything up to CRLF.CRLF is read, whatever goes wrong, so that no
 * octet of a message ever runs as a command.
 */
#include "commands.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "db/blob.h"
#include "db/queue.h"
#include "last_look.h"
#include "log/log.h"
#include "mail/accept.h"
#include "mail/intake.h"
#include "mime/crlf.h"
#include "net/doorbell.h"
#include "policy.h"
#include "smtp/dot.h"
#include "text/date.h"

#include "base/banned.h"

enum { COMMIT_MS = 60000, BLOCK = 65536, LOGGED_OCTETS = 500 };

struct reception {
	struct session *s;
	struct oid id;
	struct dot dot;
	struct crlf crlf;
	struct buf scratch;
	bool is_normalised;
	struct intake *intake;    /* what is done to its header */
	struct acceptance *acc;
	uint64_t max;
	int64_t start_ms;         /* of DATA */
	struct oid blob;
	bool is_given_up;         /* the blob is there, its message is not */
	enum rc rc;               /* of the store: sticky */
	struct err err;
};

/* --- the trace field (RFC 5321 4.4) ------------------------------------------------- */

/* As registered by RFC 3848, and for SMTPUTF8 by RFC 6531 4.3. */
static const char *
protocol_name(const struct session *s)
{
	static const char *const names[2][2][2] = {
		{ { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
	};
	static const char *const lmtp[2][2] = { { "LMTP", "LMTPS" },
		{ "UTF8LMTP", "UTF8LMTPS" } };
	bool is_tls = stream_is_tls(s->stream);

	if (s->role == ROLE_LMTP)
		return lmtp[s->txn.smtputf8][is_tls];
	if (!s->is_esmtp)
		return "SMTP";
	return names[s->txn.smtputf8][is_tls][s->login != NULL];
}

static void
add_source(const struct session *s, struct buf *b)
{
	struct str a = s->c->peer.address;

	buf_printf(b, "Received: from %.*s", STR_ARG(s->helo));
	if (str_has_char(a, ':'))
		buf_printf(b, " ([IPv6:%.*s])", STR_ARG(a));
	else if (str_has_char(a, '.'))
		buf_printf(b, " ([%.*s])", STR_ARG(a));
	else
		buf_printf(b, " (%.*s)", STR_ARG(a));
}

/* `for` only with one recipient: the others' names are nobody's business. */
static struct str
received_field(const struct session *s, const struct oid *id)
{
	struct buf b = BUF_INIT;
	char text[OID_HEX];
	struct str field;

	add_source(s, &b);
	buf_printf(&b, "\r\n\tby %.*s (M3MTA) with %s id %.*s",
	    STR_ARG(s->p->hostname), protocol_name(s),
	    STR_ARG(oid_format(id, text)));
	if (stream_is_tls(s->stream))
		buf_printf(&b, "\r\n\t(version=%.*s cipher=%.*s)",
		    STR_ARG(stream_tls_version(s->stream)),
		    STR_ARG(stream_tls_cipher(s->stream)));
	if (s->txn.recipients.n == 1)
		buf_printf(&b, "\r\n\tfor <%.*s>",
		    STR_ARG(s->txn.recipients.v[0].text));
	buf_add_cstr(&b, ";\r\n\t");
	date_print_rfc5322(&b, db_time(s->p->db) / 1000, 0);
	buf_add_cstr(&b, "\r\n");
	field = arena_dup_str(s->txn_arena, buf_str(&b));
	buf_done(&b);
	return field;
}

/* --- octets --------------------------------------------------------------------------- */

static void
store(void *ctx, struct str piece)
{
	struct reception *r = ctx;

	if (r->rc == RC_OK)
		r->rc = acceptance_push(r->acc, piece, &r->err);
}

/* A message that will be refused is read, but no more of it is kept. */
static bool
is_lost(const struct reception *r)
{
	return r->rc != RC_OK || r->dot.size > r->max || r->dot.has_nul ||
	    (!r->is_normalised && (r->dot.has_bare_cr || r->dot.has_bare_lf));
}

static void
on_piece(void *ctx, struct str piece)
{
	struct reception *r = ctx;

	if (is_lost(r))
		return;
	if (r->is_normalised) {
		buf_reset(&r->scratch);
		crlf_push(&r->crlf, piece, &r->scratch);
		piece = buf_str(&r->scratch);
	}
	if (piece.len)
		intake_push(r->intake, piece, store, r);
}

/*
 * The next block has to come in time, and the whole at the rate that is
 * wanted: a client that sends an octet a minute must not hold a process.
 */
static int64_t
block_deadline(const struct reception *r)
{
	const struct config *c = r->s->config;
	int64_t block = session_deadline(r->s, CFG_SMTP_TIMEOUT_DATA);
	int64_t rate = config_int(c, CFG_SMTP_LIMIT_DATA_RATE);
	int64_t whole = rate == 0
	    ? block
	    : r->start_ms + config_int(c, CFG_SMTP_TIMEOUT_DATA) +
		(int64_t)(r->dot.size * 1000 / (uint64_t)rate);

	return whole < block ? whole : block;
}

/* Up to CRLF.CRLF. IO_OK: all of it was read. */
static enum io
receive(struct reception *r)
{
	struct session *s = r->s;
	struct str block;
	enum io io;

	while (!r->dot.is_done) {
		io = reader_block(
		    s->reader, BLOCK, block_deadline(r), &block);
		if (io != IO_OK)
			return io;
		reader_consume(
		    s->reader, dot_push(&r->dot, block, on_piece, r));
	}
	if (r->is_normalised && !is_lost(r)) {
		buf_reset(&r->scratch);
		crlf_finish(&r->crlf, &r->scratch);
		intake_push(r->intake, buf_str(&r->scratch), store, r);
	}
	if (!is_lost(r))
		intake_finish(r->intake, store, r);
	return IO_OK;
}

/* --- the queue document ------------------------------------------------------------------ */

static void
fill_recipients(struct session *s, struct queue_item *item)
{
	size_t i, n = s->txn.recipients.n;

	item->recipients =
	    ARENA_ARRAY(s->txn_arena, n, struct queue_recipient);
	item->n_recipients = 0;
	for (i = 0; i < n; i++) {
		const struct recipient *r = &s->txn.recipients.v[i];

		if (r->look != LOOK_PASSES)
			continue;
		item->recipients[item->n_recipients++] =
		    (struct queue_recipient){
			.address = r->text,
			.state = RECIPIENT_PENDING,
			.notify = r->notify,
			.orcpt = r->orcpt,
		};
	}
}

static void
fill_item(struct reception *r, struct queue_item *item)
{
	struct session *s = r->s;
	struct err unused;
	int64_t now;

	if (db_now(s->p->db, &now, &unused) != RC_OK)
		now = db_time(s->p->db);
	*item = (struct queue_item){
		.id = r->id,
		.bucket = r->id.b[OID_SIZE - 1] % QUEUE_BUCKETS,
		.sender = s->txn.sender,
		.created_ms = now,
		.expires_ms = now + config_int(s->config, CFG_RETRY_EXPIRE),
		.envid = s->txn.envid,
		.ret = s->txn.ret,
		.smtputf8 = s->txn.smtputf8,
		.body_8bit = s->txn.is_8bit,
		.login = s->login ? s->login->address : STR(""),
		.may_relay = rcpt_may_relay(
		    s->config, s->login, s->c->peer.address),
		.peer = arena_printf(s->txn_arena, "[%.*s]:%u",
		    STR_ARG(s->c->peer.address), s->c->peer.port),
		.helo = s->helo,
		.origin = s->role == ROLE_LMTP ? STR("lmtp")
		    : s->role == ROLE_SUBMISSION ? STR("submission")
						 : STR("smtp"),
		.session = str_make(s->id, sizeof(s->id)),
	};
	fill_recipients(s, item);
}

/* --- the answer ------------------------------------------------------------------------------ */

void
cmd_answer_data(
    struct session *s, int code, const char *status, struct str text)
{
	size_t i, n = s->role == ROLE_LMTP ? s->txn.accepted.n : 1;

	for (i = 0; i < n; i++) {
		if (s->role != ROLE_LMTP ||
		    !last_look_answers(s, s->txn.accepted.v[i]))
			chat_reply(s, code, status, "%.*s", STR_ARG(text));
	}
}

static void
answer(struct session *s, int code, const char *status, const char *text)
{
	cmd_answer_data(s, code, status, str_from_cstr(text));
}

/* False: answered. The order is that of what the sender can mend. */
static bool
check_content(struct reception *r)
{
	struct session *s = r->s;

	if (r->dot.has_nul || (!r->is_normalised &&
		(r->dot.has_bare_cr || r->dot.has_bare_lf))) {
		/* The lines may hide another message: trust no more. */
		answer(s, 550, "5.6.11",
		    r->dot.has_nul ? "NUL in the message"
				   : "Bare CR or LF in the message");
		s->is_ending = true;
	} else if (r->dot.size > r->max) {
		answer(s, 552, "5.3.4", "Message too big");
	} else if (r->rc == RC_PERM && strcmp(r->err.code, "5.3.4") == 0) {
		answer(s, 552, "5.3.4", r->err.text);
	} else if (r->rc != RC_OK) {
		log_failure("accept-failed", &r->err);
		answer(s, 451, "4.3.0",
		    "Temporary failure of the mail system, try again later");
	} else {
		return true;
	}
	return false;
}

/* Enough to find a message by; the deliveries name each of them. */
static struct str
some_recipients(struct arena *a, const struct queue_item *item)
{
	struct str all = STR("");
	size_t i;

	for (i = 0; i < item->n_recipients && all.len < LOGGED_OCTETS; i++)
		all = arena_join3(a, all, i ? STR(",") : STR(""),
		    item->recipients[i].address);
	return i < item->n_recipients ? arena_join(a, all, STR(",..."))
				      : all;
}

static void
log_accepted(const struct reception *r, const struct queue_item *item,
    struct str id)
{
	const struct session *s = r->s;

	log_begin(LOG_AT_INFO, "accepted");
	log_str("queue", id);
	log_str("from", item->sender);
	log_str("to", some_recipients(s->txn_arena, item));
	log_num("recipients", (int64_t)item->n_recipients);
	log_num("size", (int64_t)item->size);
	log_cstr("protocol", protocol_name(s));
	log_str("helo", s->helo);
	log_str("tls", stream_tls_version(s->stream));
	log_str("login", item->login);
	log_num("code", 250);
	log_num("ms", clock_mono_ms() - r->start_ms);
	log_end();
}

/* A hook's address instead of all recipients. */
static void
redirect(struct session *s, struct queue_item *item)
{
	item->n_recipients = 1;
	item->recipients[0] = (struct queue_recipient){
		.address = s->txn.redirect,
		.state = RECIPIENT_PENDING,
	};
}

/* spamd, then the hooks of the end. False: answered. */
static bool
check_policy(struct reception *r, struct queue_item *item)
{
	struct session *s = r->s;
	const char *text;

	if (!policy_spam(s, item, &text)) {
		answer(s, 550, "5.7.1", text);
		return false;
	}
	if (!policy_passes(s, "end", STR(""), item))
		return false;
	item->headers =
	    arena_join(s->txn_arena, s->txn.headers, item->headers);
	item->held = s->txn.is_held;
	if (s->txn.redirect.len)
		redirect(s, item);
	return true;
}

static void
commit(struct reception *r)
{
	struct session *s = r->s;
	struct queue_item item;
	const struct facts *facts;
	char text[OID_HEX];
	struct str id = oid_format(&r->id, text);

	fill_item(r, &item);
	r->rc = acceptance_finish(r->acc, &item.blob, &item.size,
	    &item.facts, &facts, &r->err);
	if (r->rc == RC_OK)
		item.delivered_to = facts->delivered_to;
	if (r->rc == RC_OK)
		item.body = acceptance_body(r->acc);
	r->blob = item.blob;
	r->is_given_up = r->rc == RC_OK && !item.body.len;
	FAULT_POINT("smtp-blob-done");
	if (r->rc == RC_OK &&
	    facts->received > config_int(s->config, CFG_SMTP_HOPS)) {
		answer(s, 554, "5.4.6", "Too many hops: a loop");
		return;
	}
	if (r->rc == RC_OK && !check_policy(r, &item))
		return;
	if (r->rc == RC_OK && !s->txn.is_discarded &&
	    s->txn.redirect.len == 0) {
		if (!last_look_passes(s, facts->delivered_to, item.size))
			return;
		fill_recipients(s, &item);
	}
	if (r->rc == RC_OK && !s->txn.is_discarded)
		r->rc = queue_insert(
		    s->p->db, &item, clock_deadline(COMMIT_MS), &r->err);
	if (!check_content(r))
		return;
	r->is_given_up &= s->txn.is_discarded;
	FAULT_POINT("smtp-before-250");
	cmd_answer_data(s, 250, "2.0.0",
	    arena_join(s->txn_arena, STR("OK queued as "), id));
	chat_flush(s);
	doorbell_ring_mda(
	    config_str(s->config, CFG_RUNTIME_DIR), item.bucket);
	log_accepted(r, &item, id);
}

static void
end_early(struct session *s, enum io io)
{
	if (io == IO_TIMEOUT)
		chat_close(s, 421, "4.4.2", "%.*s timed out",
		    STR_ARG(s->p->hostname));
	else if (io == IO_STOPPED)
		session_stopped(s);
	s->is_ending = true;
}

static void
init(struct reception *r, struct session *s)
{
	*r = (struct reception){ .s = s, .id = oid_new(), .max = UINT64_MAX,
		.start_ms = clock_mono_ms() };
	r->is_normalised = str_equals(
	    config_str(s->config, CFG_SMTP_BODY_BARE_LF), STR("normalise"));
	if (config_bool(s->config, CFG_SMTP_SIZE_CHECK_DATA))
		r->max = (uint64_t)config_int(
		    s->config, CFG_SMTP_SIZE_MAXIMUM);
	dot_init(&r->dot);
	r->rc = acceptance_new(s->p->db, s->txn_arena,
	    received_field(s, &r->id),
	    config_bool(s->config, CFG_IMAP_SEARCH_INDEX), &r->acc, &r->err);
	if (r->rc == RC_OK)
		acceptance_keep_small(r->acc, LIMIT_QUEUE_BODY);
	r->intake = intake_new(s->txn_arena, &(struct intake_options){
	    .is_submission = s->role == ROLE_SUBMISSION || s->login,
	    .is_judged_here = policy_is_judged_here(s),
	    .hostname = s->p->hostname,
	    .id = r->id,
	    .now_s = db_time(s->p->db) / 1000,
	});
}

/* The rates of messages (RFC 3463: 4.7.1 is policy). False: answered. */
static bool
is_within_rates(struct session *s)
{
	struct guard g = session_guard(s);
	struct str login = s->login ? s->login->address : STR("");
	bool may = true;
	struct err err;
	enum rc rc;

	rc = guard_rate(&g, s->login ? CFG_LIMIT_MESSAGES_LOGIN
				     : CFG_LIMIT_MESSAGES_SOURCE,
	    login, 1, &may, &err);
	if (rc == RC_OK && may && s->login)
		rc = guard_rate(&g, CFG_LIMIT_RECIPIENTS_LOGIN, login,
		    (int64_t)s->txn.recipients.n, &may, &err);
	if (rc != RC_OK)
		chat_temporary(s, &err);
	else if (!may)
		chat_reply(s, 450, "4.7.1",
		    "Too much mail for now, try again later");
	else
		return true;
	session_reset(s);
	return false;
}

void
cmd_data(struct session *s, struct str argument)
{
	struct reception r;
	enum io io;

	(void)argument;
	if (account_is_due(&s->account) && !session_check_account(s)) {
		session_reset(s);
		return;
	}
	if (!is_within_rates(s) ||
	    !policy_passes(s, "data", STR(""), NULL))
		return;
	init(&r, s);
	s->n_messages++;
	chat_reply(s, 354, "", "End with CRLF.CRLF");
	chat_flush(s);
	io = receive(&r);
	if (io != IO_OK)
		end_early(s, io);
	else if (check_content(&r))
		commit(&r);
	intake_free(r.intake);
	if (r.is_given_up) {
		chat_flush(s);
		blob_give_up(s->p->db, &r.blob, 1);
	}
	acceptance_free(r.acc);
	buf_done(&r.scratch);
	session_reset(s);
	/* The session may go on for half an hour without another message. */
	mem_trim_spare();
}
