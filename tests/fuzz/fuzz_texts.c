/*
 * What SEARCH compares with: of a parsed message each header field, and each
 * text part decoded and folded from its charset. All of it is UTF-8, and the
 * same text folds to the same.
 */
#include "fuzz.h"

#include "mime/decode.h"
#include "mime/header.h"
#include "mime/parse.h"
#include "mime/texts.h"
#include "text/utf8.h"
#include "base/banned.h"

/* Not folded twice: RFC 5051 maps once, and U+037A changes again then. */
static void
check_field(struct arena *a, struct str field)
{
	struct str folded = text_fold_field(a, field);

	CHECK(utf8_is_valid(folded));
	CHECK(str_equals(text_fold_field(a, field), folded));
}

static void
check_part(struct arena *a, struct str in, const struct facts_part *p)
{
	struct str rest = str_slice(
	    in, (size_t)p->header_offset, (size_t)p->header_size);
	struct str body = str_slice(
	    in, (size_t)p->body_offset, (size_t)p->body_size);
	struct header_field f;

	while (header_next(&rest, &f)) {
		check_field(a, f.value);
		check_field(a, f.whole);
	}
	if (text_is_searched(p))
		CHECK(utf8_is_valid(text_fold_body(
		    a, p, decode_all(a, p->encoding, body))));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str in = fuzz_input(data, size);
	struct mime_parser *p = mime_parser_new(a);
	const struct facts *f;
	uint32_t i;

	mime_parser_push(p, in);
	f = mime_parser_finish(p);
	for (i = 0; i < f->n_parts; i++)
		check_part(a, in, &f->parts[i]);
	arena_free(a);
	return 0;
}
