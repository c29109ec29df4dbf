/* The SMTP and LMTP client; see client.h. */
#include "client_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "net/dial.h"
#include "net/tlsconf.h"
#include "text/base64.h"

#include "base/banned.h"

enum { BUFFER = 16384, QUIT_MS = 5000 };

enum rc
client_verdict(const struct client_reply *r)
{
	if (r->code >= 200 && r->code < 300)
		return RC_OK;
	return r->code >= 500 && r->code < 600 ? RC_PERM : RC_TEMP;
}

void
client_note(struct client *c, const char *who, struct str text)
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

void
client_set_reply(struct client_reply *r, uint32_t code, const char *status,
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
	{ STR_INIT("PIPELINING"), EXT_PIPELINING },
};

static const struct extension_row mechanisms[] = {
	{ STR_INIT("PLAIN"), EXT_PLAIN },
	{ STR_INIT("LOGIN"), EXT_LOGIN },
};

static unsigned
find_bit(const struct extension_row *rows, size_t n, struct str word)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (str_equals_nocase(word, rows[i].name))
			return rows[i].bit;
	}
	return 0;
}

#define FIND_BIT(rows, word) \
	find_bit(rows, sizeof(rows) / sizeof(*(rows)), word)

static void
note_extension(struct client *c, struct str line)
{
	struct str rest = str_tail(line, 4), word;

	if (!str_split_char(&rest, ' ', &word))
		return;
	c->extensions |= FIND_BIT(extensions, word);
	if (!str_equals_nocase(word, STR("AUTH")))
		return;
	while (str_split_char(&rest, ' ', &word))
		c->extensions |= FIND_BIT(mechanisms, word);
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
			client_set_reply(r, 0, "4.4.2",
			    io == IO_TIMEOUT ? "No reply in time"
					     : "Connection lost");
			return false;
		}
		client_note(c, "S", l.text);
		if (!parse_line(l.text, r, &is_last)) {
			client_set_reply(r, 0, "4.5.0", "That is no SMTP reply");
			return false;
		}
		if (is_hello)
			note_extension(c, l.text);
	}
	return true;
}

void
client_put(struct client *c, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	client_note(c, "C", buf_str(&b));
	buf_add_cstr(&b, "\r\n");
	writer_add_str(c->writer, buf_str(&b));
	buf_done(&b);
}

static int64_t
reply_timeout(const struct client *c)
{
	return config_int(c->m->config, CFG_REMOTE_TIMEOUT);
}

static bool
get(struct client *c, int64_t timeout_ms, bool is_hello,
    struct client_reply *r)
{
	if (writer_flush(c->writer) != IO_OK) {
		client_set_reply(r, 0, "4.4.2", "Connection lost");
		c->is_broken = true;
	} else if (!read_reply(c, timeout_ms, is_hello, r)) {
		c->is_broken = true;
	} else if (r->code == 421) {
		c->is_broken = true; /* it closes; its words count */
		return true;
	}
	return !c->is_broken;
}

bool
client_get(struct client *c, int64_t timeout_ms, struct client_reply *r)
{
	return get(c, timeout_ms, false, r);
}

bool
client_ask(struct client *c, struct client_reply *r)
{
	return get(c, reply_timeout(c), false, r);
}

/* --- the start ----------------------------------------------------------------------------- */

static bool
hello(struct client *c, struct client_reply *r)
{
	struct str name = c->m->p->hostname;

	c->extensions = 0;
	client_put(c, "%s %.*s", c->is_lmtp ? "LHLO" : "EHLO", STR_ARG(name));
	if (!get(c, reply_timeout(c), true, r))
		return false;
	if (client_verdict(r) == RC_PERM && !c->is_lmtp) {
		c->extensions = 0;
		client_put(c, "HELO %.*s", STR_ARG(name));
		if (!client_ask(c, r))
			return false;
	}
	return client_verdict(r) == RC_OK;
}

/* RFC 3207. Octets behind the 220 would be injected: no good. */
static bool
start_tls(struct client *c, struct client_reply *r)
{
	enum tls_policy policy = c->target->tls;
	struct tls_client *tls;
	struct err err;
	enum io io;

	client_put(c, "STARTTLS");
	if (!client_ask(c, r) || client_verdict(r) != RC_OK)
		return policy == TLS_MAY && !c->is_broken;
	if (reader_pending(c->reader)) {
		client_set_reply(r, 0, "4.7.0", "Octets behind the STARTTLS reply");
		return false;
	}
	if (tls_client_new(policy == TLS_VERIFY, NULL, &tls, &err) != RC_OK) {
		client_set_reply(r, 0, "4.7.0", err.text);
		return false;
	}
	io = stream_start_tls_client(c->stream, tls,
	    arena_dup_cstr(c->m->a, c->target->host),
	    clock_deadline(reply_timeout(c)));
	tls_client_free(tls);
	if (io != IO_OK) {
		client_set_reply(r, 0, "4.7.0", stream_error_text(c->stream));
		return false;
	}
	return hello(c, r);
}

/* --- AUTH (RFC 4954): never into the transcript ----------------------------------- */

static void
put_secret(struct client *c, const char *word, struct str text)
{
	struct buf b = BUF_INIT;

	client_note(c, "C", STR("(authentication)"));
	writer_add_cstr(c->writer, word);
	base64_encode(&b, text);
	writer_add_str(c->writer, buf_str(&b));
	writer_add_cstr(c->writer, "\r\n");
	buf_wipe(&b);
}

static bool
auth_plain(struct client *c, struct client_reply *r)
{
	struct buf b = BUF_INIT;

	buf_add_char(&b, '\0');
	buf_add_str(&b, c->target->login);
	buf_add_char(&b, '\0');
	buf_add_str(&b, c->target->password);
	put_secret(c, "AUTH PLAIN ", buf_str(&b));
	buf_wipe(&b);
	return client_ask(c, r);
}

static bool
auth_login(struct client *c, struct client_reply *r)
{
	client_put(c, "AUTH LOGIN");
	if (!client_ask(c, r) || r->code != 334)
		return !c->is_broken;
	put_secret(c, "", c->target->login);
	if (!client_ask(c, r) || r->code != 334)
		return !c->is_broken;
	put_secret(c, "", c->target->password);
	return client_ask(c, r);
}

/* A refused login is ours to mend: the mail waits. */
static bool
log_in(struct client *c, struct client_reply *r)
{
	bool ok;

	if (!stream_is_tls(c->stream) && c->target->tls != TLS_NEVER) {
		client_set_reply(r, 0, "4.7.0", "No TLS: the password stays here");
		return false;
	}
	if (!(c->extensions & (EXT_PLAIN | EXT_LOGIN))) {
		client_set_reply(r, 0, "4.7.0", "AUTH PLAIN and LOGIN not offered");
		return false;
	}
	ok = c->extensions & EXT_PLAIN ? auth_plain(c, r) : auth_login(c, r);
	if (ok && client_verdict(r) == RC_OK)
		return true;
	if (client_verdict(r) == RC_PERM)
		client_set_reply(r, 454, "4.7.8", r->text);
	return false;
}

static bool
greet(struct client *c, struct client_reply *r)
{
	enum tls_policy tls = c->target->tls;
	bool must = tls == TLS_MUST || tls == TLS_VERIFY;

	if (!client_ask(c, r) || client_verdict(r) != RC_OK || !hello(c, r))
		return false;
	if (c->extensions & EXT_STARTTLS && tls != TLS_NEVER &&
	    !start_tls(c, r))
		return false;
	if (must && !stream_is_tls(c->stream)) {
		client_set_reply(r, 0, "4.7.0", "TLS is required and not offered");
		return false;
	}
	return c->target->login.len == 0 || log_in(c, r);
}

enum rc
client_open(struct mda *m, const struct client_target *t,
    struct client **ret_client, struct client_reply *ret_reply)
{
	int64_t deadline = clock_deadline(
	    config_int(m->config, CFG_REMOTE_TIMEOUT_CONNECT));
	struct client *c;
	struct err err;
	int fd;

	if (dial_connect(t->address, t->port, deadline, &fd, &err) != RC_OK) {
		client_set_reply(ret_reply, 0, "4.4.1", err.text);
		return RC_TEMP;
	}
	c = mem_alloc(sizeof(*c));
	c->m = m;
	c->target = t;
	c->is_lmtp = t->is_lmtp;
	c->fd = fd;
	c->stream = stream_new_fd(fd, fd);
	c->reader = reader_new(c->stream, BUFFER);
	c->writer = writer_new(c->stream, BUFFER, reply_timeout(c));
	if (!greet(c, ret_reply)) {
		client_close(c);
		return client_verdict(ret_reply) == RC_PERM ? RC_PERM
							    : RC_TEMP;
	}
	c->greeting_end = c->transcript.len;
	*ret_client = c;
	return RC_OK;
}

bool
client_has_dsn(const struct client *c)
{
	return (c->extensions & EXT_DSN) != 0;
}

void
client_close(struct client *c)
{
	struct client_reply r;

	if (!c)
		return;
	if (!c->is_broken) {
		client_put(c, "QUIT");
		(void)get(c, QUIT_MS, false, &r);
	}
	writer_free(c->writer);
	reader_free(c->reader);
	stream_free(c->stream);
	close(c->fd);
	buf_done(&c->transcript);
	mem_free(c);
}
