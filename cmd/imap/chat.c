/* Answers; see chat.h. */
#include "chat.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "imap/render.h"
#include "log/log.h"
#include "text/mutf7.h"
#include "view.h"

#include "base/banned.h"

static void add_clean(struct session *s, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void add_tagged(struct session *s, const char *status,
    const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

static void
add_text(struct session *s, struct buf *b)
{
	size_t i;

	for (i = 0; i < b->len; i++) {
		if (ascii_is_cntl(b->p[i]))
			b->p[i] = '?';
	}
	writer_add_str(s->writer, buf_str(b));
	writer_add_cstr(s->writer, "\r\n");
}

static void
add_clean(struct session *s, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	buf_vprintf(&b, fmt, ap);
	add_text(s, &b);
	buf_done(&b);
}

/*
 * With how far the client's cache may be (RFC 7162 6): in the answer, or,
 * when that has another code, before it.
 */
static void
add_tagged(struct session *s, const char *status, const char *fmt,
    va_list ap)
{
	bool is_bad = strcmp(status, "BAD") == 0;
	struct buf b = BUF_INIT;
	uint64_t modseq = 0;

	s->speaks_imap |= !is_bad;
	buf_vprintf(&b, fmt, ap);
	if (!is_bad)
		modseq = view_take_owed_modseq(s);
	if (modseq && b.len && b.p[0] == '[') {
		chat_untagged(s, "OK [HIGHESTMODSEQ %llu] So far",
		    (unsigned long long)modseq);
		modseq = 0;
	}
	writer_add_str(s->writer, s->tag.len ? s->tag : STR("*"));
	writer_printf(s->writer, " %s ", status);
	if (modseq)
		writer_printf(s->writer, "[HIGHESTMODSEQ %llu] ",
		    (unsigned long long)modseq);
	add_text(s, &b);
	buf_done(&b);
}

void
chat_ok(struct session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_tagged(s, "OK", fmt, ap);
	va_end(ap);
}

void
chat_no(struct session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_tagged(s, "NO", fmt, ap);
	va_end(ap);
}

static void
add_bad(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add_bad(struct session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_tagged(s, "BAD", fmt, ap);
	va_end(ap);
}

void
chat_bad(struct session *s, const char *text)
{
	unsigned limit = s->state != STATE_CONNECTED ? LIMIT_IMAP_BAD
	    : s->speaks_imap			     ? LIMIT_IMAP_BAD_PREAUTH
						     : LIMIT_IMAP_BAD_FIRST;

	add_bad(s, "%s", text);
	if (++s->n_bad >= limit)
		chat_bye(s, "Too many bad commands");
}

void
chat_untagged(struct session *s, const char *fmt, ...)
{
	va_list ap;

	writer_add_cstr(s->writer, "* ");
	va_start(ap, fmt);
	add_clean(s, fmt, ap);
	va_end(ap);
}

void
chat_bye(struct session *s, const char *text)
{
	if (s->state == STATE_LOGOUT)
		return;
	chat_untagged(s, "BYE %s", text);
	session_enter(s, STATE_LOGOUT);
}

struct code_row {
	const char *code;   /* of err */
	const char *answer;
};

static const struct code_row codes[] = {
	{ "OVERQUOTA", "OVERQUOTA" },
	{ "NOTFOUND", "NONEXISTENT" },
	{ "EXISTS", "ALREADYEXISTS" },
	{ "CANNOT", "CANNOT" },
	{ "LIMIT", "LIMIT" },
	{ "GONE", "EXPUNGEISSUED" },
	{ "TOOMANY", "METADATA TOOMANY" },
};

void
chat_failure(struct session *s, const struct err *err)
{
	size_t i;

	/* OK and NO would both be a guess: the client has to look. */
	if (err->rc == RC_TEMP && strcmp(err->code, "UNKNOWN") == 0) {
		log_failure("database", err);
		chat_bye(s, "[UNAVAILABLE] The command may have been done");
		return;
	}
	if (err->rc != RC_PERM) {
		log_failure("database", err);
		chat_no(s, "[%s] Temporary failure of the mail system",
		    err->rc == RC_BUG ? "SERVERBUG" : "UNAVAILABLE");
		return;
	}
	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (strcmp(err->code, codes[i].code) == 0) {
			chat_no(s, "[%s] %s", codes[i].answer, err->text);
			return;
		}
	}
	chat_no(s, "%s", err->text);
}

void
chat_continue(struct session *s, const char *text)
{
	writer_printf(s->writer, "+ %s\r\n", text);
	chat_flush(s);
}

void
chat_flush(struct session *s)
{
	(void)writer_flush(s->writer);
}

void
chat_string(struct session *s, struct str text)
{
	struct buf b = BUF_INIT;

	render_nstring(&b, text.p ? text : STR(""), s->has_utf8);
	writer_add_str(s->writer, buf_str(&b));
	buf_done(&b);
}

void
chat_mailbox(struct session *s, struct str name)
{
	struct buf b = BUF_INIT;

	if (s->has_utf8)
		buf_add_str(&b, name);
	else
		mutf7_encode(&b, name);
	chat_string(s, buf_str(&b));
	buf_done(&b);
}
