/*
 * The text of HTML: any split of the input gives the same, and what is left
 * is no longer than the input and a blank for each tag.
 */
#include "fuzz.h"

#include "mime/html.h"
#include "text/utf8.h"
#include "base/banned.h"

static void
filter(struct str s, size_t step, bool is_iso2022, struct buf *out)
{
	struct html_filter f = { .is_iso2022 = is_iso2022 };
	size_t at;

	for (at = 0; at < s.len; at += step)
		html_filter_push(&f, str_slice(s, at, step), out);
	html_filter_finish(&f, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT, split = BUF_INIT, text = BUF_INIT;
	struct str s = fuzz_input(data, size);
	unsigned choice = fuzz_octet(&s);

	filter(s, SIZE_MAX / 2, choice & 1, &whole);
	filter(s, 1 + choice / 2 % 7, choice & 1, &split);
	CHECK(str_equals(buf_str(&whole), buf_str(&split)));
	CHECK(whole.len <= s.len);
	html_decode(buf_str(&whole), &text);
	CHECK(text.len <= whole.len);
	CHECK(!utf8_is_valid(buf_str(&whole)) ||
	    utf8_is_valid(buf_str(&text)));
	buf_done(&whole);
	buf_done(&split);
	buf_done(&text);
	return 0;
}
