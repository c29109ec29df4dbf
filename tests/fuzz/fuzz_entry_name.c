/*
 * Names of annotations (METADATA): the first line is a parent, the rest a
 * name. What is valid has a root, printable ASCII and levels with something
 * in them; depths nest.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "imap/entry_name.h"
#include "base/banned.h"

static size_t
levels(struct str s)
{
	size_t i, n = 0;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == '/';
	return n;
}

static void
check_valid(struct str name)
{
	size_t i, last = str_find_last_char(name, '/');

	CHECK(str_starts_with(name, STR("/private")) ||
	    str_starts_with(name, STR("/shared")));
	for (i = 0; i < name.len; i++) {
		CHECK(!ascii_is_cntl(name.p[i]) && !ascii_is_8bit(name.p[i]));
		CHECK(!str_has_char(STR("*%"), name.p[i]));
	}
	CHECK(last + 1 < name.len);
	/* So is what it lies below. */
	if (entry_name_is_root(name))
		CHECK(levels(name) == 1);
	else
		CHECK(last > 0 && entry_name_is_valid(str_slice(name, 0, last)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str name = fuzz_input(data, size);
	struct str parent = fuzz_line(&name);
	bool is_below = entry_name_is_below(name, parent, SIZE_MAX);
	size_t depth, was = 0;

	if (entry_name_is_valid(name))
		check_valid(name);
	CHECK(!entry_name_is_root(name) || entry_name_is_valid(name));
	CHECK(!entry_name_is_below(name, parent, 0));
	CHECK(!entry_name_is_below(name, name, SIZE_MAX));
	for (depth = 1; depth < 10; depth++) {
		bool is_there = entry_name_is_below(name, parent, depth);

		CHECK(!was || is_there);
		CHECK(!is_there || is_below);
		CHECK(is_there ==
		    (is_below && levels(name) - levels(parent) <= depth));
		was = is_there;
	}
	return 0;
}
