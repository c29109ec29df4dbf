/* The order of SORT; see sort.h. */
#include "imap/sort.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/banned.h"

enum kind { KIND_NUMBER, KIND_SIZE, KIND_TEXT };

struct field_row {
	struct str name;
	enum kind kind;
	size_t offset;
	bool needs_envelope;
};

#define ROW(field, name, kind, member, envelope)                         \
	[field] = { STR_INIT(name), kind, offsetof(struct sort_key, member), \
		envelope }

static const struct field_row rows[] = {
	ROW(SORT_ARRIVAL, "ARRIVAL", KIND_NUMBER, arrival, false),
	ROW(SORT_CC, "CC", KIND_TEXT, cc, true),
	ROW(SORT_DATE, "DATE", KIND_NUMBER, date, true),
	ROW(SORT_DISPLAYFROM, "DISPLAYFROM", KIND_TEXT, display_from, true),
	ROW(SORT_DISPLAYTO, "DISPLAYTO", KIND_TEXT, display_to, true),
	ROW(SORT_FROM, "FROM", KIND_TEXT, from, true),
	ROW(SORT_SIZE, "SIZE", KIND_SIZE, size, false),
	ROW(SORT_SUBJECT, "SUBJECT", KIND_TEXT, subject, true),
	ROW(SORT_TO, "TO", KIND_TEXT, to, true),
};

static bool
find_field(const struct arg *arg, enum sort_field *ret)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (arg_is_atom(arg, rows[i].name)) {
			*ret = (enum sort_field)i;
			return true;
		}
	}
	return false;
}

const char *
sort_parse(const struct arg *list, struct sort_program *ret)
{
	bool is_reverse = false;
	enum sort_field field;
	size_t i;

	*ret = (struct sort_program){ .n = 0 };
	if (list->type != ARG_LIST || list->n == 0)
		return "A list of criteria is wanted";
	for (i = 0; i < list->n; i++) {
		if (arg_is_atom(&list->v[i], STR("REVERSE")) && !is_reverse) {
			is_reverse = true;
			continue;
		}
		if (!find_field(&list->v[i], &field))
			return "Unknown criterion";
		if (ret->n == SORT_CRITERIA_MAX)
			return "Too many criteria";
		ret->v[ret->n++] =
		    (struct sort_criterion){ field, is_reverse };
		ret->needs_envelope |= rows[field].needs_envelope;
		is_reverse = false;
	}
	return is_reverse ? "REVERSE of nothing" : NULL;
}

static int
compare_field(const struct field_row *row, const struct sort_key *a,
    const struct sort_key *b)
{
	const char *x = (const char *)a + row->offset;
	const char *y = (const char *)b + row->offset;

	if (row->kind == KIND_TEXT)
		return str_compare(*(const struct str *)(const void *)x,
		    *(const struct str *)(const void *)y);
	if (row->kind == KIND_SIZE) {
		uint64_t m = *(const uint64_t *)(const void *)x;
		uint64_t n = *(const uint64_t *)(const void *)y;

		return m < n ? -1 : m > n;
	} else {
		int64_t m = *(const int64_t *)(const void *)x;
		int64_t n = *(const int64_t *)(const void *)y;

		return m < n ? -1 : m > n;
	}
}

static int
compare(const void *x, const void *y, void *ctx)
{
	const struct sort_program *p = ctx;
	const struct sort_key *a = x, *b = y;
	size_t i;

	for (i = 0; i < p->n; i++) {
		int c = compare_field(&rows[p->v[i].field], a, b);

		if (c)
			return p->v[i].is_reverse ? -c : c;
	}
	return a->number < b->number ? -1 : a->number > b->number;
}

void
sort_keys(const struct sort_program *p, struct sort_key *v, size_t n)
{
	if (n)
		qsort_r(v, n, sizeof(*v), compare,
		    (void *)(uintptr_t)p);
}
