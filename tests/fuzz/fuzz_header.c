/*
 * Fields of a raw header: the first line names the fields that are selected.
 * Fields lie one behind the other; selecting and its opposite share them out.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "mime/header.h"
#include "base/banned.h"

enum { NAMES = 4 };

static void
check_field(struct arena *a, struct str header, const struct header_field *f)
{
	struct header_field found;
	struct str text;
	size_t i;

	CHECK(f->whole.len > 0);
	CHECK(fuzz_is_inside(f->name, f->whole));
	CHECK(fuzz_is_inside(f->value, f->whole));
	CHECK(!str_has_char(f->name, ':'));
	text = header_unfold(a, f->value);
	for (i = 0; i < text.len; i++)
		CHECK(text.p[i] != '\n');
	CHECK(text.len <= f->value.len);
	if (f->value.p) {
		CHECK(header_find(header, f->name, &found));
		CHECK(found.whole.p <= f->whole.p);
		CHECK(str_equals_nocase(found.name, f->name));
	}
}

/* The octets of all fields; *ret_rest: the empty line and the body. */
static struct str
walk(struct arena *a, struct str header, struct str *ret_rest)
{
	struct str rest = header;
	struct header_field f;
	size_t at = 0;

	while (header_next(&rest, &f)) {
		CHECK(f.whole.p == header.p + at);
		at += f.whole.len;
		check_field(a, header, &f);
	}
	CHECK(at + rest.len == header.len);
	CHECK(rest.len == 0 || rest.p[0] == '\n' || rest.p[0] == '\r');
	*ret_rest = rest;
	return str_slice(header, 0, at);
}

/* Taking out what was selected, in order, leaves the others. */
static void
check_select(struct str header, struct str fields, const struct str *names,
    size_t n)
{
	struct buf with = BUF_INIT, without = BUF_INIT;
	struct str x, y, rest = header;
	struct header_field f;

	header_select(header, names, n, false, &with);
	header_select(header, names, n, true, &without);
	CHECK(with.len + without.len == fields.len);
	x = buf_str(&with);
	y = buf_str(&without);
	while (header_next(&rest, &f)) {
		struct str *from = str_starts_with(x, f.whole) ? &x : &y;

		CHECK(str_starts_with(*from, f.whole));
		*from = str_tail(*from, f.whole.len);
	}
	buf_done(&with);
	buf_done(&without);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str header = fuzz_input(data, size), fields, rest;
	struct str line = fuzz_line(&header);
	struct str names[NAMES];
	size_t n = 0;

	while (n < NAMES && str_split_char(&line, ' ', &names[n]))
		n++;
	fields = walk(a, header, &rest);
	check_select(header, fields, names, n);
	arena_free(a);
	return 0;
}
