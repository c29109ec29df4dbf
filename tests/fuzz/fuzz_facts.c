/*
 * Packed facts from any octets: what is accepted is sound, so that a broken
 * document in the store cannot break a session, and packs to one form.
 */
#include "fuzz_facts.h"

#include "base/banned.h"

/* All octets of all strings are read by encoding. */
static struct str
pack(struct arena *a, const struct facts *f)
{
	struct buf out = BUF_INIT;
	struct str packed;

	facts_encode(f, &out);
	packed = arena_dup_str(a, buf_str(&out));
	buf_done(&out);
	return packed;
}

static void
check_find(const struct facts *f, struct str s)
{
	uint32_t numbers[4];
	const struct facts_part *part;
	size_t i;

	for (i = 0; i < 4; i++)
		numbers[i] = i < s.len ? (unsigned char)s.p[s.len - 1 - i] % 4
				       : 1;
	for (i = 0; i <= 4; i++) {
		part = facts_part_find(f, numbers, i);
		CHECK(!part ||
		    (part >= f->parts && part < f->parts + f->n_parts));
		CHECK(i > 0 || part == f->parts);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size), packed;
	struct facts_envelope e;
	struct facts f, again;

	if (facts_decode(a, s, &f)) {
		CHECK(facts_decode_envelope(a, s, &e));
		fuzz_check_links(&f);
		fuzz_check_sizes(&f);
		check_find(&f, s);
		fuzz_check_render(&f);
		packed = pack(a, &f);
		CHECK(facts_decode(a, packed, &again));
		CHECK(str_equals(pack(a, &again), packed));
	}
	arena_free(a);
	return 0;
}
