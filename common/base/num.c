/* Decimal numbers; every overflow is an error, never a wrap. */
#include "base/num.h"

#include "base/ascii.h"
#include "base/banned.h"

bool
num_parse_u64(struct str s, uint64_t max, uint64_t *ret_n)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
			return false;
	}
	if (n > max)
		return false;
	*ret_n = n;
	return true;
}

bool
num_parse_u32(struct str s, uint32_t *ret_n)
{
	uint64_t n;

	if (!num_parse_u64(s, UINT32_MAX, &n))
		return false;
	*ret_n = (uint32_t)n;
	return true;
}

bool
num_parse_i64(struct str s, int64_t *ret_n)
{
	bool negative = s.len && s.p[0] == '-';
	uint64_t n;

	if (!num_parse_u64(negative ? str_tail(s, 1) : s,
		(uint64_t)INT64_MAX + negative, &n))
		return false;
	*ret_n = (int64_t)(negative ? 0 - n : n);
	return true;
}

struct unit {
	char letter;
	uint64_t factor;
};

static bool
parse_with_unit(
    struct str s, const struct unit *units, size_t n_units, uint64_t *ret_n)
{
	uint64_t n;
	uint64_t factor = 1;

	if (s.len == 0)
		return false;
	if (!ascii_is_digit(s.p[s.len - 1])) {
		char letter = ascii_lower(s.p[s.len - 1]);
		size_t i = 0;

		while (i < n_units && units[i].letter != letter)
			i++;
		if (i == n_units)
			return false;
		factor = units[i].factor;
		s.len--;
	}
	if (!num_parse_u64(s, UINT64_MAX, &n) ||
	    __builtin_mul_overflow(n, factor, &n))
		return false;
	*ret_n = n;
	return true;
}

bool
num_parse_size(struct str s, uint64_t *ret_n)
{
	static const struct unit units[] = {
		{ 'k', 1ULL << 10 },
		{ 'm', 1ULL << 20 },
		{ 'g', 1ULL << 30 },
		{ 't', 1ULL << 40 },
	};

	return parse_with_unit(s, units, sizeof(units) / sizeof(*units), ret_n);
}

bool
num_parse_duration(struct str s, uint64_t *ret_seconds)
{
	static const struct unit units[] = {
		{ 's', 1 },
		{ 'm', 60 },
		{ 'h', 3600 },
		{ 'd', 86400 },
		{ 'w', 604800 },
	};

	return parse_with_unit(
	    s, units, sizeof(units) / sizeof(*units), ret_seconds);
}

struct str
num_format_u64(uint64_t n, char text[NUM_U64_DIGITS])
{
	size_t at = NUM_U64_DIGITS;

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return str_make(text + at, NUM_U64_DIGITS - at);
}

bool
num_parse_hundredths(struct str text, int64_t *ret_n)
{
	struct str rest = text, whole, part = STR("0");
	bool is_negative = str_starts_with(text, STR("-"));
	uint64_t points, hundredths;

	if (is_negative)
		rest = str_tail(rest, 1);
	if (!str_split_char(&rest, '.', &whole) ||
	    !num_parse_u64(whole, 1000000, &points))
		return false;
	if (rest.len)
		part = str_slice(rest, 0, 2);
	if (!num_parse_u64(part, 99, &hundredths))
		return false;
	if (part.len == 1)
		hundredths *= 10;
	*ret_n = (int64_t)(points * 100 + hundredths);
	if (is_negative)
		*ret_n = -*ret_n;
	return true;
}
