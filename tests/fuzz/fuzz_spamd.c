/*
 * The answer of spamd: no verdict and a temporary error, or header fields
 * that can stand before a message: X-Spam-*, whole lines, no other control
 * characters.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "mime/header.h"
#include "net/spamd.h"
#include "base/banned.h"

enum { HEADERS_MAX = 2 * 65536 };

static void
check_headers(struct str s)
{
	struct header_field f;
	size_t i;

	CHECK(s.len <= HEADERS_MAX);
	CHECK(s.len == 0 || str_ends_with(s, STR("\r\n")));
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '\r')
			CHECK(s.p[i + 1] == '\n');
		else if (s.p[i] == '\n')
			CHECK(i && s.p[i - 1] == '\r');
		else
			CHECK(!ascii_is_cntl(s.p[i]));
	}
	while (header_next(&s, &f)) {
		CHECK(f.value.p != NULL);
		CHECK(str_starts_with_nocase(f.name, STR("X-Spam-")));
	}
	CHECK(s.len == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct spamd_verdict v;
	struct err err = { .rc = RC_OK };

	if (spamd_parse(fuzz_input(data, size), a, &v, &err) == RC_OK)
		check_headers(v.headers);
	else
		CHECK(err.rc == RC_TEMP && err.text[0]);
	arena_free(a);
	return 0;
}
