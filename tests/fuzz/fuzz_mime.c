/*
 * The MIME parser: every split of the message gives the same facts; parts
 * lie in their parents in order; packing and unpacking changes nothing; the
 * IMAP answers made of them are well formed.
 */
#include "fuzz_facts.h"

#include "mime/decode.h"
#include "mime/grams.h"
#include "mime/parse.h"
#include "mime/texts.h"
#include "model/packed.h"
#include "text/utf8.h"
#include "base/banned.h"

enum { EVERY_SPLIT = 64, SPLITS = 8 };

/* The first block has `first` octets, the others `step`. Packed facts. */
static struct str
parse(struct arena *a, struct str in, size_t first, size_t step,
    const struct facts **ret_facts)
{
	struct mime_parser *p = mime_parser_new(a);
	struct buf out = BUF_INIT;
	struct str packed;
	size_t at, n = first;

	for (at = 0; at < in.len; at += n, n = step) {
		struct str block = str_slice(in, at, n);

		/* A copy, so that nothing keeps pointing to the block. */
		mime_parser_push(p, arena_dup_str(a, block));
	}
	*ret_facts = mime_parser_finish(p);
	facts_encode(*ret_facts, &out);
	packed = arena_dup_str(a, buf_str(&out));
	buf_done(&out);
	return packed;
}

static void
check_split(struct str in, struct str want, size_t first, size_t step)
{
	struct arena *a = arena_new();
	const struct facts *f;

	CHECK(str_equals(parse(a, in, first, step, &f), want));
	arena_free(a);
}

/* A child lies in its parent's body, siblings one behind the other. */
static void
check_nesting(const struct facts *f)
{
	uint32_t i;

	for (i = 1; i < f->n_parts; i++) {
		const struct facts_part *p = &f->parts[i];
		const struct facts_part *up = &f->parts[p->parent];

		CHECK(p->header_offset >= up->body_offset);
		CHECK(p->body_offset + p->body_size <=
		    up->body_offset + up->body_size);
		CHECK(p->next == FACTS_NO_PART ||
		    f->parts[p->next].header_offset >=
			p->body_offset + p->body_size);
	}
	for (i = 0; i < f->n_parts; i++)
		CHECK(f->parts[i].header_offset + f->parts[i].header_size ==
		    f->parts[i].body_offset);
}

static uint64_t
count_newlines(struct str s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == '\n';
	return n;
}

static void
check_lines(const struct facts *f, struct str in)
{
	uint32_t i;

	for (i = 0; i < f->n_parts; i++) {
		const struct facts_part *p = &f->parts[i];
		struct str body = str_slice(in, (size_t)p->body_offset,
		    (size_t)p->body_size);

		CHECK(p->lines == count_newlines(body));
	}
}

static void
check_packed(struct arena *a, struct str packed)
{
	struct facts f;
	struct facts_envelope e;
	struct buf out = BUF_INIT;

	CHECK(facts_decode(a, packed, &f));
	CHECK(facts_decode_envelope(a, packed, &e));
	CHECK(fuzz_same(e.subject, f.parts->envelope->subject));
	facts_encode(&f, &out);
	CHECK(str_equals(buf_str(&out), packed));
	buf_done(&out);
}

/* The index has all that is in a part that SEARCH looks into. */
static void
check_grams(struct arena *a, const struct facts *f, struct str in)
{
	struct facts with = *f;
	struct buf out = BUF_INIT;
	struct str facts, grams;
	uint32_t i;
	size_t at;

	with.grams = grams_make(a, f, in);
	for (i = 0; i < f->n_parts && with.grams.p; i++) {
		const struct facts_part *p = &f->parts[i];
		struct str text;

		if (!text_is_searched(p))
			continue;
		text = text_fold_body(a, p, decode_all(a, p->encoding,
		    str_slice(in, (size_t)p->body_offset,
			(size_t)p->body_size)));
		for (at = 0; at < text.len; at += 3)
			CHECK(grams_may_have(
			    with.grams, str_slice(text, at, 8)));
	}
	facts_encode(&with, &out);
	packed_split(buf_str(&out), &facts, &grams);
	CHECK(fuzz_same(grams, with.grams));
	check_packed(a, buf_str(&out));
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str in = fuzz_input(data, size);
	size_t i, step = in.len <= EVERY_SPLIT ? 1 : in.len / SPLITS;
	const struct facts *f;
	struct str packed = parse(a, in, in.len, in.len, &f);

	CHECK(f->size == in.len);
	CHECK(f->preview.len <= 256 && utf8_is_valid(f->preview));
	fuzz_check_links(f);
	fuzz_check_sizes(f);
	check_nesting(f);
	check_lines(f, in);
	fuzz_check_render(f);
	check_packed(a, packed);
	check_grams(a, f, in);
	for (i = 1; i < in.len; i += step)
		check_split(in, packed, i, in.len);
	check_split(in, packed, 1, 1);
	check_split(in, packed, 2, 3);
	arena_free(a);
	return 0;
}
