/*
 * The base subject of SORT and THREAD: it is a part of the subject, has no
 * blanks around it, and is its own base subject.
 */
#include "fuzz.h"

#include "imap/subject.h"
#include "base/banned.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size), base;
	bool is_reply, is_again;

	base = base_subject(a, s, &is_reply);
	CHECK(base.len <= s.len);
	CHECK(!str_has_char(base, '\t') || str_has_char(s, '\t'));
	CHECK(base.len == 0 || base.p[0] != ' ');
	CHECK(base.len == 0 || base.p[base.len - 1] != ' ');
	CHECK(!str_starts_with_nocase(base, STR("re:")));
	CHECK(!str_starts_with_nocase(base, STR("fwd:")));
	CHECK(!str_ends_with_nocase(base, STR("(fwd)")));
	CHECK(str_equals(base_subject(a, base, &is_again), base));
	CHECK(!is_again);
	arena_free(a);
	return 0;
}
