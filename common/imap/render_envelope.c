/* Strings and ENVELOPE; see render.h. */
#include "imap/render.h"

#include "text/utf8.h"
#include "base/ascii.h"
#include "base/banned.h"

/* Longer ones are literals: no client has to scan a quoted megabyte. */
#define QUOTED_MAX 4096

static bool
may_be_quoted(struct str s, bool utf8)
{
	bool has_8bit = false;

	if (s.len > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\0' || c == '\r' || c == '\n')
			return false;
		has_8bit |= ascii_is_8bit(c);
	}
	return !has_8bit || (utf8 && utf8_is_valid(s));
}

static void
add_quoted(struct buf *out, struct str s)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

static void
add_literal(struct buf *out, struct str s)
{
	buf_add_char(out, '{');
	buf_add_u64(out, s.len);
	buf_add_cstr(out, "}\r\n");
	buf_reserve(out, s.len);
	for (size_t i = 0; i < s.len; i++)
		out->p[out->len++] = s.p[i] ? s.p[i] : (char)0x80;
}

void
render_nstring(struct buf *out, struct str s, bool utf8)
{
	if (!s.p)
		buf_add_cstr(out, "NIL");
	else if (may_be_quoted(s, utf8))
		add_quoted(out, s);
	else
		add_literal(out, s);
}

static void
add_address(struct buf *out, const struct facts_address *x, bool utf8)
{
	buf_add_char(out, '(');
	render_nstring(out, x->name, utf8);
	buf_add_char(out, ' ');
	render_nstring(out, x->route, utf8);
	buf_add_char(out, ' ');
	render_nstring(out, x->mailbox, utf8);
	buf_add_char(out, ' ');
	render_nstring(out, x->host, utf8);
	buf_add_char(out, ')');
}

static void
add_addresses(struct buf *out, struct facts_addresses list, bool utf8)
{
	buf_add_char(out, ' ');
	if (!list.n) {
		buf_add_cstr(out, "NIL");
		return;
	}
	buf_add_char(out, '(');
	for (size_t i = 0; i < list.n; i++)
		add_address(out, &list.v[i], utf8);
	buf_add_char(out, ')');
}

void
render_envelope(struct buf *out, const struct facts_envelope *e, bool utf8)
{
	buf_add_char(out, '(');
	render_nstring(out, e->date, utf8);
	buf_add_char(out, ' ');
	render_nstring(out, e->subject, utf8);
	add_addresses(out, e->from, utf8);
	add_addresses(out, e->sender.n ? e->sender : e->from, utf8);
	add_addresses(out, e->reply_to.n ? e->reply_to : e->from, utf8);
	add_addresses(out, e->to, utf8);
	add_addresses(out, e->cc, utf8);
	add_addresses(out, e->bcc, utf8);
	buf_add_char(out, ' ');
	render_nstring(out, e->in_reply_to, utf8);
	buf_add_char(out, ' ');
	render_nstring(out, e->message_id, utf8);
	buf_add_char(out, ')');
}
