/* Charsets; see charset.h. */
#include "text/charset.h"

#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/ascii.h"
#include "text/utf8.h"

#include "base/banned.h"

/*
 * Labels by the WHATWG encoding standard: mail that names a charset is mostly
 * written in the superset that its author's system had. Sorted.
 */
struct charset_label {
	struct str label;
	const char *charset;
};

/* clang-format off */
static const struct charset_label labels[] = {
	{ STR_INIT("866"), "ibm866" },
	{ STR_INIT("ansi_x3.4-1968"), "windows-1252" },
	{ STR_INIT("ascii"), "windows-1252" },
	{ STR_INIT("big5"), "big5-hkscs" },
	{ STR_INIT("big5-hkscs"), "big5-hkscs" },
	{ STR_INIT("chinese"), "gb18030" },
	{ STR_INIT("cn-big5"), "big5-hkscs" },
	{ STR_INIT("cn-gb"), "gb18030" },
	{ STR_INIT("cp1250"), "windows-1250" },
	{ STR_INIT("cp1251"), "windows-1251" },
	{ STR_INIT("cp1252"), "windows-1252" },
	{ STR_INIT("cp1253"), "windows-1253" },
	{ STR_INIT("cp1254"), "windows-1254" },
	{ STR_INIT("cp1255"), "windows-1255" },
	{ STR_INIT("cp1256"), "windows-1256" },
	{ STR_INIT("cp1257"), "windows-1257" },
	{ STR_INIT("cp1258"), "windows-1258" },
	{ STR_INIT("cp819"), "windows-1252" },
	{ STR_INIT("cp866"), "ibm866" },
	{ STR_INIT("cp936"), "gb18030" },
	{ STR_INIT("cp949"), "windows-949" },
	{ STR_INIT("csbig5"), "big5-hkscs" },
	{ STR_INIT("cseuckr"), "windows-949" },
	{ STR_INIT("cseucpkdfmtjapanese"), "euc-jp" },
	{ STR_INIT("csgb2312"), "gb18030" },
	{ STR_INIT("csibm866"), "ibm866" },
	{ STR_INIT("csiso2022jp"), "iso-2022-jp" },
	{ STR_INIT("csiso2022kr"), "iso-2022-kr" },
	{ STR_INIT("csiso58gb231280"), "gb18030" },
	{ STR_INIT("csiso88598e"), "iso-8859-8" },
	{ STR_INIT("csiso88598i"), "iso-8859-8" },
	{ STR_INIT("csisolatin1"), "windows-1252" },
	{ STR_INIT("csisolatin5"), "windows-1254" },
	{ STR_INIT("cskoi8r"), "koi8-r" },
	{ STR_INIT("csksc56011987"), "windows-949" },
	{ STR_INIT("csmacintosh"), "macintosh" },
	{ STR_INIT("csshiftjis"), "windows-31j" },
	{ STR_INIT("dos-874"), "windows-874" },
	{ STR_INIT("euc-kr"), "windows-949" },
	{ STR_INIT("gb2312"), "gb18030" },
	{ STR_INIT("gb_2312"), "gb18030" },
	{ STR_INIT("gb_2312-80"), "gb18030" },
	{ STR_INIT("gbk"), "gb18030" },
	{ STR_INIT("hebrew"), "iso-8859-8" },
	{ STR_INIT("ibm819"), "windows-1252" },
	{ STR_INIT("iso-8859-1"), "windows-1252" },
	{ STR_INIT("iso-8859-11"), "windows-874" },
	{ STR_INIT("iso-8859-8-e"), "iso-8859-8" },
	{ STR_INIT("iso-8859-8-i"), "iso-8859-8" },
	{ STR_INIT("iso-8859-9"), "windows-1254" },
	{ STR_INIT("iso-ir-100"), "windows-1252" },
	{ STR_INIT("iso-ir-148"), "windows-1254" },
	{ STR_INIT("iso-ir-149"), "windows-949" },
	{ STR_INIT("iso-ir-58"), "gb18030" },
	{ STR_INIT("iso8859-1"), "windows-1252" },
	{ STR_INIT("iso8859-11"), "windows-874" },
	{ STR_INIT("iso8859-9"), "windows-1254" },
	{ STR_INIT("iso88591"), "windows-1252" },
	{ STR_INIT("iso885911"), "windows-874" },
	{ STR_INIT("iso88599"), "windows-1254" },
	{ STR_INIT("iso_8859-1"), "windows-1252" },
	{ STR_INIT("iso_8859-1:1987"), "windows-1252" },
	{ STR_INIT("iso_8859-9"), "windows-1254" },
	{ STR_INIT("iso_8859-9:1989"), "windows-1254" },
	{ STR_INIT("koi"), "koi8-r" },
	{ STR_INIT("koi8"), "koi8-r" },
	{ STR_INIT("koi8-ru"), "koi8-u" },
	{ STR_INIT("koi8_r"), "koi8-r" },
	{ STR_INIT("korean"), "windows-949" },
	{ STR_INIT("ks_c_5601-1987"), "windows-949" },
	{ STR_INIT("ks_c_5601-1989"), "windows-949" },
	{ STR_INIT("ksc5601"), "windows-949" },
	{ STR_INIT("ksc_5601"), "windows-949" },
	{ STR_INIT("l1"), "windows-1252" },
	{ STR_INIT("l5"), "windows-1254" },
	{ STR_INIT("latin1"), "windows-1252" },
	{ STR_INIT("latin5"), "windows-1254" },
	{ STR_INIT("logical"), "iso-8859-8" },
	{ STR_INIT("mac"), "macintosh" },
	{ STR_INIT("ms932"), "windows-31j" },
	{ STR_INIT("ms936"), "gb18030" },
	{ STR_INIT("ms_kanji"), "windows-31j" },
	{ STR_INIT("shift-jis"), "windows-31j" },
	{ STR_INIT("shift_jis"), "windows-31j" },
	{ STR_INIT("sjis"), "windows-31j" },
	{ STR_INIT("tis-620"), "windows-874" },
	{ STR_INIT("unicode-1-1-utf-8"), "utf-8" },
	{ STR_INIT("unicode11utf8"), "utf-8" },
	{ STR_INIT("unicode20utf8"), "utf-8" },
	{ STR_INIT("us-ascii"), "windows-1252" },
	{ STR_INIT("utf8"), "utf-8" },
	{ STR_INIT("visual"), "iso-8859-8" },
	{ STR_INIT("windows-936"), "gb18030" },
	{ STR_INIT("x-cp1250"), "windows-1250" },
	{ STR_INIT("x-cp1251"), "windows-1251" },
	{ STR_INIT("x-cp1252"), "windows-1252" },
	{ STR_INIT("x-cp1253"), "windows-1253" },
	{ STR_INIT("x-cp1254"), "windows-1254" },
	{ STR_INIT("x-cp1255"), "windows-1255" },
	{ STR_INIT("x-cp1256"), "windows-1256" },
	{ STR_INIT("x-cp1257"), "windows-1257" },
	{ STR_INIT("x-cp1258"), "windows-1258" },
	{ STR_INIT("x-euc-jp"), "euc-jp" },
	{ STR_INIT("x-gbk"), "gb18030" },
	{ STR_INIT("x-mac-roman"), "macintosh" },
	{ STR_INIT("x-mac-ukrainian"), "x-mac-cyrillic" },
	{ STR_INIT("x-sjis"), "windows-31j" },
	{ STR_INIT("x-unicode20utf8"), "utf-8" },
	{ STR_INIT("x-x-big5"), "big5-hkscs" },
};
/* clang-format on */

static int
charset_compare(const void *x, const void *y)
{
	return str_compare(((const struct charset_label *)x)->label,
	    ((const struct charset_label *)y)->label);
}

/* Of a name in lower case: the superset that it stands for, or itself. */
static const char *
charset_superset(const char *name)
{
	struct charset_label key = { .label = str_from_cstr(name) };
	const struct charset_label *hit = bsearch(&key, labels,
	    sizeof(labels) / sizeof(*labels), sizeof(key), charset_compare);

	return hit ? hit->charset : name;
}

static UConverter *
open_converter(struct str name)
{
	UErrorCode code = U_ZERO_ERROR;
	char text[64];
	UConverter *c;
	size_t i;

	name = str_trim(name);
	if (name.len == 0 || name.len >= sizeof(text) ||
	    str_has_char(name, '\0'))
		return NULL;
	for (i = 0; i < name.len; i++)
		text[i] = ascii_lower(name.p[i]);
	text[name.len] = '\0';
	c = ucnv_open(charset_superset(text), &code);
	return U_SUCCESS(code) ? c : NULL;
}

/* 0xa0 to 0xff of ISO-8859-16, which ICU does not have. */
static const uint16_t latin10[96] = {
	0xa0, 0x104, 0x105, 0x141, 0x20ac, 0x201e, 0x160, 0xa7,
	0x161, 0xa9, 0x218, 0xab, 0x179, 0xad, 0x17a, 0x17b,
	0xb0, 0xb1, 0x10c, 0x142, 0x17d, 0x201d, 0xb6, 0xb7,
	0x17e, 0x10d, 0x219, 0xbb, 0x152, 0x153, 0x178, 0x17c,
	0xc0, 0xc1, 0xc2, 0x102, 0xc4, 0x106, 0xc6, 0xc7,
	0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf,
	0x110, 0x143, 0xd2, 0xd3, 0xd4, 0x150, 0xd6, 0x15a,
	0x170, 0xd9, 0xda, 0xdb, 0xdc, 0x118, 0x21a, 0xdf,
	0xe0, 0xe1, 0xe2, 0x103, 0xe4, 0x107, 0xe6, 0xe7,
	0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef,
	0x111, 0x144, 0xf2, 0xf3, 0xf4, 0x151, 0xf6, 0x15b,
	0x171, 0xf9, 0xfa, 0xfb, 0xfc, 0x119, 0x21b, 0xff
};

static bool
charset_is_latin10(struct str name)
{
	return str_equals_nocase(name, STR("iso-8859-16")) ||
	    str_equals_nocase(name, STR("iso8859-16")) ||
	    str_equals_nocase(name, STR("latin10"));
}

static void
charset_add_latin10(struct buf *out, struct str bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		utf8_add(out, c < 0xa0 ? c : latin10[c - 0xa0]);
	}
}

bool
charset_is_known(struct str name)
{
	UConverter *c = open_converter(name);

	if (c)
		ucnv_close(c);
	return c || charset_is_latin10(name);
}

bool
charset_is_stateful(struct str name)
{
	return str_starts_with_nocase(name, STR("iso-2022")) ||
	    str_starts_with_nocase(name, STR("csiso2022")) ||
	    str_starts_with_nocase(name, STR("utf-7")) ||
	    str_starts_with_nocase(name, STR("unicode-1-1-utf-7")) ||
	    str_starts_with_nocase(name, STR("hz"));
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

	for (i = 0; i < bytes.len; i++)
		utf8_add(out, (unsigned char)bytes.p[i]);
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
	if (charset_is_latin10(charset)) {
		charset_add_latin10(out, bytes);
		if (c)
			ucnv_close(c);
	} else if (c) {
		add_converted(out, c, bytes);
		ucnv_close(c);
	} else if (utf8_is_valid(bytes)) {
		buf_add_str(out, bytes);
	} else {
		add_latin1(out, bytes);
	}
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

	if (str_is_ascii(s))
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
