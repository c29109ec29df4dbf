/* The SMTP client; see client.h. */
#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "db/blob.h"
#include "net/dial.h"
#include "net/reader.h"
#include "net/tlsconf.h"
#include "net/writer.h"

#include "base/banned.h"

enum { BUFFER = 16384, DATA_MS = 600000, QUIT_MS = 5000 };

enum extension {
	EXT_STARTTLS = 1,
	EXT_SIZE     = 2,
	EXT_8BITMIME = 4,
	EXT_SMTPUTF8 = 8,
	EXT_DSN      = 16,
};

struct client {
	struct mda *m;
	int fd;
	struct stream *stream;
	struct reader *reader;
	struct writer *writer;
	unsigned extensions;
	struct buf transcript;
};

enum rc
client_verdict(const struct client_reply *r)
{
	if (r->code >= 200 && r->code < 300)
		return RC_OK;
	return r->code >= 500 && r->code < 600 ? RC_PERM : RC_TEMP;
}

static void
note(struct client *c, const char *who, struct str text)
{
	if (c->transcript.len + text.len + 8 > LIMIT_TRANSCRIPT)
		return;
	buf_printf(&c->transcript, "%s: %.*s\n", who, STR_ARG(text));
}

struct str
client_transcript(const struct client *c)
{
	return buf_str(&c->transcript);
}

/* --- replies ------------------------------------------------------------------------ */

static void
set_reply(struct client_reply *r, uint32_t code, const char *status,
    const char *text)
{
	r->code = code;
	snprintf(r->status, sizeof(r->status), "%s", status);
	snprintf(r->text, sizeof(r->text), "%s", text);
}

static bool
is_status(struct str s)
{
	size_t i, dots = 0;

	for (i = 0; i < s.len; i++) {
		dots += s.p[i] == '.';
		if (s.p[i] != '.' && !ascii_is_digit(s.p[i]))
			return false;
	}
	return dots == 2 && s.len < 12;
}

/* "250-5.1.1 text": false: not a reply line. */
static bool
parse_line(struct str line, struct client_reply *r, bool *ret_last)
{
	struct str text = str_tail(line, 4), word;
	uint64_t code;
	size_t i, end;

	if (line.len < 3 || !num_parse_u64(str_slice(line, 0, 3), 599, &code) ||
	    code < 200 || (line.len > 3 && line.p[3] != ' ' &&
			      line.p[3] != '-'))
		return false;
	*ret_last = line.len == 3 || line.p[3] == ' ';
	r->code = (uint32_t)code;
	end = str_find_char(text, ' ');
	word = str_slice(text, 0, end);
	if (is_status(word)) {
		snprintf(r->status, sizeof(r->status), "%.*s", STR_ARG(word));
		text = str_trim(str_tail(text, end));
	} else {
		snprintf(r->status, sizeof(r->status), "%u.0.0",
		    r->code / 100);
	}
	snprintf(r->text, sizeof(r->text), "%.*s", STR_ARG(text));
	for (i = 0; r->text[i]; i++) {
		if (ascii_is_cntl(r->text[i]))
			r->text[i] = '?';
	}
	return true;
}

struct extension_row {
	struct str name;
	unsigned bit;
};

static const struct extension_row extensions[] = {
	{ STR_INIT("STARTTLS"), EXT_STARTTLS },
	{ STR_INIT("SIZE"), EXT_SIZE },
	{ STR_INIT("8BITMIME"), EXT_8BITMIME },
	{ STR_INIT("SMTPUTF8"), EXT_SMTPUTF8 },
	{ STR_INIT("DSN"), EXT_DSN },
};

static void
note_extension(struct client *c, struct str line)
{
	struct str word = str_tail(line, 4);
	size_t i;

	word = str_slice(word, 0, str_find_char(word, ' '));
	for (i = 0; i < sizeof(extensions) / sizeof(*extensions); i++) {
		if (str_equals_nocase(word, extensions[i].name))
			c->extensions |= extensions[i].bit;
	}
}

/* False: the connection is no good any more; *r says why. */
static bool
read_reply(struct client *c, int64_t timeout_ms, bool is_hello,
    struct client_reply *r)
{
	int64_t deadline = clock_deadline(timeout_ms);
	bool is_last = false;
	struct line l;
	int n;

	for (n = 0; !is_last; n++) {
		enum io io = reader_line(c->reader, LIMIT_SMTP_REPLY_LINE,
		    LIMIT_SMTP_LINE_DISCARD, deadline, &l);

		if (io != IO_OK || n > LIMIT_SMTP_REPLY_LINES) {
			set_reply(r, 0, "4.4.2",
			    io == IO_TIMEOUT ? "No reply in time"
					     : "Connection lost");
			return false;
		}
		note(c, "S", l.text);
		if (!parse_line(l.text, r, &is_last)) {
			set_reply(r, 0, "4.5.0", "That is no SMTP reply");
			return false;
		}
		if (is_hello)
			note_extension(c, l.text);
	}
	return true;
}

static bool command(struct client *c, struct client_reply *r,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int64_t
reply_timeout(const struct client *c)
{
	return config_int(c->m->config, CFG_REMOTE_TIMEOUT);
}

static bool
command(struct client *c, struct client_reply *r, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	note(c, "C", buf_str(&b));
	buf_add_cstr(&b, "\r\n");
	writer_add_str(c->writer, buf_str(&b));
	ok = str_starts_with(buf_str(&b), STR("EHLO"));
	buf_done(&b);
	if (writer_flush(c->writer) != IO_OK) {
		set_reply(r, 0, "4.4.2", "Connection lost");
		return false;
	}
	return read_reply(c, reply_timeout(c), ok, r);
}

/* --- the start ----------------------------------------------------------------------------- */

static bool
hello(struct client *c, struct client_reply *r)
{
	struct str name = c->m->p->hostname;

	c->extensions = 0;
	if (!command(c, r, "EHLO %.*s", STR_ARG(name)))
		return false;
	if (client_verdict(r) == RC_PERM &&
	    !command(c, r, "HELO %.*s", STR_ARG(name)))
		return false;
	return client_verdict(r) == RC_OK;
}

/* RFC 3207. Octets behind the 220 would be injected: no good. */
static bool
start_tls(struct client *c, struct str host, enum tls_policy policy,
    struct client_reply *r)
{
	struct tls_client *tls;
	struct err err;
	enum io io;

	if (!command(c, r, "STARTTLS") || client_verdict(r) != RC_OK)
		return policy == TLS_MAY && r->code != 0;
	if (reader_pending(c->reader)) {
		set_reply(r, 0, "4.7.0", "Octets behind the STARTTLS reply");
		return false;
	}
	if (tls_client_new(policy == TLS_VERIFY, NULL, &tls, &err) != RC_OK) {
		set_reply(r, 0, "4.7.0", err.text);
		return false;
	}
	io = stream_start_tls_client(c->stream, tls,
	    arena_dup_cstr(c->m->a, host), clock_deadline(reply_timeout(c)));
	tls_client_free(tls);
	if (io != IO_OK) {
		set_reply(r, 0, "4.7.0", stream_error_text(c->stream));
		return false;
	}
	return hello(c, r);
}

static bool
greet(struct client *c, struct str host, enum tls_policy tls,
    struct client_reply *r)
{
	bool must = tls == TLS_MUST || tls == TLS_VERIFY;

	if (!read_reply(c, reply_timeout(c), false, r) ||
	    client_verdict(r) != RC_OK || !hello(c, r))
		return false;
	if (c->extensions & EXT_STARTTLS && tls != TLS_NEVER)
		return start_tls(c, host, tls, r) &&
		    (!must || stream_is_tls(c->stream));
	if (must)
		set_reply(r, 0, "4.7.0", "TLS is required and not offered");
	return !must;
}

enum rc
client_open(struct mda *m, struct str host, struct str address,
    uint16_t port, enum tls_policy tls, struct client **ret_client,
    struct client_reply *ret_reply)
{
	int64_t deadline = clock_deadline(
	    config_int(m->config, CFG_REMOTE_TIMEOUT_CONNECT));
	struct client *c;
	struct err err;
	int fd;

	if (dial_connect(address, port, deadline, &fd, &err) != RC_OK) {
		set_reply(ret_reply, 0, "4.4.1", err.text);
		return RC_TEMP;
	}
	c = mem_alloc(sizeof(*c));
	c->m = m;
	c->fd = fd;
	c->stream = stream_new_fd(fd, fd);
	c->reader = reader_new(c->stream, BUFFER);
	c->writer = writer_new(c->stream, BUFFER, reply_timeout(c));
	if (!greet(c, host, tls, ret_reply)) {
		client_close(c);
		return client_verdict(ret_reply) == RC_PERM ? RC_PERM
							    : RC_TEMP;
	}
	*ret_client = c;
	return RC_OK;
}

/* --- a message ------------------------------------------------------------------------------------ */

static bool
mail(struct client *c, const struct queue_item *item, struct client_reply *r)
{
	struct arena *a = c->m->a;
	struct str params = STR("");

	if (c->extensions & EXT_SIZE)
		params = arena_printf(a, " SIZE=%llu",
		    (unsigned long long)item->size);
	if (c->extensions & EXT_8BITMIME && item->body_8bit)
		params = arena_join(a, params, STR(" BODY=8BITMIME"));
	if (c->extensions & EXT_SMTPUTF8 && item->smtputf8)
		params = arena_join(a, params, STR(" SMTPUTF8"));
	if (c->extensions & EXT_DSN && item->ret)
		params = arena_join(a, params,
		    item->ret == RET_FULL ? STR(" RET=FULL")
					  : STR(" RET=HDRS"));
	if (c->extensions & EXT_DSN && item->envid.len)
		params =
		    arena_join3(a, params, STR(" ENVID="), item->envid);
	return command(c, r, "MAIL FROM:<%.*s>%.*s", STR_ARG(item->sender),
	    STR_ARG(params));
}

/* Dot-stuffing, and every line end as CRLF whatever is stored. */
struct sending {
	struct client *c;
	char last;
	bool at_start;
};

static bool
send_piece(void *ctx, struct str piece)
{
	struct sending *s = ctx;
	struct writer *w = s->c->writer;
	size_t i, from = 0;

	for (i = 0; i < piece.len; i++) {
		char x = piece.p[i];

		if (s->last == '\r' && x != '\n') {
			writer_add(w, piece.p + from, i - from);
			writer_add(w, "\n", 1);
			from = i;
			s->at_start = true;
		} else if (x == '\n' && s->last != '\r') {
			writer_add(w, piece.p + from, i - from);
			writer_add(w, "\r", 1);
			from = i;
		}
		if (s->at_start && x == '.') {
			writer_add(w, piece.p + from, i - from);
			writer_add(w, ".", 1);
			from = i;
		}
		s->at_start = x == '\n';
		s->last = x;
	}
	writer_add(w, piece.p + from, piece.len - from);
	return writer_error(w) == IO_OK;
}

static enum rc
send_data(struct client *c, const struct queue_item *item,
    struct client_reply *r, struct err *err)
{
	struct sending s = { .c = c, .at_start = true };
	enum rc rc;

	rc = blob_read(
	    c->m->db, &item->blob, 0, item->size, send_piece, &s, err);
	if (rc != RC_OK)
		return rc; /* the connection is closed in the middle */
	if (s.last == '\r')
		writer_add(c->writer, "\n", 1);
	else if (s.last != '\n' && s.last)
		writer_add(c->writer, "\r\n", 2);
	writer_add(c->writer, ".\r\n", 3);
	note(c, "C", STR("(message) ."));
	if (writer_flush(c->writer) != IO_OK) {
		set_reply(r, 0, "4.4.2", "Connection lost");
		return RC_TEMP;
	}
	return read_reply(c, DATA_MS, false, r) ? RC_OK : RC_TEMP;
}

static void
copy_reply(const struct client_reply *r, struct client_reply *replies,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (replies[i].code == 0 || replies[i].code / 100 == 2)
			replies[i] = *r;
	}
}

enum rc
client_send(struct client *c, const struct queue_item *item,
    const struct str *v, size_t n, struct client_reply *replies,
    struct err *err)
{
	struct client_reply r = { 0 };
	size_t i, n_good = 0;
	bool ok = mail(c, item, &r);
	enum rc rc = RC_OK;

	err_set(err, RC_TEMP, "4.4.2", "Connection lost");
	if (!ok || client_verdict(&r) != RC_OK) {
		copy_reply(&r, replies, n);
		return ok && command(c, &r, "RSET") ? RC_OK : RC_TEMP;
	}
	for (i = 0; i < n; i++) {
		if (!command(c, &replies[i], "RCPT TO:<%.*s>", STR_ARG(v[i]))) {
			copy_reply(&replies[i], replies, n);
			return RC_TEMP;
		}
		n_good += client_verdict(&replies[i]) == RC_OK;
	}
	if (n_good == 0)
		return command(c, &r, "RSET") ? RC_OK : RC_TEMP;
	if (!command(c, &r, "DATA") || r.code != 354) {
		copy_reply(&r, replies, n);
		return RC_TEMP;
	}
	set_reply(&r, 0, "4.4.2", "Connection lost");
	rc = send_data(c, item, &r, err);
	copy_reply(&r, replies, n);
	return rc;
}

void
client_close(struct client *c)
{
	struct client_reply r;

	if (!c)
		return;
	writer_add_cstr(c->writer, "QUIT\r\n");
	if (writer_flush(c->writer) == IO_OK)
		(void)read_reply(c, QUIT_MS, false, &r);
	writer_free(c->writer);
	reader_free(c->reader);
	stream_free(c->stream);
	close(c->fd);
	buf_done(&c->transcript);
	mem_free(c);
}
