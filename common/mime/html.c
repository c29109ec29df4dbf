/* HTML's text; see html.h. The filter is one automaton, octet by octet. */
#include "mime/html.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "mime/html_names.h"
#include "text/utf8.h"
#include "base/banned.h"

enum state {
	HTML_TEXT,
	HTML_LESS,      /* '<' */
	HTML_NAME,      /* of a tag */
	HTML_TAG,       /* its attributes */
	HTML_BANG,      /* "<!" */
	HTML_BANG_DASH, /* "<!-" */
	HTML_COMMENT,
	HTML_DECLARATION, /* up to '>' */
};

/* Elements whose text is not shown; by their number from 1. */
static const struct str hidden[] = { STR_INIT("style"), STR_INIT("script"),
	STR_INIT("title"), STR_INIT("xml") };

static const struct str inline_names[] = { STR_INIT("a"), STR_INIT("abbr"),
	STR_INIT("acronym"), STR_INIT("b"), STR_INIT("bdi"), STR_INIT("bdo"),
	STR_INIT("big"), STR_INIT("cite"), STR_INIT("code"), STR_INIT("del"),
	STR_INIT("dfn"), STR_INIT("em"), STR_INIT("font"), STR_INIT("i"),
	STR_INIT("ins"), STR_INIT("kbd"), STR_INIT("mark"), STR_INIT("q"),
	STR_INIT("s"), STR_INIT("samp"), STR_INIT("small"), STR_INIT("span"),
	STR_INIT("strike"), STR_INIT("strong"), STR_INIT("sub"),
	STR_INIT("sup"), STR_INIT("tt"), STR_INIT("u"), STR_INIT("var"),
	STR_INIT("wbr") };

/* Its number from 1, 0: it is none of them. */
static size_t
html_find(const struct str *v, size_t n, struct str name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (str_equals(v[i], name))
			return i + 1;
	}
	return 0;
}

#define FIND(table, name) \
	html_find((table), sizeof(table) / sizeof(*(table)), (name))

static void
html_add(const struct html_filter *f, struct buf *out, char c)
{
	if (!f->hidden)
		buf_add_char(out, c);
}

static void
html_begin_tag(struct html_filter *f, char c)
{
	f->is_end_tag = c == '/';
	f->n_name = 0;
	f->quote = f->last = '\0';
	f->state = HTML_NAME;
	if (!f->is_end_tag)
		f->name[f->n_name++] = ascii_lower(c);
}

/* At its '>'. Inside a hidden element only that one's end counts. */
static void
html_end_tag(struct html_filter *f, struct buf *out)
{
	struct str name = str_make(f->name, f->n_name);
	unsigned char which = (unsigned char)FIND(hidden, name);

	f->state = HTML_TEXT;
	if (f->hidden) {
		if (f->is_end_tag && which == f->hidden)
			f->hidden = 0;
		return;
	}
	if (which && !f->is_end_tag)
		f->hidden = which;
	if (!FIND(inline_names, name))
		buf_add_char(out, ' ');
}

static void
html_on_less(struct html_filter *f, char c, struct buf *out)
{
	if (ascii_is_alpha(c) || c == '/') {
		html_begin_tag(f, c);
	} else if (f->hidden || (c != '!' && c != '?')) {
		html_add(f, out, '<');
		f->state = c == '<' ? HTML_LESS : HTML_TEXT;
		if (c != '<')
			html_add(f, out, c);
	} else {
		f->state = c == '!' ? HTML_BANG : HTML_DECLARATION;
	}
}

static void
html_on_name(struct html_filter *f, char c, struct buf *out)
{
	if (c == '>') {
		html_end_tag(f, out);
	} else if (ascii_is_space(c) || c == '/') {
		f->state = HTML_TAG;
	} else if (f->hidden && f->n_name == 0 && !ascii_is_alpha(c)) {
		f->state = HTML_TEXT; /* "</" of a script's text */
	} else if (f->n_name < sizeof(f->name)) {
		f->name[f->n_name++] = ascii_lower(c);
	}
}

/* A quote counts behind '=' only, as it does for browsers. */
static void
html_on_tag(struct html_filter *f, char c, struct buf *out)
{
	if (f->quote) {
		if (c == f->quote)
			f->quote = '\0';
	} else if (c == '>') {
		html_end_tag(f, out);
	} else if ((c == '"' || c == '\'') && f->last == '=' && !f->hidden) {
		f->quote = c;
	}
	if (!ascii_is_space(c))
		f->last = c;
}

/* "<!-->" and "--!>" end one too. */
static void
html_on_comment(struct html_filter *f, char c)
{
	if (c == '>' && f->n_dashes == 2)
		f->state = HTML_TEXT;
	else if (c == '-')
		f->n_dashes = f->n_dashes ? 2 : 1;
	else if (c != '!' || f->n_dashes < 2)
		f->n_dashes = 0;
}

static void
html_on_bang(struct html_filter *f, char c)
{
	if (c == '-' && f->state == HTML_BANG_DASH) {
		f->n_dashes = 2;
		f->state = HTML_COMMENT;
	} else if (c == '-' && f->state == HTML_BANG) {
		f->state = HTML_BANG_DASH;
	} else {
		f->state = c == '>' ? HTML_TEXT : HTML_DECLARATION;
	}
}

static void
html_push_char(struct html_filter *f, char c, struct buf *out)
{
	/* "a<b</script>" */
	if (f->hidden && c == '<')
		f->state = HTML_TEXT;
	switch ((enum state)f->state) {
	case HTML_TEXT:
		if (c == '<')
			f->state = HTML_LESS;
		else
			html_add(f, out, c);
		break;
	case HTML_LESS:
		html_on_less(f, c, out);
		break;
	case HTML_NAME:
		html_on_name(f, c, out);
		break;
	case HTML_TAG:
		html_on_tag(f, c, out);
		break;
	case HTML_BANG:
	case HTML_BANG_DASH:
		html_on_bang(f, c);
		break;
	case HTML_COMMENT:
		html_on_comment(f, c);
		break;
	case HTML_DECLARATION:
		if (c == '>')
			f->state = HTML_TEXT;
		break;
	}
}

/* True: the octet is a part of a wide character, or of what leads to it. */
static bool
html_is_wide(struct html_filter *f, char c)
{
	bool was_escape = f->is_escape;

	f->is_escape = c == '\x1b';
	if (was_escape && (c == '$' || c == '(')) {
		f->is_wide = c == '$';
		return true;
	}
	return f->is_wide || f->is_escape;
}

void
html_filter_push(struct html_filter *f, struct str bytes, struct buf *out)
{
	size_t i;

	for (i = 0; i < bytes.len; i++) {
		if (f->is_iso2022 && html_is_wide(f, bytes.p[i])) {
			if (f->state == HTML_TEXT)
				html_add(f, out, bytes.p[i]);
		} else {
			html_push_char(f, bytes.p[i], out);
		}
	}
}

void
html_filter_finish(struct html_filter *f, struct buf *out)
{
	if (f->state == HTML_LESS)
		html_add(f, out, '<');
	f->state = HTML_TEXT;
}

/* --- character references -------------------------------------------------------- */

static int
html_compare(const void *x, const void *y)
{
	return str_compare(((const struct html_name *)x)->name,
	    ((const struct html_name *)y)->name);
}

/* What browsers read for 128 to 159: windows-1252. */
static const uint16_t html_c1[32] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e,
	0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d,
	0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013,
	0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178 };

/* "#252" or "#xfc"; what is no character is U+FFFD, as for browsers. */
static uint32_t
html_number(struct str s)
{
	bool is_hex = s.len > 1 && ascii_lower(s.p[1]) == 'x';
	uint32_t n = 0;
	size_t i;

	for (i = is_hex ? 2 : 1; i < s.len; i++) {
		int digit = ascii_hex_value(s.p[i]);

		if (digit < 0 || (!is_hex && digit > 9))
			return 0;
		n = n * (is_hex ? 16 : 10) + (uint32_t)digit;
		if (n > 0x10ffff)
			n = 0x110000;
	}
	if (s.len <= (is_hex ? 2 : 1))
		return 0;
	if (n >= 0x80 && n < 0xa0)
		return html_c1[n - 0x80];
	return n == 0 || n > 0x10ffff || (n >= 0xd800 && n < 0xe000) ? 0xfffd
								     : n;
}

/* Of what stands between '&' and ';'; 0: it is no reference. */
static uint32_t
html_character(struct str s)
{
	struct html_name key = { .name = s };
	const struct html_name *hit;

	if (s.len && s.p[0] == '#')
		return html_number(s);
	hit = bsearch(&key, html_names,
	    sizeof(html_names) / sizeof(*html_names), sizeof(key),
	    html_compare);
	return hit ? hit->code : 0;
}

enum { REFERENCE_MAX = 12 };

void
html_decode(struct str s, struct buf *out)
{
	size_t at = 0, end;
	uint32_t c;

	while (at < s.len) {
		struct str rest = str_slice(s, at + 1, REFERENCE_MAX);

		end = s.p[at] == '&' ? str_find_char(rest, ';') : rest.len;
		c = end < rest.len
		    ? html_character(str_slice(rest, 0, end))
		    : 0;
		if (c) {
			utf8_add(out, c);
			at += end + 2;
		} else {
			buf_add_char(out, s.p[at++]);
		}
	}
}
