/*
 * COMPRESS=DEFLATE: the first octet is the size of the reader's buffer, the
 * first line is plain, what follows is compressed. What the reader hands out
 * is what zlib makes of it at once, however little room there is; what the
 * writer sends, line by line, comes back.
 */
#include "fuzz.h"

#include <zlib.h>

#include "net/deflate.h"
#include "base/banned.h"

enum { DEADLINE = 1000000000, RAW = -15, RATIO = 1032, SPARE = 64 };

/* All of it, up to the first mistake; false: there is one. */
static bool
inflate_all(struct str in, struct buf *out)
{
	z_stream z = { 0 };
	unsigned char room[4096];
	int r = Z_OK;

	CHECK(inflateInit2(&z, RAW) == Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)in.p;
	z.avail_in = (unsigned)in.len;
	do {
		z.next_out = room;
		z.avail_out = sizeof(room);
		r = inflate(&z, Z_SYNC_FLUSH);
		buf_add(out, room, sizeof(room) - z.avail_out);
	} while (r == Z_OK && (z.avail_in || z.avail_out == 0));
	inflateEnd(&z);
	return r == Z_OK || r == Z_BUF_ERROR;
}

static void
check_read(struct str in, size_t size, bool has_line)
{
	struct stream *s = stream_new_mem(in);
	struct stream *unused = stream_new_mem(STR(""));
	struct reader *r = reader_new(s, size);
	struct writer *w = writer_new(unused, 64, 1000);
	struct buf want = BUF_INIT;
	struct deflate *d = NULL;
	struct str block, left;
	struct line line;
	bool is_good;
	enum io io = IO_OK;

	if (has_line)
		io = reader_line(r, size - 1, SIZE_MAX / 2, DEADLINE, &line);
	if (io == IO_OK) {
		left = in;
		if (has_line)
			(void)fuzz_line(&left);
		is_good = inflate_all(left, &want);
		CHECK(want.len <= (left.len + SPARE) * RATIO);
		d = deflate_attach(r, w);
		left = buf_str(&want);
		while ((io = reader_block(r, 4096, DEADLINE, &block)) ==
		    IO_OK) {
			CHECK(block.len > 0 && block.len <= 4096);
			CHECK(str_starts_with(left, block));
			left = str_tail(left, block.len);
			reader_consume(r, block.len);
		}
		CHECK(io == (is_good ? IO_EOF : IO_ERROR));
		CHECK(!is_good || left.len == 0);
	}
	deflate_free(d);
	buf_done(&want);
	writer_free(w);
	reader_free(r);
	stream_free(unused);
	stream_free(s);
}

static void
check_write(struct str text, size_t size)
{
	struct stream *s = stream_new_mem(STR(""));
	struct reader *r = reader_new(s, 64);
	struct writer *w = writer_new(s, size, 1000);
	struct deflate *d = deflate_attach(r, w);
	struct buf back = BUF_INIT;
	struct str rest = text;

	while (rest.len) {
		struct str line = fuzz_line(&rest);

		writer_add_str(w, line);
		if (line.p + line.len < text.p + text.len)
			writer_add_str(w, STR("\n"));
		CHECK(writer_flush(w) == IO_OK);
		/* Each flush gives all that was written. */
		buf_reset(&back);
		CHECK(inflate_all(stream_mem_output(s), &back));
		CHECK(back.len == (size_t)(rest.len ? rest.p - text.p
						    : (ptrdiff_t)text.len));
		CHECK(str_starts_with(text, buf_str(&back)));
	}
	deflate_free(d);
	buf_done(&back);
	writer_free(w);
	reader_free(r);
	stream_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_input(data, size);
	size_t room = fuzz_octet(&in) % 128 + 16;

	if (in.len > 4096)
		return 0;
	check_read(in, room, true);
	check_read(in, 4096, false);
	check_write(str_slice(in, 0, 512), room);
	return 0;
}
