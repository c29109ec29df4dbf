/* UTF-8 by the table of RFC 3629 4; see utf8.h. */
#include "text/utf8.h"

#include <stdint.h>


#include "base/banned.h"

/* What may follow a first octet in first..last. */
static const struct {
	unsigned char first, last; /* of the first octet */
	unsigned char low, high;   /* of the second */
	size_t len;
} forms[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool
fits(const unsigned char *p, size_t n, size_t form)
{
	if (p[0] < forms[form].first || p[0] > forms[form].last ||
	    n < forms[form].len || p[1] < forms[form].low ||
	    p[1] > forms[form].high)
		return false;
	for (size_t i = 2; i < forms[form].len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

size_t
utf8_char_length(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (!s.len)
		return 0;
	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (fits(p, s.len, i))
			return forms[i].len;
	}
	return 0;
}

bool
utf8_is_valid(struct str s)
{
	size_t at = str_ascii_length(s);

	while (at < s.len) {
		size_t n = utf8_char_length(str_make(s.p + at, s.len - at));

		if (!n)
			return false;
		at += n;
		at += str_ascii_length(str_make(s.p + at, s.len - at));
	}
	return true;
}

void
utf8_add(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_add_char(out, (char)(0xe0 | c >> 12));
		} else {
			buf_add_char(out, (char)(0xf0 | c >> 18));
			buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(out, (char)(0x80 | (c & 0x3f)));
}
