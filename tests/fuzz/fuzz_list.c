/*
 * LIST patterns: a line with the pattern, then the name. A plain table of
 * every prefix against every prefix says the same.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "imap/list_pattern.h"
#include "base/banned.h"

/* A name's octet and what the pattern has there; INBOX is without case. */
static bool
octet_fits(struct str name, size_t i, char c)
{
	bool is_inbox = str_equals(name, STR("INBOX")) ||
	    str_starts_with(name, STR("INBOX/"));

	return name.p[i] == c ||
	    (is_inbox && i < 5 && ascii_lower(name.p[i]) == c);
}

/* row[j]: the pattern so far matches the first j octets of the name. */
static bool
matches_plainly(struct arena *a, struct str pattern, struct str name)
{
	bool *row = ARENA_ARRAY(a, name.len + 1, bool);
	bool *next = ARENA_ARRAY(a, name.len + 1, bool);
	size_t i, j;

	row[0] = true;
	for (i = 0; i < pattern.len; i++) {
		char c = pattern.p[i];
		bool *swap = row;

		next[0] = row[0] && (c == '*' || c == '%');
		for (j = 1; j <= name.len; j++) {
			if (c == '*' || c == '%')
				next[j] = row[j] || (next[j - 1] &&
				    (c == '*' || name.p[j - 1] != '/'));
			else
				next[j] = row[j - 1] &&
				    octet_fits(name, j - 1, c);
		}
		row = next;
		next = swap;
	}
	return row[name.len];
}

static size_t
count_literals(struct str pattern)
{
	size_t i, n = 0;

	for (i = 0; i < pattern.len; i++)
		n += pattern.p[i] != '*' && pattern.p[i] != '%';
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str name = fuzz_input(data, size);
	struct str pattern = fuzz_line(&name);
	struct list_pattern *p = list_pattern_new(a, pattern);

	CHECK((p == NULL) == (count_literals(pattern) > LIMIT_FOLDER_NAME));
	if (p)
		CHECK(list_pattern_matches(p, name) ==
		    matches_plainly(a, pattern, name));
	arena_free(a);
	return 0;
}
