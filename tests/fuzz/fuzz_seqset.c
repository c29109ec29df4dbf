/*
 * Sequence sets: the first four octets are the largest number, the rest is
 * the set. What is resolved is ordered, has what the ranges say, and comes
 * back when it is printed and parsed.
 */
#include "fuzz.h"

#include "imap/seqset.h"
#include "base/banned.h"

static bool
range_has(struct seq_range r, uint32_t largest, uint32_t n)
{
	uint32_t x = r.lo == SEQ_STAR ? largest : r.lo;
	uint32_t y = r.hi == SEQ_STAR ? largest : r.hi;

	return n > 0 && ((x <= n && n <= y) || (y <= n && n <= x));
}

static bool
raw_has(const struct seqset *raw, uint32_t largest, uint32_t n)
{
	size_t i;

	for (i = 0; i < raw->n; i++) {
		if (range_has(raw->v[i], largest, n))
			return true;
	}
	return false;
}

static void
check_order(const struct seqset *set)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < set->n; i++) {
		CHECK(set->v[i].lo > 0 && set->v[i].lo <= set->v[i].hi);
		CHECK(i == 0 || set->v[i - 1].hi < set->v[i].lo - 1);
		sum += (uint64_t)set->v[i].hi - set->v[i].lo + 1;
	}
	CHECK(seqset_count(set) == sum);
	CHECK(sum <= UINT32_MAX);
}

/* Around both ends of every range, where mistakes are. */
static void
check_numbers(const struct seqset *raw, const struct seqset *set,
    uint32_t largest)
{
	size_t i;
	uint32_t d;

	for (i = 0; i < raw->n && i < 64; i++) {
		for (d = 0; d < 3; d++) {
			uint32_t lo = raw->v[i].lo + d - 1;
			uint32_t hi = raw->v[i].hi + d - 1;

			CHECK(seqset_has(set, lo) ==
			    raw_has(raw, largest, lo));
			CHECK(seqset_has(set, hi) ==
			    raw_has(raw, largest, hi));
		}
	}
	CHECK(seqset_has(set, largest) == raw_has(raw, largest, largest));
}

static void
check_print(struct arena *a, const struct seqset *set)
{
	struct buf out = BUF_INIT;
	struct seqset again = { 0 };

	seqset_format(set, &out);
	CHECK((set->n == 0) == (out.len == 0));
	if (set->n) {
		CHECK(seqset_parse(a, buf_str(&out), &again));
		seqset_resolve(a, &again, 1, &again);
		CHECK(again.n == set->n);
		CHECK(memcmp(again.v, set->v, set->n * sizeof(*set->v)) == 0);
	}
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);
	struct seqset raw, set;
	uint32_t largest = 0;
	int i;

	for (i = 0; i < 4; i++)
		largest = largest << 8 | fuzz_octet(&s);
	if (seqset_parse(a, s, &raw)) {
		CHECK(raw.is_saved == str_equals(s, STR("$")));
		CHECK(raw.is_saved == (raw.n == 0));
		seqset_resolve(a, &raw, largest, &set);
		check_order(&set);
		check_numbers(&raw, &set, largest);
		check_print(a, &set);
	}
	arena_free(a);
	return 0;
}
