/* Structure that every facts must have, parsed or decoded. */
#ifndef M3_TESTS_FUZZ_FACTS_H
#define M3_TESTS_FUZZ_FACTS_H

#include "base/ascii.h"
#include "base/limits.h"
#include "fuzz_imap.h"
#include "imap/render.h"
#include "mime/facts.h"

static inline void
fuzz_check_links(const struct facts *f)
{
	uint32_t i;

	CHECK(f->n_parts >= 1 && f->n_parts <= LIMIT_MIME_PARTS);
	CHECK(f->parts->parent == FACTS_NO_PART);
	CHECK(f->parts->next == FACTS_NO_PART && f->parts->envelope);
	for (i = 0; i < f->n_parts; i++) {
		const struct facts_part *p = &f->parts[i];

		CHECK(i == 0 || p->parent < i);
		CHECK(p->next == FACTS_NO_PART ||
		    (p->next > i && p->next < f->n_parts &&
			f->parts[p->next].parent == p->parent));
		CHECK(p->first_child == FACTS_NO_PART ||
		    (p->first_child > i && p->first_child < f->n_parts &&
			f->parts[p->first_child].parent == i &&
			(p->is_multipart || p->is_message)));
		CHECK(!p->is_message || (p->first_child != FACTS_NO_PART &&
		    f->parts[p->first_child].envelope &&
		    f->parts[p->first_child].next == FACTS_NO_PART));
	}
}

/* header and body lie in the message. */
static inline void
fuzz_check_sizes(const struct facts *f)
{
	uint32_t i;

	for (i = 0; i < f->n_parts; i++) {
		const struct facts_part *p = &f->parts[i];

		CHECK(p->header_offset <= f->size);
		CHECK(p->header_size <= f->size - p->header_offset);
		CHECK(p->body_offset <= f->size);
		CHECK(p->body_size <= f->size - p->body_offset);
	}
}

/* Commands may have UTF-8 in strings at any time, answers after ENABLE. */
static inline void
fuzz_check_strings(const struct arg *v, size_t n, bool utf8)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (v[i].type == ARG_LIST)
			fuzz_check_strings(v[i].v, v[i].n, utf8);
		for (k = 0; v[i].type == ARG_STRING && k < v[i].s.len; k++)
			CHECK(utf8 || !ascii_is_8bit(v[i].s.p[k]));
	}
}

/* An answer is one list of IMAP's grammar, whatever the mail contains. */
static inline void
fuzz_check_answer(struct str answer, bool utf8)
{
	struct arena *a = arena_new();
	struct command_text c;
	struct fuzz_pieces p =
	    fuzz_pieces(a, arena_join(a, STR("a X "), answer));
	const char *wrong = command_parse(a, p.v, p.n, &c);

	/* The limits are those of commands. */
	if (!str_starts_with(str_from_cstr(wrong), STR("Too many"))) {
		CHECK(wrong == NULL);
		CHECK(c.n == 1 && c.args[0].type == ARG_LIST);
		fuzz_check_strings(c.args, c.n, utf8);
	}
	arena_free(a);
}

static inline void
fuzz_check_render(const struct facts *f)
{
	struct buf out = BUF_INIT;
	unsigned i;

	for (i = 0; i < 4; i++) {
		bool extended = (i & 1) != 0, utf8 = (i & 2) != 0;

		buf_reset(&out);
		render_body(&out, f, extended, utf8);
		fuzz_check_answer(buf_str(&out), utf8);
		buf_reset(&out);
		render_envelope(&out, f->parts->envelope, utf8);
		fuzz_check_answer(buf_str(&out), utf8);
	}
	buf_done(&out);
}

#endif
