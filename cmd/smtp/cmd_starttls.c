/* STARTTLS (RFC 3207). */
#include "commands.h"

#include "log/log.h"
#include "net/tlsconf.h"

#include "base/banned.h"

/* What was said in the clear is forgotten (RFC 3207 4.2). */
static void
forget(struct session *s)
{
	session_reset(s);
	s->helo = STR("");
	s->is_esmtp = false;
	s->login = NULL;
	account_close(&s->account);
	s->state = STATE_CONNECTED;
}

static void
log_handshake(const struct session *s, enum io io)
{
	log_begin(LOG_AT_INFO, io == IO_OK ? "tls" : "tls-failed");
	if (io == IO_OK) {
		log_str("version", stream_tls_version(s->stream));
		log_str("cipher", stream_tls_cipher(s->stream));
		log_str("servername", stream_tls_servername(s->stream));
	} else {
		log_cstr("text", stream_error_text(s->stream));
	}
	log_end();
}

void
cmd_starttls(struct session *s, struct str argument)
{
	struct err err;
	enum io io;

	(void)argument;
	if (stream_is_tls(s->stream)) {
		chat_reply(s, 503, "5.5.1", "TLS is on already");
		return;
	}
	if (!s->h->tls ||
	    str_equals(config_str(s->config, CFG_SMTP_STARTTLS), STR("off"))) {
		chat_reply(s, 502, "5.5.1", "STARTTLS is not offered");
		return;
	}
	if (reader_pending(s->reader)) {
		/* Octets that came with the command (CVE-2011-0411). */
		chat_close(s, 501, "5.5.4", "Nothing may follow STARTTLS");
		return;
	}
	if (!tls_server_refresh(s->h->tls, &err))
		log_failure("certificate", &err);
	chat_reply(s, 220, "2.0.0", "Go ahead");
	chat_flush(s);
	io = stream_start_tls_server(s->stream, s->h->tls,
	    session_deadline(s, CFG_SMTP_TIMEOUT_COMMAND));
	log_handshake(s, io);
	if (io == IO_OK)
		forget(s);
	else
		s->is_ending = true;
}
