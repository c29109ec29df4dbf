/*
 * SEARCH programs: the first octet's lowest bit is UTF8=ACCEPT. The tree has
 * the shape that its types promise, within the limit of depth, and its sets
 * resolve.
 */
#include "fuzz_imap.h"

#include "base/limits.h"
#include "imap/search.h"
#include "text/utf8.h"
#include "base/banned.h"

static void
check_set(struct arena *a, const struct search_key *k)
{
	struct seqset set;

	CHECK(k->set.is_saved == (k->set.n == 0));
	seqset_resolve(a, &k->set, 1000, &set);
	CHECK(seqset_count(&set) <= UINT32_MAX);
}

static void
check_key(struct arena *a, const struct search_key *k, int depth)
{
	size_t i;

	/* Each level of the program may add a NOT. */
	CHECK(depth <= LIMIT_IMAP_NESTING * 2 + 3);
	/* THREADID is an OR of nothing: never true. */
	CHECK(k->type != SEARCH_OR || k->n == 2 || k->n == 0);
	CHECK(k->type != SEARCH_NOT || k->n == 1);
	CHECK(k->n == 0 || k->type == SEARCH_AND || k->type == SEARCH_OR ||
	    k->type == SEARCH_NOT);
	if (k->type == SEARCH_SEQ || k->type == SEARCH_UID)
		check_set(a, k);
	if (k->type == SEARCH_HEADER || k->type == SEARCH_BODY ||
	    k->type == SEARCH_TEXT)
		CHECK(utf8_is_valid(k->text));
	for (i = 0; i < k->n; i++)
		check_key(a, &k->v[i], depth + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);
	bool utf8 = (fuzz_octet(&s) & 1) != 0;
	struct command_text c;
	struct search_program p;

	if (fuzz_args(a, s, &c) &&
	    search_parse(a, c.args, c.n, utf8, &p) == NULL) {
		CHECK(p.root.type == SEARCH_AND);
		CHECK(!p.is_extended || p.returns != 0);
		check_key(a, &p.root, 0);
		CHECK(search_needs(&p.root) < NEEDS_EMAILID * 2);
	}
	arena_free(a);
	return 0;
}
