/* The SMTP and LMTP client; see client.h. */
#include "client_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/dial.h"
#include "net/tlsconf.h"
#include "text/base64.h"

#include "base/banned.h"

enum { BUFFER = 16384, QUIT_MS = 5000 };

enum rc
client_verdict(const struct smtp_reply *r)
{
	if (r->code >= 200 && r->code < 300)
		return RC_OK;
	return r->code >= 500 && r->code < 600 ? RC_PERM : RC_TEMP;
}

/* It is shown on terminals and sent in reports. */
void
client_note(struct client *c, const char *who, struct str text)
{
	size_t i;

	if (c->transcript.len + text.len + 8 > LIMIT_TRANSCRIPT)
		return;
	buf_printf(&c->transcript, "%s: ", who);
	for (i = 0; i < text.len; i++)
		buf_add_char(&c->transcript,
		    ascii_is_cntl(text.p[i]) ? '?' : text.p[i]);
	buf_add_char(&c->transcript, '\n');
}

struct str
client_transcript(const struct client *c)
{
	return buf_str(&c->transcript);
}

/* --- replies ------------------------------------------------------------------------ */

void
client_set_reply(struct smtp_reply *r, uint32_t code, const char *status,
    const char *text)
{
	*r = (struct smtp_reply){ .code = code };
	snprintf(r->status, sizeof(r->status), "%s", status);
	snprintf(r->text, sizeof(r->text), "%s", text);
}

/* False: the connection is no good any more; *r says why. */
static bool
read_reply(struct client *c, int64_t timeout_ms, bool is_hello,
    struct smtp_reply *r)
{
	int64_t deadline = clock_deadline(timeout_ms);
	bool is_last = false;
	struct line l;
	int n;

	for (n = 0; !is_last; n++) {
		enum io io = reader_line(c->reader, LIMIT_SMTP_REPLY_LINE,
		    LIMIT_SMTP_LINE_DISCARD, deadline, &l);

		if (io != IO_OK || n >= LIMIT_SMTP_REPLY_LINES) {
			client_set_reply(r, 0, "4.4.2",
			    io == IO_TIMEOUT || io == IO_STOPPED
				? "No reply in time"
				: "Connection lost");
			return false;
		}
		client_note(c, "S", l.text);
		if (!smtp_reply_parse(l.text, n == 0, r, &is_last)) {
			client_set_reply(r, 0, "4.5.0", "That is no SMTP reply");
			return false;
		}
		if (is_hello)
			c->extensions |= smtp_reply_extensions(l.text);
	}
	return true;
}

void
client_put(struct client *c, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	for (i = 0; i < b.len; i++) {
		if (ascii_is_cntl(b.p[i]))
			b.p[i] = '?';
	}
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

/* The pulse knows how long we wait, and may end it. */
static bool
client_read(struct client *c, int64_t timeout_ms, bool is_hello,
    struct smtp_reply *r)
{
	bool ok;

	c->m->leases.waits_since_ms = clock_mono_ms();
	ok = read_reply(c, timeout_ms, is_hello, r);
	c->m->leases.waits_since_ms = 0;
	return ok;
}

static bool
get(struct client *c, int64_t timeout_ms, bool is_hello,
    struct smtp_reply *r)
{
	if (writer_flush(c->writer) != IO_OK) {
		client_set_reply(r, 0, "4.4.2", "Connection lost");
		c->is_broken = true;
	} else if (!client_read(c, timeout_ms, is_hello, r)) {
		c->is_broken = true;
	} else if (r->code == 421) {
		c->is_broken = true; /* it closes; its words count */
		return true;
	}
	return !c->is_broken;
}

bool
client_get(struct client *c, int64_t timeout_ms, struct smtp_reply *r)
{
	return get(c, timeout_ms, false, r);
}

bool
client_ask(struct client *c, struct smtp_reply *r)
{
	return get(c, reply_timeout(c), false, r);
}

/* --- the start ----------------------------------------------------------------------------- */

static bool
hello(struct client *c, struct smtp_reply *r)
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
start_tls(struct client *c, struct smtp_reply *r)
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
		c->has_failed_tls = true;
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
auth_plain(struct client *c, struct smtp_reply *r)
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
auth_login(struct client *c, struct smtp_reply *r)
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
log_in(struct client *c, struct smtp_reply *r)
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
		r->status[0] = '4'; /* the code and its text stay */
	return false;
}

/* Its name is the first word (RFC 5321 4.2). */
static bool
client_is_us(struct client *c, const struct smtp_reply *r)
{
	struct str text = str_from_cstr(r->text);
	struct str name = str_slice(text, 0, str_find_char(text, ' '));

	c->is_us |= c->target->is_by_dns && !c->is_lmtp &&
	    str_equals_nocase(name, c->m->p->hostname);
	return c->is_us;
}

static bool
greet(struct client *c, struct smtp_reply *r)
{
	enum tls_policy tls = c->target->tls;
	bool must = tls == TLS_MUST || tls == TLS_VERIFY;

	if (!client_ask(c, r) || client_verdict(r) != RC_OK ||
	    client_is_us(c, r) || !hello(c, r) || client_is_us(c, r))
		return false;
	if (c->extensions & EXT_STARTTLS && tls != TLS_NEVER &&
	    !c->without_tls && !start_tls(c, r))
		return false;
	if (must && !stream_is_tls(c->stream)) {
		client_set_reply(r, 0, "4.7.0", "TLS is required and not offered");
		return false;
	}
	return c->target->login.len == 0 || log_in(c, r);
}

/* NULL: nobody answered, and *r says why. */
static struct client *
connect_to(struct mda *m, const struct client_target *t,
    struct smtp_reply *r)
{
	int64_t deadline = clock_deadline(
	    config_int(m->config, CFG_REMOTE_TIMEOUT_CONNECT));
	struct client *c;
	struct err err;
	int fd;

	if (dial_connect(t->address, t->port, deadline, &fd, &err) != RC_OK) {
		client_set_reply(r, 0, "4.4.1", err.text);
		return NULL;
	}
	c = mem_alloc(sizeof(*c));
	c->m = m;
	c->target = t;
	c->is_lmtp = t->is_lmtp;
	c->fd = fd;
	c->stream = stream_new_fd(fd, fd);
	c->reader = reader_new(c->stream, BUFFER);
	c->writer = writer_new(c->stream, BUFFER, reply_timeout(c));
	return c;
}

/*
 * Who offers STARTTLS and cannot do it gets the mail in clear when the
 * policy is TLS_MAY (RFC 7435 3), as if it had not offered it; a password
 * still stays here.
 */
static bool
greet_somehow(struct client **c, struct smtp_reply *r)
{
	struct mda *m = (*c)->m;
	const struct client_target *t = (*c)->target;

	if (greet(*c, r))
		return true;
	if (!(*c)->has_failed_tls || t->tls != TLS_MAY)
		return false;
	(*c)->is_broken = true; /* no QUIT into half a handshake */
	client_close(*c);
	if (!(*c = connect_to(m, t, r)))
		return false;
	(*c)->without_tls = true;
	return greet(*c, r);
}

enum rc
client_open(struct mda *m, const struct client_target *t,
    struct client **ret_client, struct smtp_reply *ret_reply,
    bool *ret_is_us)
{
	struct client *c = connect_to(m, t, ret_reply);

	if (!c)
		return RC_TEMP;
	if (!greet_somehow(&c, ret_reply)) {
		*ret_is_us = c && c->is_us;
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
	struct smtp_reply r;

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
