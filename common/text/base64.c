/* Base64; see base64.h. */
#include "text/base64.h"

#include "base/ascii.h"

#include "base/banned.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buf *out, struct str bytes)
{
	size_t i, n;

	for (i = 0; i < bytes.len; i += 3) {
		uint32_t bits = 0;
		char text[4];
		size_t k;

		n = bytes.len - i < 3 ? bytes.len - i : 3;
		for (k = 0; k < 3; k++)
			bits = bits << 8 |
			    (k < n ? (unsigned char)bytes.p[i + k] : 0);
		for (k = 0; k < 4; k++)
			text[k] = k <= n
			    ? digits[bits >> (18 - 6 * k) & 63]
			    : '=';
		buf_add(out, text, 4);
	}
}

static int
value_of(char c)
{
	if (ascii_is_upper(c))
		return c - 'A';
	if (ascii_is_lower(c))
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
base64_decode(struct arena *a, struct str s, struct str *ret_bytes)
{
	size_t pad = 0, i, n = 0;
	uint32_t bits = 0;
	char *out;

	if (s.len % 4 != 0)
		return false;
	while (pad < 2 && pad < s.len && s.p[s.len - 1 - pad] == '=')
		pad++;
	out = arena_alloc(a, s.len / 4 * 3 + 1);
	for (i = 0; i < s.len - pad; i++) {
		int v = value_of(s.p[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 0)
			out[n++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	if ((pad == 1 && bits & 3) || (pad == 2 && bits & 15))
		return false;
	*ret_bytes = str_make(out, n);
	return true;
}
