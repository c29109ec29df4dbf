/* Encoded words; see encoded_word.h. */
#include "mime/encoded_word.h"

#include "base/ascii.h"
#include "mime/decode.h"
#include "text/charset.h"

#include "base/banned.h"

/* =?charset?B|Q?text?= at the start of s: its length, 0: it is none. */
static size_t
word_length(struct str s, struct str *ret_charset, char *ret_kind,
    struct str *ret_text)
{
	size_t first, second, third;

	if (!str_starts_with(s, STR("=?")))
		return 0;
	first = 2 + str_find_char(str_tail(s, 2), '?');
	if (first + 3 > s.len || s.p[first + 2] != '?')
		return 0;
	second = first + 2;
	third = second + 1 +
	    str_find_char(str_tail(s, second + 1), '?');
	if (third + 1 >= s.len || s.p[third + 1] != '=')
		return 0;
	*ret_charset = str_slice(s, 2, first - 2);
	/* A language (RFC 2231 5) is no part of the charset. */
	ret_charset->len = str_find_char(*ret_charset, '*');
	*ret_kind = ascii_lower(s.p[first + 1]);
	*ret_text = str_slice(s, second + 1, third - second - 1);
	return third + 2;
}

/* Q is quoted-printable with '_' for the blank. */
static struct str
decode_q(struct arena *a, struct str text)
{
	char *copy = arena_dup_cstr(a, text);
	size_t i, n = 0;

	for (i = 0; i < text.len; i++) {
		int hi = -1, lo = -1;

		if (text.p[i] == '=' && i + 2 < text.len) {
			hi = ascii_hex_value(text.p[i + 1]);
			lo = ascii_hex_value(text.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			copy[n++] = (char)(hi * 16 + lo);
			i += 2;
		} else {
			copy[n++] = text.p[i] == '_' ? ' ' : text.p[i];
		}
	}
	return str_make(copy, n);
}

static size_t
blanks(struct str s)
{
	size_t i;

	for (i = 0; i < s.len && ascii_is_space(s.p[i]); i++)
		;
	return i;
}

/* Words in a row of one charset: a character may be split between them. */
struct run {
	struct str charset;
	char kind;
	struct buf bytes;
};

static void
encoded_end_run(struct run *r, struct buf *out)
{
	charset_to_utf8(out, r->charset, buf_str(&r->bytes));
	buf_reset(&r->bytes);
}

static bool
encoded_goes_on(const struct run *r, struct str charset, char kind)
{
	return r->bytes.len && kind == r->kind &&
	    str_equals_nocase(r->charset, charset) &&
	    !charset_is_stateful(charset);
}

/*
 * RFC 2047 5 forbids to split a character, and .NET, PHP and others do it: so
 * the octets of neighbours are joined, each word decoded by itself, before
 * they are converted.
 */
static bool
add_word(struct arena *a, struct str *rest, struct run *r, struct buf *out)
{
	struct str charset, text;
	char kind;
	size_t len = word_length(*rest, &charset, &kind, &text);

	if (len == 0 || (kind != 'b' && kind != 'q'))
		return false;
	if (!encoded_goes_on(r, charset, kind))
		encoded_end_run(r, out);
	r->charset = charset;
	r->kind = kind;
	buf_add_str(&r->bytes, kind == 'b'
		? decode_all(a, STR("base64"), text)
		: decode_q(a, text));
	*rest = str_tail(*rest, len);
	return true;
}

struct str
encoded_words_decode(struct arena *a, struct str value)
{
	struct buf out = BUF_INIT;
	struct run run = { .bytes = BUF_INIT };
	struct str rest = value, decoded;

	while (rest.len) {
		size_t plain = str_find(rest, STR("=?"));

		if (plain)
			encoded_end_run(&run, &out);
		charset_to_utf8(&out, STR(""), str_slice(rest, 0, plain));
		rest = str_tail(rest, plain);
		if (rest.len && !add_word(a, &rest, &run, &out)) {
			encoded_end_run(&run, &out);
			buf_add(&out, rest.p, 2);
			rest = str_tail(rest, 2);
			continue;
		}
		if (str_starts_with(
			str_tail(rest, blanks(rest)), STR("=?")))
			rest = str_tail(rest, blanks(rest));
	}
	encoded_end_run(&run, &out);
	buf_done(&run.bytes);
	decoded = arena_dup_str(a, buf_str(&out));
	buf_done(&out);
	return decoded;
}
