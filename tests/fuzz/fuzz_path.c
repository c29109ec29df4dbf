/* SMTP paths: what is accepted prints as something that parses to itself. */
#include "fuzz.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "smtp/path.h"
#include "text/utf8.h"
#include "base/banned.h"

static bool
has_8bit(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (ascii_is_8bit(s.p[i]))
			return true;
	}
	return false;
}

static void
check_parts(const struct address *addr)
{
	size_t i;

	CHECK(addr->local.len + 2 <= LIMIT_SMTP_PATH);
	CHECK(addr->domain.len <= LIMIT_SMTP_DOMAIN);
	CHECK(utf8_is_valid(addr->local) && utf8_is_valid(addr->domain));
	CHECK(addr->domain.len == 0 || path_is_host(addr->domain));
	for (i = 0; i < addr->local.len; i++)
		CHECK(!ascii_is_cntl(addr->local.p[i]));
}

static bool
is_same(const struct address *x, const struct address *y)
{
	return str_equals(x->local, y->local) &&
	    str_equals(x->domain, y->domain);
}

/* Prints it, and reads it without and with brackets. */
static void
check_print(struct arena *a, const struct address *addr)
{
	struct buf out = BUF_INIT;
	struct address again = { STR_NONE, STR_NONE, false };
	bool is_8bit = false;
	size_t used = 0;

	buf_add_char(&out, '<');
	path_print(addr, &out);
	CHECK(path_parse_bare(a, str_tail(buf_str(&out), 1), &again) ==
	    PATH_OK);
	CHECK(is_same(addr, &again));
	buf_add_cstr(&out, "> SIZE=1");
	if (out.len - 7 <= LIMIT_SMTP_PATH) {
		CHECK(path_parse(a, buf_str(&out), &again, &used, &is_8bit) ==
		    PATH_OK);
		CHECK(is_same(addr, &again) && used == out.len - 7);
		CHECK(is_8bit ==
		    (has_8bit(addr->local) || has_8bit(addr->domain)));
	}
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);
	struct address addr;
	bool is_8bit = false;
	size_t used = 0;

	if (path_parse(a, s, &addr, &used, &is_8bit) == PATH_OK) {
		CHECK(used >= 2 && used <= s.len && s.p[used - 1] == '>');
		check_parts(&addr);
		if (!address_is_null(&addr))
			check_print(a, &addr);
	}
	if (path_parse_bare(a, s, &addr) == PATH_OK) {
		check_parts(&addr);
		check_print(a, &addr);
	}
	path_is_host(s);
	arena_free(a);
	return 0;
}
