/* Buffered writing; see writer.h. */
#include "net/writer.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/banned.h"

struct writer {
	struct stream *stream;
	const struct writer_filter *filter;
	char *data;
	size_t size;
	size_t len;
	int64_t timeout_ms;
	uint64_t total;
	enum io error;
	char last;       /* octet that was added */
};

struct writer *
writer_new(struct stream *s, size_t size, int64_t timeout_ms)
{
	struct writer *w = mem_alloc(sizeof(*w));

	w->stream = s;
	w->size = size;
	w->data = mem_alloc_raw(size);
	w->timeout_ms = timeout_ms;
	return w;
}

void
writer_free(struct writer *w)
{
	if (!w)
		return;
	mem_free(w->data);
	mem_free(w);
}

static void
write_out(void *arg, struct str out)
{
	struct writer *w = arg;

	if (w->error == IO_OK)
		w->error = stream_write(w->stream, out.p, out.len,
		    clock_deadline(w->timeout_ms));
}

/* With a filter also an empty flush matters: it ends the encoder's block. */
static void
drain(struct writer *w, bool flush)
{
	struct str out = str_make(w->data, w->len);

	w->len = 0;
	if (w->filter)
		w->filter->encode(w->filter->ctx, out, flush, write_out, w);
	else if (out.len)
		write_out(w, out);
}

void
writer_add(struct writer *w, const void *p, size_t len)
{
	const char *from = p;

	w->total += len;
	if (len)
		w->last = from[len - 1];
	while (len && w->error == IO_OK) {
		size_t room = w->size - w->len;
		size_t n = len < room ? len : room;

		memcpy(w->data + w->len, from, n);
		w->len += n;
		from += n;
		len -= n;
		if (w->len == w->size)
			drain(w, false);
	}
}

void
writer_add_str(struct writer *w, struct str s)
{
	writer_add(w, s.p, s.len);
}

void
writer_add_cstr(struct writer *w, const char *s)
{
	writer_add(w, s, strlen(s));
}

void
writer_add_u64(struct writer *w, uint64_t n)
{
	char text[NUM_U64_DIGITS];

	writer_add_str(w, num_format_u64(n, text));
}

void
writer_vprintf(struct writer *w, const char *fmt, va_list ap)
{
	char small[512];
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n >= (int)sizeof(small)) {
		char *big = mem_alloc((size_t)n + 1);

		vsnprintf(big, (size_t)n + 1, fmt, again);
		writer_add(w, big, (size_t)n);
		mem_free(big);
	} else if (n > 0) {
		writer_add(w, small, (size_t)n);
	}
	va_end(again);
}

void
writer_printf(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	writer_vprintf(w, fmt, ap);
	va_end(ap);
}

enum io
writer_flush(struct writer *w)
{
	if (w->error == IO_OK)
		drain(w, true);
	return w->error;
}

bool
writer_is_at_line(const struct writer *w)
{
	return w->total == 0 || w->last == '\n';
}

enum io
writer_error(const struct writer *w)
{
	return w->error;
}

uint64_t
writer_total(const struct writer *w)
{
	return w->total;
}

void
writer_set_filter(struct writer *w, const struct writer_filter *f)
{
	w->filter = f;
}
