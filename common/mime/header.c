/* Fields of a raw header; see header.h. */
#include "mime/header.h"

#include "base/ascii.h"
#include "base/banned.h"

/* Length of the line at the start of s, with its LF. */
static size_t
line_length(struct str s)
{
	size_t at = str_find_char(s, '\n');

	return at < s.len ? at + 1 : s.len;
}

static bool
is_empty_line(struct str s)
{
	return s.len == 0 || s.p[0] == '\n' ||
	    (s.p[0] == '\r' && s.len > 1 && s.p[1] == '\n');
}

static struct str
without_line_end(struct str s)
{
	if (s.len && s.p[s.len - 1] == '\n')
		s.len--;
	if (s.len && s.p[s.len - 1] == '\r')
		s.len--;
	return s;
}

bool
header_next(struct str *rest, struct header_field *ret_field)
{
	struct header_field f = { 0 };
	struct str line;
	size_t len;
	size_t colon;

	if (is_empty_line(*rest))
		return false;
	len = line_length(*rest);
	while (len < rest->len && ascii_is_blank(rest->p[len]))
		len += line_length(str_tail(*rest, len));
	f.whole = str_make(rest->p, len);
	line = without_line_end(f.whole);
	colon = str_find_char(line, ':');
	if (colon < line.len)
		f.value = str_make(line.p + colon + 1, line.len - colon - 1);
	f.name = str_make(line.p, colon);
	while (f.name.len && ascii_is_space(f.name.p[f.name.len - 1]))
		f.name.len--;
	*rest = str_make(rest->p + len, rest->len - len);
	*ret_field = f;
	return true;
}

bool
header_find(
    struct str header, struct str name, struct header_field *ret_field)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		if (f.value.p && str_equals_nocase(f.name, name)) {
			*ret_field = f;
			return true;
		}
	}
	return false;
}

struct str
header_unfold(struct arena *a, struct str value)
{
	char *to = arena_alloc(a, value.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < value.len; i++) {
		bool is_end = value.p[i] == '\n' ||
		    (value.p[i] == '\r' && i + 1 < value.len &&
			value.p[i + 1] == '\n');

		if (!is_end)
			to[len++] = value.p[i];
	}
	return str_trim(str_make(to, len));
}

static bool
is_named(struct str name, const struct str *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_equals_nocase(name, names[i]))
			return true;
	}
	return false;
}

bool
header_select(struct str header, const struct str *names, size_t n,
    bool invert, struct buf *out)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		if (is_named(f.name, names, n) != invert)
			buf_add_str(out, f.whole);
	}
	return header.len > 0;
}
