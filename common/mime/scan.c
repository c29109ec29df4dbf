/* The lexer of structured header fields; see scan.h. Each function passes
 * over its input once and never goes back. */
#include "mime/scan.h"

#include <assert.h>

#include "base/ascii.h"
#include "base/banned.h"

struct scratch
scratch_new(struct arena *a, size_t cap)
{
	return (struct scratch){ arena_alloc(a, cap), 0, cap };
}

void
scratch_add(struct scratch *b, const char *p, size_t len)
{
	assert(len <= b->cap - b->len);
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
scratch_add_char(struct scratch *b, char c)
{
	scratch_add(b, &c, 1);
}

struct scan
scan_make(struct str value)
{
	const char *p = value.p ? value.p : "";

	return (struct scan){ p, p + value.len, STR_NONE };
}

bool
scan_is_atext(char c)
{
	return ascii_is_alnum(c) || ascii_is_8bit(c) ||
	    (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

bool
scan_is_token(char c)
{
	return c == '.' ||
	    (scan_is_atext(c) && c != '/' && c != '?' && c != '=');
}

static enum scan_result
more(const struct scan *s)
{
	return s->p < s->end ? SCAN_MORE : SCAN_END;
}

/* p stands on '('. A count instead of recursion: depth is the sender's. */
static enum scan_result
skip_comment(struct scan *s)
{
	const char *start = s->p + 1;
	size_t level = 0;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end) {
			s->p++;
		} else if (*s->p == '(') {
			level++;
		} else if (*s->p == ')' && --level == 0) {
			s->comment = str_make(start, (size_t)(s->p - start));
			s->p++;
			return more(s);
		}
	}
	return SCAN_BAD;
}

enum scan_result
scan_skip_cfws(struct scan *s)
{
	while (s->p < s->end) {
		if (ascii_is_space(*s->p))
			s->p++;
		else if (*s->p != '(')
			break;
		else if (skip_comment(s) == SCAN_BAD)
			return SCAN_BAD;
	}
	return more(s);
}

static bool
is_word_char(char c, bool with_dots)
{
	return scan_is_atext(c) || (with_dots && c == '.');
}

/* The run of atext at p, perhaps empty. */
static void
take_run(struct scan *s, bool with_dots, struct scratch *out)
{
	const char *start = s->p;

	while (s->p < s->end && is_word_char(*s->p, with_dots))
		s->p++;
	scratch_add(out, start, (size_t)(s->p - start));
}

enum scan_result
scan_atom(struct scan *s, bool with_dots, struct scratch *out)
{
	if (s->p == s->end || !is_word_char(*s->p, with_dots))
		return SCAN_BAD;
	take_run(s, with_dots, out);
	return scan_skip_cfws(s);
}

enum scan_result
scan_dot_atom(struct scan *s, struct scratch *out)
{
	enum scan_result r;

	if (s->p == s->end || !is_word_char(*s->p, true))
		return SCAN_BAD;
	for (;;) {
		take_run(s, false, out);
		r = scan_skip_cfws(s);
		if (r != SCAN_MORE || *s->p != '.')
			return r;
		s->p++;
		scratch_add_char(out, '.');
		r = scan_skip_cfws(s);
		if (r != SCAN_MORE)
			return r;
	}
}

enum scan_result
scan_token(struct scan *s, struct scratch *out)
{
	const char *start = s->p;

	while (s->p < s->end && scan_is_token(*s->p))
		s->p++;
	scratch_add(out, start, (size_t)(s->p - start));
	return scan_skip_cfws(s);
}

enum scan_result
scan_quoted(struct scan *s, struct scratch *out)
{
	const char *start = ++s->p;

	for (; s->p < s->end; s->p++) {
		if (*s->p != '"' && *s->p != '\\')
			continue;
		scratch_add(out, start, (size_t)(s->p - start));
		start = s->p + 1;
		if (*s->p == '"') {
			s->p++;
			return scan_skip_cfws(s);
		}
		if (start == s->end)
			return SCAN_BAD;
		s->p++;
	}
	return SCAN_BAD;
}

enum scan_result
scan_phrase(struct scan *s, struct scratch *out)
{
	enum scan_result r;

	if (s->p == s->end)
		return SCAN_END;
	if (*s->p == '.')
		return SCAN_BAD;
	for (;;) {
		if (*s->p == '"') {
			r = scan_quoted(s, out);
		} else {
			take_run(s, true, out);
			r = scan_skip_cfws(s);
		}
		if (r != SCAN_MORE)
			return r;
		if (*s->p != '"' && !is_word_char(*s->p, true))
			return SCAN_MORE;
		scratch_add_char(out, ' ');
	}
}

static enum scan_result
domain_literal(struct scan *s, struct scratch *out)
{
	const char *start = s->p;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end) {
			s->p++;
		} else if (*s->p == ']') {
			s->p++;
			scratch_add(out, start, (size_t)(s->p - start));
			return scan_skip_cfws(s);
		}
	}
	return SCAN_BAD;
}

enum scan_result
scan_domain(struct scan *s, struct scratch *out)
{
	assert(scan_is_at(s, '@'));
	s->p++;
	if (scan_skip_cfws(s) != SCAN_MORE)
		return SCAN_BAD;
	return *s->p == '[' ? domain_literal(s, out) : scan_dot_atom(s, out);
}
