/*
 * Texts: encoded words, charsets and case folding. A line with a charset,
 * then the text. All results are UTF-8.
 */
#include "fuzz.h"

#include "mime/encoded_word.h"
#include "text/charset.h"
#include "text/utf8.h"
#include "base/banned.h"

static void
check_charset(struct str charset, struct str s)
{
	struct buf out = BUF_INIT;

	charset_is_known(charset);
	buf_add_cstr(&out, "x");
	charset_to_utf8(&out, charset, s);
	CHECK(out.len >= 1 && out.p[0] == 'x');
	CHECK(utf8_is_valid(buf_str(&out)));
	buf_done(&out);
}

static void
check_words(struct arena *a, struct str s)
{
	struct str text = encoded_words_decode(a, s);

	CHECK(utf8_is_valid(text));
	if (str_find(s, STR("=?")) == s.len && utf8_is_valid(s))
		CHECK(str_equals(text, s));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);
	struct str charset = fuzz_line(&s), folded;

	check_charset(charset, s);
	check_words(a, s);
	folded = casemap(a, s);
	CHECK(utf8_is_valid(folded) == utf8_is_valid(s));
	CHECK(utf8_is_valid(collation_key(a, s)) == utf8_is_valid(s));
	arena_free(a);
	return 0;
}
