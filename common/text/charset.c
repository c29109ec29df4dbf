/* Charsets; see charset.h. */
#include "text/charset.h"

#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/ascii.h"
#include "text/utf8.h"

#include "base/banned.h"

static UConverter *
open_converter(struct str name)
{
	UErrorCode code = U_ZERO_ERROR;
	char text[64];
	UConverter *c;

	if (name.len == 0 || name.len >= sizeof(text) ||
	    str_has_char(name, '\0'))
		return NULL;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	c = ucnv_open(text, &code);
	return U_SUCCESS(code) ? c : NULL;
}

bool
charset_is_known(struct str name)
{
	UConverter *c = open_converter(name);

	if (!c)
		return false;
	ucnv_close(c);
	return true;
}

static void
add_converted(struct buf *out, UConverter *from, struct str bytes)
{
	size_t cap = bytes.len * 4 + 16;
	UErrorCode code = U_ZERO_ERROR;
	int32_t n;

	buf_reserve(out, cap);
	n = ucnv_toAlgorithmic(UCNV_UTF8, from, out->p + out->len,
	    (int32_t)cap, bytes.p, (int32_t)bytes.len, &code);
	if (U_SUCCESS(code) && n > 0)
		out->len += (size_t)n;
}

static void
add_latin1(struct buf *out, struct str bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (c < 0x80) {
			buf_add_char(out, (char)c);
		} else {
			buf_add_char(out, (char)(0xc0 | c >> 6));
			buf_add_char(out, (char)(0x80 | (c & 0x3f)));
		}
	}
}

void
charset_to_utf8(struct buf *out, struct str charset, struct str bytes)
{
	UConverter *c;

	if (bytes.len == 0)
		return;
	if (utf8_is_valid(bytes) &&
	    (charset.len == 0 || str_equals_nocase(charset, STR("utf-8")) ||
		str_equals_nocase(charset, STR("us-ascii")))) {
		buf_add_str(out, bytes);
		return;
	}
	c = open_converter(charset);
	if (c) {
		add_converted(out, c, bytes);
		ucnv_close(c);
	} else if (utf8_is_valid(bytes)) {
		buf_add_str(out, bytes);
	} else {
		add_latin1(out, bytes);
	}
}

static bool
is_ascii(struct str s)
{
	return utf8_ascii_length(s) == s.len;
}

/* The simple titlecase mapping of each character. */
static int32_t
title(struct arena *a, UChar *to, int32_t cap, const UChar *u, int32_t n,
    UErrorCode *code)
{
	UChar32 *c = ARENA_ARRAY(a, (size_t)n + 1, UChar32);
	int32_t i, len = 0, n_to = 0;

	u_strToUTF32(c, n + 1, &len, u, n, code);
	for (i = 0; U_SUCCESS(*code) && i < len; i++)
		c[i] = u_totitle(c[i]);
	u_strFromUTF32(to, cap, &n_to, c, len, code);
	return n_to;
}

/* Mapped into v, and decomposed back into u. */
static int32_t
map(struct arena *a, UChar *u, int32_t n, UChar *v, int32_t cap,
    bool is_title, UErrorCode *code)
{
	const UNormalizer2 *nfkd = unorm2_getNFKDInstance(code);
	int32_t len = is_title
	    ? title(a, v, cap, u, n, code)
	    : u_strFoldCase(v, cap, u, n, U_FOLD_CASE_DEFAULT, code);

	if (U_FAILURE(*code))
		return 0;
	return unorm2_normalize(nfkd, v, len, u, cap, code);
}

static struct str
map_ascii(struct arena *a, struct str s, bool is_title)
{
	char *out;
	size_t i;

	if (!is_title)
		return arena_dup_lower(a, s);
	out = arena_dup_cstr(a, s);
	for (i = 0; i < s.len; i++)
		out[i] = ascii_upper(out[i]);
	return str_make(out, s.len);
}

static struct str
map_all(struct arena *a, struct str s, bool is_title)
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t cap = (int32_t)(s.len * 4 + 16), n = 0, bytes = 0;
	UChar *u, *v;
	char *out;

	if (is_ascii(s))
		return map_ascii(a, s, is_title);
	if (!utf8_is_valid(s))
		return arena_dup_str(a, s);
	u = ARENA_ARRAY(a, (size_t)cap, UChar);
	v = ARENA_ARRAY(a, (size_t)cap, UChar);
	u_strFromUTF8(u, cap, &n, s.p, (int32_t)s.len, &code);
	n = U_SUCCESS(code) ? map(a, u, n, v, cap, is_title, &code) : 0;
	if (U_FAILURE(code))
		return map_ascii(a, s, is_title);
	out = arena_alloc(a, (size_t)n * 3 + 1);
	u_strToUTF8(out, n * 3 + 1, &bytes, u, n, &code);
	return U_SUCCESS(code) ? str_make(out, (size_t)bytes)
			       : map_ascii(a, s, is_title);
}

struct str
casemap(struct arena *a, struct str s)
{
	return map_all(a, s, false);
}

struct str
collation_key(struct arena *a, struct str s)
{
	return map_all(a, s, true);
}
