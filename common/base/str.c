/*
 * Slices: comparison, search and cutting. Everything here is linear in the
 * length of its input and looks at bytes, never at a locale.
 */
#include "base/str.h"

#include <stdint.h>

#include "base/ascii.h"
#include "base/banned.h"

bool
str_equals(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool
str_equals_nocase(struct str a, struct str b)
{
	return a.len == b.len && str_compare_nocase(a, b) == 0;
}

static int
compare_lengths(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

/* Eight octets at a time: most text is ASCII for long stretches. */
size_t
str_ascii_length(struct str s)
{
	size_t at = 0;
	uint64_t word;

	for (; at + sizeof(word) <= s.len; at += sizeof(word)) {
		memcpy(&word, s.p + at, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (at < s.len && !ascii_is_8bit(s.p[at]))
		at++;
	return at;
}

int
str_compare(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : compare_lengths(a.len, b.len);
}

int
str_compare_nocase(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++) {
		int r = (unsigned char)ascii_lower(a.p[i]) -
		    (unsigned char)ascii_lower(b.p[i]);
		if (r)
			return r;
	}
	return compare_lengths(a.len, b.len);
}

bool
str_equals_secret(struct str a, struct str b)
{
	volatile unsigned char diff = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		diff |= (unsigned char)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

bool
str_starts_with(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	    str_equals(str_slice(s, 0, prefix.len), prefix);
}

bool
str_starts_with_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	    str_equals_nocase(str_slice(s, 0, prefix.len), prefix);
}

bool
str_ends_with(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	    str_equals(str_tail(s, s.len - suffix.len), suffix);
}

bool
str_ends_with_nocase(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	    str_equals_nocase(str_tail(s, s.len - suffix.len), suffix);
}

size_t
str_find_char(struct str s, char c)
{
	const char *hit = s.len ? memchr(s.p, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.p) : s.len;
}

size_t
str_find_last_char(struct str s, char c)
{
	const char *hit = s.len ? memrchr(s.p, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.p) : s.len;
}

size_t
str_find(struct str s, struct str needle)
{
	const char *hit;

	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return s.len;
	hit = memmem(s.p, s.len, needle.p, needle.len);
	return hit ? (size_t)(hit - s.p) : s.len;
}

size_t
str_find_nocase(struct str s, struct str needle)
{
	for (size_t i = 0; i + needle.len <= s.len; i++) {
		if (str_equals_nocase(str_slice(s, i, needle.len), needle))
			return i;
	}
	return s.len;
}

bool
str_has_char(struct str s, char c)
{
	return str_find_char(s, c) < s.len;
}

struct str
str_slice(struct str s, size_t from, size_t n)
{
	if (from >= s.len)
		return STR_NONE;
	if (n > s.len - from)
		n = s.len - from;
	return str_make(s.p + from, n);
}

struct str
str_tail(struct str s, size_t from)
{
	return str_slice(s, from, s.len);
}

struct str
str_trim(struct str s)
{
	while (s.len && ascii_is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && ascii_is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool
str_split_char(struct str *rest, char c, struct str *ret_part)
{
	size_t at;

	if (!rest->p)
		return false;
	at = str_find_char(*rest, c);
	*ret_part = str_make(rest->p, at);
	*rest = at < rest->len
	    ? str_make(rest->p + at + 1, rest->len - at - 1)
	    : STR_NONE;
	return true;
}
