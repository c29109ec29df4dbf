/* Replies; see chat.h. */
#include "chat.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "log/log.h"

#include "base/banned.h"

static void write_reply(struct session *s, int code, char separator,
    const char *status, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));

static void
write_reply(struct session *s, int code, char separator, const char *status,
    const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;
	size_t i;

	buf_vprintf(&b, fmt, ap);
	for (i = 0; i < b.len; i++) {
		if (ascii_is_cntl(b.p[i]))
			b.p[i] = '?';
	}
	writer_printf(s->writer, "%d%c", code, separator);
	if (status[0] && s->is_esmtp)
		writer_printf(s->writer, "%s ", status);
	writer_add_str(s->writer, buf_str(&b));
	writer_add_cstr(s->writer, "\r\n");
	if (code >= 400) {
		log_begin(LOG_AT_INFO, "refused");
		log_num("code", code);
		log_cstr("status", status);
		log_str("text", buf_str(&b));
		log_end();
	}
	buf_done(&b);
}

void
chat_reply(struct session *s, int code, const char *status, const char *fmt,
    ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_reply(s, code, ' ', status, fmt, ap);
	va_end(ap);
}

void
chat_line(struct session *s, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_reply(s, code, '-', "", fmt, ap);
	va_end(ap);
}

void
chat_close(struct session *s, int code, const char *status, const char *fmt,
    ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_reply(s, code, ' ', status, fmt, ap);
	va_end(ap);
	s->is_ending = true;
}

void
chat_temporary(struct session *s, const struct err *err)
{
	if (err->rc == RC_PERM) {
		chat_close(s, 421, err->code, "%s", err->text);
		return;
	}
	log_failure("database", err);
	chat_reply(s, 451, "4.3.0",
	    "Temporary failure of the mail system, try again later");
}

void
chat_flush(struct session *s)
{
	(void)writer_flush(s->writer);
}
