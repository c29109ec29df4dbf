/*
 * The set is filled at its full size and then folded to the smallest that
 * leaves two of three bits empty or so: of the messages without a word of
 * eight letters one in three hundred or less passes by chance. One hash is
 * enough, since a needle has many trigrams. Sizes are powers of two.
 */
#include "mime/grams.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "mime/decode.h"
#include "mime/header.h"
#include "mime/texts.h"

#include "base/banned.h"

enum { GRAMS_LEAST = 32, BITS_PER_GRAM = 2 };

struct grams {
	uint8_t bits[LIMIT_GRAMS];
	struct arena *a;  /* of one text */
};

static uint32_t
hash(const char *p)
{
	uint32_t gram = (uint32_t)(unsigned char)p[0] << 16 |
	    (uint32_t)(unsigned char)p[1] << 8 | (unsigned char)p[2];

	return gram * UINT32_C(2654435761) >> 16;
}

static void
add_text(struct grams *g, struct str folded)
{
	size_t i;

	for (i = 0; i + 3 <= folded.len; i++) {
		uint32_t h = hash(folded.p + i) & (LIMIT_GRAMS * 8 - 1);

		g->bits[h / 8] |= (uint8_t)(1u << (h & 7));
	}
	arena_reset(g->a);
}

static void
add_header(struct grams *g, struct str header)
{
	struct header_field f;

	while (header_next(&header, &f))
		add_text(g, text_fold_field(g->a, f.whole));
}

static void
add_part(struct grams *g, const struct facts_part *p, struct str octets)
{
	struct str body = str_slice(
	    octets, (size_t)p->body_offset, (size_t)p->body_size);

	add_header(g, str_slice(octets, (size_t)p->header_offset,
	    (size_t)p->header_size));
	if (text_is_searched(p))
		add_text(g, text_fold_body(g->a, p,
		    decode_all(g->a, p->encoding, body)));
}

/* The set folded to its size; the low bits of a hash stay the same. */
static struct str
fold(struct arena *a, const struct grams *g)
{
	size_t i, n = 0, len = GRAMS_LEAST;
	char *out;

	for (i = 0; i < sizeof(g->bits); i++)
		n += (size_t)__builtin_popcount(g->bits[i]);
	while (len < sizeof(g->bits) && len * 8 < n * BITS_PER_GRAM)
		len *= 2;
	out = arena_alloc(a, len);
	for (i = 0; i < sizeof(g->bits); i++)
		out[i & (len - 1)] = (char)(out[i & (len - 1)] | g->bits[i]);
	return str_make(out, len);
}

struct str
grams_make(struct arena *a, const struct facts *f, struct str octets)
{
	struct grams *g;
	struct str out;
	uint32_t i;

	/* Such a line goes on the last field of what is put before it. */
	if (f->is_cut || (octets.len && ascii_is_blank(octets.p[0])))
		return STR_NONE;
	g = mem_alloc(sizeof(*g));
	g->a = arena_new();
	for (i = 0; i < f->n_parts; i++)
		add_part(g, &f->parts[i], octets);
	out = fold(a, g);
	arena_free(g->a);
	mem_free(g);
	return out;
}

bool
grams_may_have(struct str grams, struct str folded)
{
	size_t i, bits = grams.len * 8;

	if (grams.len == 0 || (grams.len & (grams.len - 1)) != 0)
		return true;
	for (i = 0; i + 3 <= folded.len; i++) {
		size_t h = hash(folded.p + i) & (bits - 1);

		if (!((unsigned char)grams.p[h / 8] >> (h & 7) & 1))
			return false;
	}
	return true;
}
