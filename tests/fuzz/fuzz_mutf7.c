/*
 * Modified UTF-7: what decodes is the one form that encoding gives, and
 * every UTF-8 text without a NUL comes back.
 */
#include "fuzz.h"

#include "text/mutf7.h"
#include "text/utf8.h"
#include "base/banned.h"

static void
check_decoded(struct arena *a, struct str s)
{
	struct buf out = BUF_INIT;
	struct str text;

	if (!mutf7_decode(a, s, &text))
		return;
	CHECK(utf8_is_valid(text) && !str_has_char(text, '\0'));
	mutf7_encode(&out, text);
	CHECK(str_equals(buf_str(&out), s));
	buf_done(&out);
}

static void
check_encoded(struct arena *a, struct str s)
{
	struct buf out = BUF_INIT;
	struct str text;
	size_t i;

	mutf7_encode(&out, s);
	for (i = 0; i < out.len; i++)
		CHECK(out.p[i] >= 0x20 && out.p[i] < 0x7f);
	CHECK(mutf7_decode(a, buf_str(&out), &text));
	CHECK(str_equals(text, s));
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);

	check_decoded(a, s);
	if (utf8_is_valid(s) && !str_has_char(s, '\0'))
		check_encoded(a, s);
	arena_free(a);
	return 0;
}
