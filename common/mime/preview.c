/*
 * The preview (RFC 8970): the first text/plain part with something in it,
 * else the first text/html part without its markup; decoded, from its charset
 * to UTF-8, blanks collapsed, at most 256 octets of whole characters. Of HTML
 * the markup goes while the octets pass by, since the head of a newsletter may
 * be longer than all that is kept; the charset is decoded when the part ends.
 */
#include "base/limits.h"
#include "mime/params.h"
#include "mime/parse_internal.h"
#include "text/charset.h"
#include "text/utf8.h"
#include "base/ascii.h"
#include "base/banned.h"

#define PREVIEW_SIZE 256

static bool
is_html(const struct facts_part *part)
{
	return str_equals_nocase(part->subtype, STR("html"));
}

static struct str
preview_charset(const struct facts_part *part)
{
	return params_find(part->params, STR("charset"));
}

/* '<' is one octet in them. The others are filtered when they are decoded. */
static bool
preview_is_ascii_based(struct str charset)
{
	return !str_starts_with_nocase(charset, STR("utf-16")) &&
	    !str_starts_with_nocase(charset, STR("utf-32")) &&
	    !str_starts_with_nocase(charset, STR("ucs-")) &&
	    !str_starts_with_nocase(charset, STR("iso-10646")) &&
	    !str_starts_with_nocase(charset, STR("utf-7")) &&
	    !str_starts_with_nocase(charset, STR("hz"));
}

static void
preview_reset(struct mime_parser *p, const struct facts_part *part)
{
	struct preview *v = &p->preview;
	struct str charset = preview_charset(part);

	if (!v->raw) {
		v->raw = arena_alloc(p->a, PREVIEW_RAW);
		v->kept = arena_alloc(p->a, PREVIEW_TEXT);
	}
	v->n_raw = v->n_kept = 0;
	v->n_seen = 0;
	v->filter = (struct html_filter){
		.is_iso2022 =
		    str_starts_with_nocase(charset, STR("iso-2022")),
	};
	v->is_filtered = is_html(part) && preview_is_ascii_based(charset);
	v->is_full = false;
	v->is_open = true;
	decoder_init(&v->decoder, decode_kind_of(part->encoding));
}

void
mime_preview_begin(struct mime_parser *p)
{
	const struct facts_part *part = mime_current(p);
	bool html = is_html(part);

	if (p->preview.has_plain || (html && p->preview.text.len) ||
	    !str_equals_nocase(part->type, STR("text")) ||
	    (!html && !str_equals_nocase(part->subtype, STR("plain"))) ||
	    str_equals_nocase(part->disposition, STR("attachment")))
		return;
	for (uint32_t i = 0; i + 1 < p->depth; i++) {
		if (p->parts.v[p->open[i]].is_message)
			return;
	}
	preview_reset(p, part);
}

/* As far as there is room. */
static void
preview_keep(struct preview *v, struct str text)
{
	size_t n = PREVIEW_TEXT - v->n_kept;

	n = text.len < n ? text.len : n;
	if (n)
		memcpy(v->kept + v->n_kept, text.p, n);
	v->n_kept += n;
	v->is_full = v->n_kept == PREVIEW_TEXT || v->n_seen > LIMIT_PREVIEW;
}

static void
preview_filter(struct preview *v, struct str decoded)
{
	struct buf text = BUF_INIT;

	if (v->is_filtered) {
		html_filter_push(&v->filter, decoded, &text);
		decoded = buf_str(&text);
	}
	preview_keep(v, decoded);
	buf_done(&text);
}

static void
preview_flush(struct preview *v)
{
	struct buf decoded = BUF_INIT;

	decoder_push(&v->decoder, str_make(v->raw, v->n_raw), &decoded);
	v->n_raw = 0;
	preview_filter(v, buf_str(&decoded));
	buf_done(&decoded);
}

void
mime_preview_add(struct mime_parser *p, const char *s, size_t len)
{
	struct preview *v = &p->preview;

	while (len && !v->is_full) {
		size_t room = PREVIEW_RAW - v->n_raw;
		size_t n = len < room ? len : room;

		memcpy(v->raw + v->n_raw, s, n);
		v->n_raw += n;
		v->n_seen += n;
		s += n;
		len -= n;
		if (v->n_raw == PREVIEW_RAW)
			preview_flush(v);
	}
}

static void
preview_finish(struct preview *v)
{
	struct buf rest = BUF_INIT;

	if (v->is_full)
		return;
	preview_flush(v);
	decoder_finish(&v->decoder, &rest);
	preview_filter(v, buf_str(&rest));
	buf_reset(&rest);
	if (v->is_filtered)
		html_filter_finish(&v->filter, &rest);
	preview_keep(v, buf_str(&rest));
	buf_done(&rest);
}

/* Invisible, or there to pad: soft hyphens, joiners, marks of direction. */
static bool
preview_is_invisible(uint32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e ||
	    c == 0x200b || c == 0x200e || c == 0x200f || c == 0xfeff ||
	    c == 0xfffd || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f);
}

static bool
preview_is_blank(uint32_t c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	    c == 0x202f || c == 0x205f || c == 0x3000;
}

/* They matter inside a word or an emoji, and nowhere else. */
static bool
preview_is_joiner(uint32_t c)
{
	return c == 0x200c || c == 0x200d;
}

static uint32_t
preview_code(const char *p, size_t n)
{
	uint32_t c = (unsigned char)*p;
	size_t i;

	if (n == 1)
		return c;
	c &= n == 2 ? 0x1f : n == 3 ? 0x0f : 0x07;
	for (i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	return c;
}

struct collapsing {
	char *to;
	size_t len;
	bool is_blank;      /* one is due before the next character */
	struct str joiner;  /* the same, if that follows at once */
};

/* False: there is no room for it. */
static bool
preview_add_character(struct collapsing *c, struct str s)
{
	struct str joiner = c->is_blank ? STR_NONE : c->joiner;
	size_t blank = c->is_blank && c->len > 0;

	if (c->len + blank + joiner.len + s.len > PREVIEW_SIZE)
		return false;
	if (blank)
		c->to[c->len++] = ' ';
	if (joiner.len)
		memcpy(c->to + c->len, joiner.p, joiner.len);
	memcpy(c->to + c->len + joiner.len, s.p, s.len);
	c->len += joiner.len + s.len;
	c->is_blank = false;
	c->joiner = STR_NONE;
	return true;
}

/* Runs of blanks and controls become one blank; whole characters only. */
static struct str
collapse(struct arena *a, struct str text)
{
	struct collapsing c = { .to = arena_alloc(a, PREVIEW_SIZE) };
	size_t at, n;

	for (at = 0; at < text.len; at += n ? n : 1) {
		struct str s;
		uint32_t code;

		n = utf8_char_length(str_tail(text, at));
		if (n == 0)
			continue;
		s = str_slice(text, at, n);
		code = preview_code(s.p, n);
		if (preview_is_blank(code))
			c.is_blank = true;
		else if (preview_is_joiner(code))
			c.joiner = c.len && !c.is_blank ? s : STR_NONE;
		else if (!preview_is_invisible(code) &&
		    !preview_add_character(&c, s))
			break;
	}
	return str_make(c.to, c.len);
}

/* Nobody can tell what octets of an unknown charset are: not even in part. */
static bool
preview_is_readable(struct str charset, struct str text)
{
	return charset.len == 0 || charset_is_known(charset) ||
	    (str_is_ascii(text) && !str_has_char(text, '\x1b'));
}

/* Whole characters of UTF-8, where the end is where the room ended. */
static size_t
preview_whole(const struct preview *v)
{
	size_t n = v->n_kept, at = n;

	if (!v->is_full)
		return n;
	while (at && n - at < 3 && ((unsigned char)v->kept[at - 1] & 0xc0) == 0x80)
		at--;
	if (at && (unsigned char)v->kept[at - 1] >= 0xc0 &&
	    utf8_char_length(str_make(v->kept + at - 1, n - at + 1)) == 0)
		return at - 1;
	return n;
}

static void
preview_to_text(const struct facts_part *part, const struct preview *v,
    struct buf *out)
{
	struct str charset = preview_charset(part);
	struct str raw = str_make(v->kept, preview_whole(v));
	struct html_filter filter = { .state = 0 };
	struct buf utf8 = BUF_INIT, text = BUF_INIT;

	if (preview_is_readable(charset, raw))
		charset_to_utf8(&utf8, charset, raw);
	if (is_html(part) && !v->is_filtered)
		html_filter_push(&filter, buf_str(&utf8), &text);
	html_filter_finish(&filter, &text);
	if (is_html(part))
		html_decode(
		    v->is_filtered ? buf_str(&utf8) : buf_str(&text), out);
	else
		buf_add_str(out, buf_str(&utf8));
	buf_done(&text);
	buf_done(&utf8);
}

void
mime_preview_end(struct mime_parser *p)
{
	const struct facts_part *part = mime_current(p);
	struct buf b = BUF_INIT;
	struct str text;

	p->preview.is_open = false;
	preview_finish(&p->preview);
	preview_to_text(part, &p->preview, &b);
	text = collapse(p->a, buf_str(&b));
	buf_done(&b);
	if (!text.len)
		return;
	p->preview.text = text;
	p->preview.has_plain = !is_html(part);
}
