/*
 * The line reader: the first two octets are the longest line and how many
 * octets arrive at a time. However they arrive, the lines are those that a
 * plain search for LF finds.
 */
#include "fuzz.h"

#include "net/reader.h"
#include "base/banned.h"

enum { DEADLINE = 1000000000 };

/* Hands on at most *ctx octets at a time. */
static bool
trickle(void *ctx, struct str *in, char *out, size_t cap, size_t *ret_n)
{
	const size_t *most = ctx;
	size_t n = *most < cap ? *most : cap;

	if (n > in->len)
		n = in->len;
	if (n)
		memcpy(out, in->p, n);
	*in = str_tail(*in, n);
	*ret_n = n;
	return true;
}

/* What the reader has to say of the line at the start of *rest. */
static bool
next_line(struct str *rest, size_t max, struct line *ret_line)
{
	size_t lf = str_find_char(*rest, '\n');
	struct str text = str_slice(*rest, 0, lf);

	if (lf == rest->len)
		return false;
	ret_line->is_long = lf + 1 > max;
	ret_line->end = LINE_LF;
	if (ret_line->is_long)
		text = str_slice(text, 0, max);
	else if (str_ends_with(text, STR("\r")))
		ret_line->end = LINE_CRLF;
	if (ret_line->end == LINE_CRLF)
		text.len--;
	ret_line->text = text;
	ret_line->has_nul = str_has_char(text, '\0');
	ret_line->has_cr = str_has_char(text, '\r');
	*rest = str_tail(*rest, lf + 1);
	return true;
}

static void
check_line(const struct line *line, const struct line *want)
{
	CHECK(line->is_long == want->is_long);
	CHECK(line->is_long || line->end == want->end);
	CHECK(str_equals(line->text, want->text));
	CHECK(line->has_nul == want->has_nul);
	CHECK(line->has_cr == want->has_cr);
}

static void
check_lines(struct str in, size_t size, size_t max,
    const struct reader_filter *filter)
{
	struct stream *s = stream_new_mem(in);
	struct reader *r = reader_new(s, size);
	struct line line, want;

	if (filter)
		reader_set_filter(r, filter);
	while (next_line(&in, max, &want)) {
		CHECK(reader_line(r, max, SIZE_MAX / 2, DEADLINE, &line) ==
		    IO_OK);
		check_line(&line, &want);
	}
	CHECK(reader_line(r, max, SIZE_MAX / 2, DEADLINE, &line) == IO_EOF);
	reader_free(r);
	stream_free(s);
}

/* Blocks are the octets in their order. */
static void
check_blocks(struct str in, size_t size, size_t max)
{
	struct stream *s = stream_new_mem(in);
	struct reader *r = reader_new(s, size);
	struct str block;

	while (reader_block(r, max, DEADLINE, &block) == IO_OK) {
		CHECK(block.len > 0 && block.len <= max);
		CHECK(str_starts_with(in, block));
		reader_consume(r, block.len);
		in = str_tail(in, block.len);
	}
	CHECK(in.len == 0 && reader_pending(r) == 0);
	reader_free(r);
	stream_free(s);
}

/* An endless line is given up for good. */
static void
check_discard(struct str in, size_t size, size_t max)
{
	struct stream *s = stream_new_mem(in);
	struct reader *r = reader_new(s, size);
	struct line line;
	enum io io;

	do {
		io = reader_line(r, max, max * 2, DEADLINE, &line);
	} while (io == IO_OK);
	CHECK(io == (reader_gave_up(r) ? IO_ERROR : IO_EOF));
	reader_free(r);
	stream_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_input(data, size);
	size_t max = fuzz_octet(&in) % 64 + 2;
	size_t most = fuzz_octet(&in) % 16 + 1;
	struct reader_filter filter = { &most, trickle };

	check_lines(in, max + 1, max, NULL);
	check_lines(in, max + most, max, NULL);
	check_lines(in, 4096, max, NULL);
	check_lines(in, max + most, max, &filter);
	check_blocks(in, max + 1, most);
	check_discard(in, max + most, max);
	return 0;
}
