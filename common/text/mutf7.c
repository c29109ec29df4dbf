/* Modified UTF-7; see mutf7.h. */
#include "text/mutf7.h"

#include "base/ascii.h"
#include "text/utf8.h"

#include "base/banned.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* --- encoding --------------------------------------------------------------------- */

static uint32_t
code_point(struct str s, size_t len)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (unsigned char)s.p[0] & masks[len];
	size_t i;

	for (i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
	return c;
}

struct shifted {
	struct buf *out;
	uint32_t bits;
	unsigned n;      /* bits that wait */
};

static void
add_unit(struct shifted *b, uint32_t unit)
{
	b->bits = b->bits << 16 | unit;
	for (b->n += 16; b->n >= 6; b->n -= 6)
		buf_add_char(b->out, digits[b->bits >> (b->n - 6) & 63]);
	b->bits &= (1u << b->n) - 1;
}

static void
end_shift(struct shifted *b)
{
	if (b->n)
		buf_add_char(b->out, digits[b->bits << (6 - b->n) & 63]);
	buf_add_char(b->out, '-');
	b->bits = b->n = 0;
}

void
mutf7_encode(struct buf *out, struct str s)
{
	struct shifted b = { .out = out };
	bool is_shifted = false;
	size_t i, len;

	for (i = 0; i < s.len; i += len) {
		bool is_plain = (unsigned char)s.p[i] >= 0x20 &&
		    (unsigned char)s.p[i] < 0x7f;
		uint32_t c;

		len = utf8_char_length(str_tail(s, i));
		len = len ? len : 1;
		if (is_plain != !is_shifted) {
			if (is_shifted)
				end_shift(&b);
			else
				buf_add_char(out, '&');
			is_shifted = !is_shifted;
		}
		if (is_plain) {
			buf_add_char(out, s.p[i]);
			if (s.p[i] == '&')
				buf_add_char(out, '-');
			continue;
		}
		c = code_point(str_tail(s, i), len);
		if (c > 0xffff) {
			add_unit(&b, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		add_unit(&b, c);
	}
	if (is_shifted)
		end_shift(&b);
}

/* --- decoding ----------------------------------------------------------------------- */

static void
add_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buf_add_char(out, (char)(0xe0 | c >> 12));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	} else {
		buf_add_char(out, (char)(0xf0 | c >> 18));
		buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(out, (char)(0x80 | (c & 0x3f)));
}

static int
digit_value(char c)
{
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* One UTF-16 unit; *high: the first half of a pair that waits. */
static bool
take_unit(uint32_t unit, uint32_t *high, struct buf *out)
{
	if (*high) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return false;
		add_utf8(out,
		    0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
		*high = 0;
		return true;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return true;
	}
	if ((unit >= 0xdc00 && unit <= 0xdfff) ||
	    (unit >= 0x20 && unit < 0x7f) || unit == 0)
		return false;
	if (unit < 0x80)
		buf_add_char(out, (char)unit);
	else
		add_utf8(out, unit);
	return true;
}

/* The inside of a shift, without & and -. */
static bool
decode_shift(struct str s, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	unsigned n = 0;
	size_t i;

	for (i = 0; i < s.len; i++) {
		int v = digit_value(s.p[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		n += 6;
		if (n < 16)
			continue;
		n -= 16;
		if (!take_unit(bits >> n & 0xffff, &high, out))
			return false;
		bits &= (1u << n) - 1;
	}
	return high == 0 && n < 6 && bits == 0;
}

static bool
decode(struct str s, struct buf *out)
{
	bool was_shift = false;
	size_t i = 0, end;

	while (i < s.len) {
		if ((unsigned char)s.p[i] < 0x20 ||
		    (unsigned char)s.p[i] > 0x7e)
			return false;
		if (s.p[i] != '&') {
			buf_add_char(out, s.p[i++]);
			was_shift = false;
			continue;
		}
		end = i + 1 + str_find_char(str_tail(s, i + 1), '-');
		if (end >= s.len)
			return false;
		if (end == i + 1) {
			buf_add_char(out, '&');
			was_shift = false;
		} else {
			if (was_shift ||
			    !decode_shift(str_slice(s, i + 1, end - i - 1),
				out))
				return false;
			was_shift = true;
		}
		i = end + 1;
	}
	return true;
}

bool
mutf7_decode(struct arena *a, struct str s, struct str *ret_utf8)
{
	struct buf out = BUF_INIT;
	bool ok = decode(s, &out);

	if (ok)
		*ret_utf8 = arena_dup_str(a, buf_str(&out));
	buf_done(&out);
	return ok;
}
