/*
 * LIST patterns as a bit-parallel automaton. State i: the first i literal
 * octets are matched. An octet c moves state i to i + 1 if literal i is c, and
 * leaves it in i if a wildcard that takes c stands before literal i. All
 * states are the bits of one row of words, so "*%*%*%" x 500 costs no more
 * than a plain name of that length. Wildcards in a row are one: "*" if any.
 */
#include <assert.h>
#include <stdint.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "imap/list_pattern.h"
#include "base/banned.h"

enum { WORDS_MAX = LIMIT_FOLDER_NAME / 64 + 1, SEPARATOR = '/' };

struct list_pattern {
	size_t n_literals;
	size_t n_words;
	uint64_t *next;  /* 256 rows: the states that octet c advances */
	uint64_t stay_any[WORDS_MAX];     /* "*" */
	uint64_t stay_in_name[WORDS_MAX]; /* "%" */
};

static void
set_bit(uint64_t *row, size_t i)
{
	row[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool
has_bit(const uint64_t *row, size_t i)
{
	return (row[i / 64] >> (i % 64) & 1) != 0;
}

static uint64_t *
row_of(const struct list_pattern *p, char c)
{
	return p->next + (size_t)(unsigned char)c * p->n_words;
}

struct list_pattern *
list_pattern_new(struct arena *a, struct str pattern)
{
	struct list_pattern *p;
	size_t i, at = 0, n = 0;

	for (i = 0; i < pattern.len; i++)
		n += pattern.p[i] != '*' && pattern.p[i] != '%';
	if (n > LIMIT_FOLDER_NAME)
		return NULL;
	p = ARENA_NEW(a, struct list_pattern);
	p->n_literals = n;
	p->n_words = n / 64 + 1;
	assert(p->n_words <= WORDS_MAX);
	p->next = ARENA_ARRAY(a, 256 * p->n_words, uint64_t);
	for (i = 0; i < pattern.len; i++) {
		if (pattern.p[i] == '*')
			set_bit(p->stay_any, at);
		else if (pattern.p[i] == '%')
			set_bit(p->stay_in_name, at);
		else
			set_bit(row_of(p, pattern.p[i]), at++);
	}
	return p;
}

/*
 * One octet; also: a second octet that counts as c, or c itself. False: no
 * state is left, and nothing that follows can match.
 */
static bool
step(const struct list_pattern *p, uint64_t *states, char c, char also)
{
	const uint64_t *x = row_of(p, c), *y = row_of(p, also);
	uint64_t in_name = c == SEPARATOR ? 0 : UINT64_MAX;
	uint64_t moved, stayed, carry = 0, alive = 0;
	size_t i;

	for (i = 0; i < p->n_words; i++) {
		moved = states[i] & (x[i] | y[i]);
		stayed = states[i] &
		    (p->stay_any[i] | (p->stay_in_name[i] & in_name));
		states[i] = moved << 1 | carry | stayed;
		carry = moved >> 63;
		alive |= states[i];
	}
	return alive != 0;
}

bool
list_pattern_matches(const struct list_pattern *p, struct str name)
{
	uint64_t states[WORDS_MAX] = { 1 };
	const size_t inbox_len = sizeof("INBOX") - 1;
	bool is_inbox = str_equals(name, STR("INBOX")) ||
	    str_starts_with(name, STR("INBOX/"));
	size_t i;
	char c;

	for (i = 0; i < name.len; i++) {
		c = name.p[i];
		if (!step(p, states, c,
			is_inbox && i < inbox_len ? ascii_lower(c) : c))
			return false;
	}
	return has_bit(states, p->n_literals);
}
