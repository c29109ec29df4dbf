/*
 * The preview (RFC 8970): the first text/plain part with something in it,
 * else the first text/html part without its tags; decoded, to UTF-8, blanks
 * collapsed, at most 256 octets of whole characters. The first octets of the
 * part are kept as they pass by and decoded when the part ends.
 */
#include "mime/decode.h"
#include "mime/params.h"
#include "mime/parse_internal.h"
#include "text/utf8.h"
#include "base/ascii.h"
#include "base/banned.h"

#define PREVIEW_RAW  16384
#define PREVIEW_SIZE 256

static bool
is_html(const struct facts_part *part)
{
	return str_equals_nocase(part->subtype, STR("html"));
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
	if (!p->preview.raw)
		p->preview.raw = arena_alloc(p->a, PREVIEW_RAW);
	p->preview.len = 0;
	p->preview.is_open = true;
}

void
mime_preview_add(struct mime_parser *p, const char *s, size_t len)
{
	size_t room = PREVIEW_RAW - p->preview.len;
	size_t n = len < room ? len : room;

	memcpy(p->preview.raw + p->preview.len, s, n);
	p->preview.len += n;
}

/* An element whose text is not shown: passes to behind its end tag. */
static size_t
skip_hidden(struct str html, size_t at)
{
	static const struct str names[] = { STR_INIT("style"),
		STR_INIT("script"), STR_INIT("title"), STR_INIT("head") };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct str tag = str_slice(html, at + 1, names[i].len);
		size_t end;

		if (!str_equals_nocase(tag, names[i]) ||
		    (at + 1 + tag.len < html.len &&
			ascii_is_alnum(html.p[at + 1 + tag.len])))
			continue;
		for (end = at + 1; end + 2 < html.len; end++) {
			if (html.p[end] == '<' && html.p[end + 1] == '/' &&
			    str_starts_with_nocase(
				str_tail(html, end + 2), names[i]))
				return end;
		}
		return html.len;
	}
	return at;
}

/* Behind the tag at `at`, which stands on '<'. */
static size_t
skip_tag(struct str html, size_t at)
{
	size_t shown = skip_hidden(html, at);

	if (shown != at)
		at = shown;
	while (at < html.len && html.p[at] != '>')
		at++;
	return at < html.len ? at + 1 : html.len;
}

/* Tags become blanks, the usual entities characters. */
static struct str
strip_html(struct arena *a, struct str html)
{
	static const struct {
		struct str name;
		char c;
	} entities[] = { { STR_INIT("&amp;"), '&' },
		{ STR_INIT("&lt;"), '<' }, { STR_INIT("&gt;"), '>' },
		{ STR_INIT("&quot;"), '"' }, { STR_INIT("&nbsp;"), ' ' },
		{ STR_INIT("&#39;"), '\'' } };
	char *to = arena_alloc(a, html.len + 1);
	size_t len = 0;
	size_t at = 0;

	while (at < html.len) {
		size_t step = 1;
		char c = html.p[at];

		if (c == '<') {
			to[len++] = ' ';
			at = skip_tag(html, at);
			continue;
		}
		for (size_t i = 0; c == '&' &&
		     i < sizeof(entities) / sizeof(*entities); i++) {
			if (str_starts_with_nocase(
				str_tail(html, at), entities[i].name)) {
				c = entities[i].c;
				step = entities[i].name.len;
				break;
			}
		}
		to[len++] = c;
		at += step;
	}
	return str_make(to, len);
}

/* Runs of blanks and controls become one blank; whole characters only. */
static struct str
collapse(struct arena *a, struct str text)
{
	char *to = arena_alloc(a, PREVIEW_SIZE);
	size_t len = 0;
	bool blank = false;

	for (size_t at = 0; at < text.len;) {
		size_t n = utf8_char_length(str_tail(text, at));
		char c = text.p[at];

		if (n == 0) {
			at++;
			continue;
		}
		if (ascii_is_cntl(c) || c == ' ') {
			blank = len > 0;
		} else {
			if (len + n + (blank ? 1 : 0) > PREVIEW_SIZE)
				break;
			if (blank)
				to[len++] = ' ';
			blank = false;
			memcpy(to + len, text.p + at, n);
			len += n;
		}
		at += n;
	}
	return str_make(to, len);
}

/* Latin-1 octets as UTF-8, for text that is not UTF-8 and says so. */
static struct str
from_latin1(struct arena *a, struct str text)
{
	char *to = arena_alloc(a, text.len * 2 + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < 0x80) {
			to[len++] = text.p[i];
			continue;
		}
		to[len++] = (char)(0xc0 | c >> 6);
		to[len++] = (char)(0x80 | (c & 0x3f));
	}
	return str_make(to, len);
}

void
mime_preview_end(struct mime_parser *p)
{
	const struct facts_part *part = mime_current(p);
	struct str raw = str_make(p->preview.raw, p->preview.len);
	struct str charset = params_find(part->params, STR("charset"));
	struct str text = decode_all(p->a, part->encoding, raw);

	p->preview.is_open = false;
	if (str_starts_with_nocase(charset, STR("iso-8859-1")))
		text = from_latin1(p->a, text);
	if (is_html(part))
		text = strip_html(p->a, text);
	text = collapse(p->a, text);
	if (!text.len)
		return;
	p->preview.text = text;
	p->preview.has_plain = !is_html(part);
}
