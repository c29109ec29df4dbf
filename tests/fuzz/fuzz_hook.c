/*
 * The answer of a policy program: not understood, or something that may go
 * into a reply or a header as it is.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "mail/hook.h"
#include "base/banned.h"

static void
check_clean(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		CHECK(!ascii_is_cntl(s.p[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str in = fuzz_input(data, size);
	struct hook_answer h;
	struct buf b = BUF_INIT;

	if (hook_parse_answer(a, in, &h)) {
		check_clean(h.text);
		check_clean(h.status);
		if (h.action == HOOK_REPLY) {
			CHECK(h.code >= 400 && h.code <= 599);
			CHECK(h.text.len > 0 && h.status.len >= 5);
			CHECK(h.status.p[0] == (char)('0' + h.code / 100));
		}
	}
	/* What we say is one line, whatever the client called itself. */
	hook_add(&b, "helo_name", in);
	CHECK(str_find_char(buf_str(&b), '\n') == b.len - 1);
	check_clean(str_slice(buf_str(&b), 0, b.len - 1));
	buf_done(&b);
	arena_free(a);
	return 0;
}
