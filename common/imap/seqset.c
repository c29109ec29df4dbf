/*
 * Sequence sets. The parser walks the text once; resolving sorts ranges, not
 * numbers, so that a set of 10^5 elements is n log n and one range over all
 * 32-bit numbers is one element.
 *
 *   sequence-set = (seq-number / seq-range) ["," sequence-set]
 *   seq-number   = nz-number / "*"
 */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/num.h"
#include "base/vec.h"
#include "imap/seqset.h"
#include "base/banned.h"

/* Takes one seq-number off *s. */
static bool
take_number(struct str *s, uint32_t *ret_n)
{
	size_t len = 0;
	uint32_t n;

	if (s->len > 0 && s->p[0] == '*') {
		*s = str_tail(*s, 1);
		*ret_n = SEQ_STAR;
		return true;
	}
	while (len < s->len && ascii_is_digit(s->p[len]))
		len++;
	/* nz-number: no leading zero, hence not 0 either. */
	if (len == 0 || s->p[0] == '0' ||
	    !num_parse_u32(str_slice(*s, 0, len), &n))
		return false;
	*s = str_tail(*s, len);
	*ret_n = n;
	return true;
}

static bool
take_range(struct str *s, struct seq_range *ret_range)
{
	struct seq_range r;

	if (!take_number(s, &r.lo))
		return false;
	r.hi = r.lo;
	if (s->len > 0 && s->p[0] == ':') {
		*s = str_tail(*s, 1);
		if (!take_number(s, &r.hi))
			return false;
	}
	*ret_range = r;
	return true;
}

bool
seqset_parse(struct arena *a, struct str s, struct seqset *ret_set)
{
	VEC(struct seq_range) ranges = { 0 };
	struct seq_range r;

	if (str_equals(s, STR("$"))) {
		*ret_set = (struct seqset){ NULL, 0, true };
		return true;
	}
	for (;;) {
		if (!take_range(&s, &r))
			return false;
		VEC_PUSH(a, &ranges, r);
		if (s.len == 0)
			break;
		if (s.p[0] != ',')
			return false;
		s = str_tail(s, 1);
	}
	*ret_set = (struct seqset){ ranges.v, ranges.n, false };
	return true;
}

static int
compare_ranges(const void *x, const void *y)
{
	const struct seq_range *a = x, *b = y;

	return (a->lo > b->lo) - (a->lo < b->lo);
}

/* The order of the two ends is free (RFC 3501 9). */
static struct seq_range
resolve_range(struct seq_range r, uint32_t largest)
{
	uint32_t x = r.lo == SEQ_STAR ? largest : r.lo;
	uint32_t y = r.hi == SEQ_STAR ? largest : r.hi;

	return (struct seq_range){ x < y ? x : y, x < y ? y : x };
}

/* Joins neighbours in the ordered v; the new count. */
static size_t
merge_ranges(struct seq_range *v, size_t n)
{
	size_t i, last = 0;

	if (n == 0)
		return 0;
	for (i = 1; i < n; i++) {
		if (v[i].lo - 1 <= v[last].hi) {
			if (v[i].hi > v[last].hi)
				v[last].hi = v[i].hi;
		} else {
			v[++last] = v[i];
		}
	}
	return last + 1;
}

void
seqset_resolve(struct arena *a, const struct seqset *set, uint32_t largest,
    struct seqset *ret_set)
{
	struct seq_range *v = ARENA_ARRAY(a, set->n, struct seq_range);
	struct seq_range r;
	size_t i, n = 0;

	for (i = 0; i < set->n; i++) {
		r = resolve_range(set->v[i], largest);
		if (r.hi == 0)
			continue;
		if (r.lo == 0)
			r.lo = 1;
		v[n++] = r;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), compare_ranges);
	*ret_set = (struct seqset){ v, merge_ranges(v, n), set->is_saved };
}

bool
seqset_has(const struct seqset *set, uint32_t n)
{
	size_t lo = 0, hi = set->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (n < set->v[mid].lo)
			hi = mid;
		else if (n > set->v[mid].hi)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

uint64_t
seqset_count(const struct seqset *set)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < set->n; i++)
		sum += (uint64_t)set->v[i].hi - set->v[i].lo + 1;
	return sum;
}

void
seqset_format(const struct seqset *set, struct buf *out)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		buf_add_u64(out, set->v[i].lo);
		if (set->v[i].hi == set->v[i].lo)
			continue;
		buf_add_char(out, ':');
		buf_add_u64(out, set->v[i].hi);
	}
}
