/*
 * FETCH attributes: the sections keep their limits, and a section's label,
 * with its length put back, parses to the same section.
 */
#include "fuzz_imap.h"

#include "base/ascii.h"
#include "imap/fetch_att.h"
#include "base/banned.h"

static void
check_section(const struct section *s)
{
	bool has_fields = s->text == SECTION_HEADER_FIELDS ||
	    s->text == SECTION_HEADER_NOT;
	size_t i;

	CHECK(s->n_part <= SECTION_DEPTH);
	for (i = 0; i < s->n_part; i++)
		CHECK(s->part[i] > 0);
	CHECK(has_fields == (s->n_fields > 0));
	for (i = 0; i < s->n_fields; i++)
		CHECK(s->fields[i].len > 0);
	CHECK(s->is_partial || (s->offset == 0 && s->length == 0));
	CHECK(!s->is_partial || s->length > 0);
	CHECK(s->text != SECTION_MIME || s->n_part > 0);
	for (i = 0; i < s->label.len; i++)
		CHECK(ascii_is_graph(s->label.p[i]) || s->label.p[i] == ' ');
}

static void
check_same(const struct section *x, const struct section *y)
{
	size_t i;

	CHECK(x->coding == y->coding && x->text == y->text);
	CHECK(x->n_part == y->n_part && x->n_fields == y->n_fields);
	CHECK(memcmp(x->part, y->part, x->n_part * sizeof(*x->part)) == 0);
	for (i = 0; i < x->n_fields; i++)
		CHECK(str_equals(x->fields[i], y->fields[i]));
	CHECK(x->is_partial == y->is_partial);
	CHECK(x->offset == y->offset && x->length == y->length);
	CHECK(str_equals(x->label, y->label));
}

/* "BODY[1]<5>" of a partial of 7 octets is asked for as "BODY[1]<5.7>". */
static void
check_label(struct arena *a, const struct section *s)
{
	struct arg arg = { .type = ARG_ATOM, .s = s->label };
	struct fetch_atts atts;

	if (str_starts_with(s->label, STR("RFC822")))
		return;
	if (s->is_partial)
		arg.s = arena_printf(a, "%.*s.%llu>",
		    (int)s->label.len - 1, s->label.p,
		    (unsigned long long)s->length);
	CHECK(fetch_atts_parse(a, &arg, &atts) == NULL);
	CHECK(atts.n_sections == 1 && atts.items == 0);
	check_same(s, &atts.sections[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct command_text c;
	struct fetch_atts atts;
	size_t i, j;

	if (!fuzz_args(a, fuzz_input(data, size), &c))
		c.n = 0;
	for (i = 0; i < c.n; i++) {
		if (fetch_atts_parse(a, &c.args[i], &atts) != NULL)
			continue;
		CHECK(atts.items < FETCH_THREADID * 2);
		for (j = 0; j < atts.n_sections; j++) {
			check_section(&atts.sections[j]);
			check_label(a, &atts.sections[j]);
		}
	}
	arena_free(a);
	return 0;
}
