/*
 * Bounded reading; see reader.h. The buffer holds what was read and not yet
 * consumed, from `at` to `end`; it is moved to the front only when it is
 * full, so that pipelined commands cost no copy. It is wiped when it is freed:
 * a LOGIN has passed through it.
 */
#include "net/reader.h"

#include "base/mem.h"
#include "base/banned.h"

struct reader {
	struct stream *stream;
	const struct reader_filter *filter;
	char *data;
	size_t size;
	size_t at;
	size_t end;
	size_t most;     /* the highest `end`: what reader_free wipes */
	char *raw;       /* with a filter: octets not decoded yet */
	size_t raw_at;
	size_t raw_end;
	bool gave_up;
};

struct reader *
reader_new(struct stream *s, size_t size)
{
	struct reader *r = mem_alloc(sizeof(*r));

	r->stream = s;
	r->size = size;
	r->data = mem_alloc_raw(size);
	return r;
}

void
reader_free(struct reader *r)
{
	if (!r)
		return;
	mem_wipe(r->data, r->most);
	mem_free(r->raw);
	mem_free(r);
}

bool
reader_gave_up(const struct reader *r)
{
	return r->gave_up;
}

size_t
reader_pending(const struct reader *r)
{
	return r->end - r->at + (r->raw_end - r->raw_at);
}

void
reader_drop(struct reader *r)
{
	r->at = r->end = 0;
	r->raw_at = r->raw_end = 0;
}

void
reader_forget(struct reader *r)
{
	explicit_bzero(r->data, r->at);
	if (r->most > r->end)
		explicit_bzero(r->data + r->end, r->most - r->end);
}

static void
take_in(struct reader *r, size_t n)
{
	r->end += n;
	if (r->end > r->most)
		r->most = r->end;
}

static void
make_room(struct reader *r)
{
	if (r->at == r->end) {
		r->at = r->end = 0;
	} else if (r->end == r->size && r->at) {
		memmove(r->data, r->data + r->at, r->end - r->at);
		r->end -= r->at;
		r->at = 0;
	}
}

/* Decodes what is raw; IO_OK also when that gave nothing yet. */
static enum io
decode_raw(struct reader *r)
{
	struct str in = str_make(r->raw + r->raw_at, r->raw_end - r->raw_at);
	size_t before = in.len;
	size_t n = 0;

	if (!r->filter->decode(r->filter->ctx, &in, r->data + r->end,
		r->size - r->end, &n))
		return IO_ERROR;
	r->raw_at += before - in.len;
	take_in(r, n);
	return IO_OK;
}

bool
reader_has_input(struct reader *r)
{
	if (r->at == r->end && r->raw_at < r->raw_end) {
		make_room(r);
		(void)decode_raw(r);
	}
	return r->at < r->end || stream_has_input(r->stream);
}

static enum io
fill_filtered(struct reader *r, int64_t deadline_ms)
{
	size_t before = r->end;
	size_t n;
	enum io io = decode_raw(r);

	while (io == IO_OK && r->end == before) {
		if (r->raw_at == r->raw_end)
			r->raw_at = r->raw_end = 0;
		io = stream_read(r->stream, r->raw + r->raw_end,
		    r->size - r->raw_end, deadline_ms, &n);
		if (io != IO_OK)
			break;
		r->raw_end += n;
		io = decode_raw(r);
	}
	return io;
}

/* Adds at least one octet; there must be room. */
static enum io
fill(struct reader *r, int64_t deadline_ms)
{
	size_t n;
	enum io io;

	if (r->filter)
		return fill_filtered(r, deadline_ms);
	io = stream_read(r->stream, r->data + r->end, r->size - r->end,
	    deadline_ms, &n);
	if (io == IO_OK)
		take_in(r, n);
	return io;
}

static void
classify(struct line *line)
{
	size_t i;

	line->has_nul = line->has_cr = line->has_8bit = false;
	for (i = 0; i < line->text.len; i++) {
		unsigned char c = (unsigned char)line->text.p[i];

		line->has_nul |= c == 0;
		line->has_cr |= c == '\r';
		line->has_8bit |= c >= 0x80;
	}
}

static void
hand_out(struct line *line, const char *p, size_t len)
{
	line->end = LINE_LF;
	if (len && p[len - 1] == '\r') {
		line->end = LINE_CRLF;
		len--;
	}
	line->text = str_make(p, len);
	classify(line);
}

/*
 * The line in front is over max: keeps its start in the buffer's first max
 * octets and reads on to its LF behind them.
 */
static enum io
skip_long_line(struct reader *r, size_t max, size_t discard_max,
    int64_t deadline_ms, struct line *ret_line)
{
	size_t seen = 0;
	enum io io = IO_OK;

	memmove(r->data, r->data + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = max;
	while (io == IO_OK) {
		const char *lf =
		    memchr(r->data + r->at, '\n', r->end - r->at);

		if (lf && max + seen + (size_t)(lf + 1 - r->data) - r->at <=
		    discard_max) {
			r->at = (size_t)(lf - r->data) + 1;
			ret_line->is_long = true;
			ret_line->end = LINE_CRLF;
			ret_line->text = str_make(r->data, max);
			classify(ret_line);
			return IO_OK;
		}
		seen += r->end - r->at;
		if (lf || max + seen > discard_max) {
			r->gave_up = true;
			return IO_ERROR;
		}
		r->end = r->at = max;
		io = fill(r, deadline_ms);
	}
	return io;
}

enum io
reader_line(struct reader *r, size_t max, size_t discard_max,
    int64_t deadline_ms, struct line *ret_line)
{
	size_t scanned = 0;
	enum io io;

	if (max >= r->size)
		max = r->size - 1;
	for (;;) {
		size_t have = r->end - r->at;
		const char *start = r->data + r->at;
		const char *lf = have > scanned
		    ? memchr(start + scanned, '\n', have - scanned)
		    : NULL;
		size_t len = lf ? (size_t)(lf - start) : have;

		if (len + (lf != NULL) > max)
			return skip_long_line(
			    r, max, discard_max, deadline_ms, ret_line);
		if (lf) {
			ret_line->is_long = false;
			hand_out(ret_line, start, len);
			r->at += len + 1;
			return IO_OK;
		}
		scanned = have;
		make_room(r);
		io = fill(r, deadline_ms);
		if (io != IO_OK)
			return io;
	}
}

enum io
reader_block(
    struct reader *r, size_t max, int64_t deadline_ms, struct str *ret_block)
{
	enum io io;
	size_t n;

	if (r->at == r->end) {
		make_room(r);
		io = fill(r, deadline_ms);
		if (io != IO_OK)
			return io;
	}
	n = r->end - r->at;
	*ret_block = str_make(r->data + r->at, n < max ? n : max);
	return IO_OK;
}

void
reader_consume(struct reader *r, size_t n)
{
	r->at += n;
}

/* What is pending belongs to the encoded stream: it becomes raw. */
void
reader_set_filter(struct reader *r, const struct reader_filter *f)
{
	if (f && !r->filter) {
		if (!r->raw)
			r->raw = mem_alloc_raw(r->size);
		r->raw_at = 0;
		r->raw_end = r->end - r->at;
		memcpy(r->raw, r->data + r->at, r->raw_end);
		r->at = r->end = 0;
	}
	r->filter = f;
}
