/* Numbers with and without units, and networks. */
#include "fuzz.h"

#include "base/cidr.h"
#include "base/num.h"
#include "base/banned.h"

static struct str
without_zeros(struct str s)
{
	while (s.len > 1 && s.p[0] == '0')
		s = str_tail(s, 1);
	return s;
}

static void
check_u64(struct str s)
{
	char text[NUM_U64_DIGITS];
	uint64_t n, again;
	uint32_t small;

	if (!num_parse_u64(s, UINT64_MAX, &n)) {
		CHECK(!num_parse_u32(s, &small));
		return;
	}
	CHECK(str_equals(num_format_u64(n, text), without_zeros(s)));
	CHECK(num_parse_u64(s, n, &again) && again == n);
	CHECK(n == 0 || !num_parse_u64(s, n - 1, &again));
	CHECK(num_parse_u32(s, &small) == (n <= UINT32_MAX));
}

/* With a unit the number is a whole multiple, and never wrapped. */
static void
check_units(struct str s)
{
	uint64_t n, plain;
	struct str digits = str_slice(s, 0, s.len ? s.len - 1 : 0);

	if (num_parse_size(s, &n) &&
	    num_parse_u64(digits, UINT64_MAX, &plain))
		CHECK(n >= plain);
	if (num_parse_duration(s, &n) &&
	    num_parse_u64(digits, UINT64_MAX, &plain))
		CHECK(n >= plain);
}

static void
check_i64(struct str s)
{
	bool is_negative = str_starts_with(s, STR("-"));
	uint64_t size;
	int64_t n;

	if (!num_parse_i64(s, &n))
		return;
	CHECK(num_parse_u64(
	    str_slice(s, is_negative, s.len), UINT64_MAX, &size));
	CHECK(n == 0 || is_negative == (n < 0));
	CHECK(size == (n < 0 ? -(uint64_t)n : (uint64_t)n));
}

static void
check_cidr(struct str cidr, struct str address)
{
	char text[64], again[64];
	struct str key = cidr_source_key(address, text);

	if (cidr_matches(cidr, address))
		CHECK(cidr_is_valid(cidr) && cidr_is_valid(address));
	if (cidr_is_valid(address) && !str_has_char(address, '/')) {
		CHECK(cidr_is_valid(key));
		/* A mapped address counts as what it maps. */
		CHECK(cidr_matches(key, address) ||
		    !str_has_char(key, ':'));
		CHECK(cidr_matches(address, address));
	} else {
		CHECK(str_equals(key, address));
	}
	CHECK(str_equals(key, cidr_source_key(address, again)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = fuzz_input(data, size), rest = s, line;

	check_u64(s);
	check_i64(s);
	check_units(s);
	line = fuzz_line(&rest);
	check_cidr(line, rest);
	return 0;
}
