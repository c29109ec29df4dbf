/* Streams over memory, for tests and fuzzers; see stream.h. */
#include "base/mem.h"
#include "net/stream_internal.h"
#include "base/banned.h"

static ssize_t
mem_try_read(struct stream *s, void *p, size_t len)
{
	size_t n = s->input.len < len ? s->input.len : len;

	if (n)
		memcpy(p, s->input.p, n);
	s->input = str_tail(s->input, n);
	return (ssize_t)n;
}

static ssize_t
mem_try_write(struct stream *s, const void *p, size_t len)
{
	buf_add(&s->output, p, len);
	return (ssize_t)len;
}

static bool
mem_has_input(struct stream *s)
{
	return s->input.len > 0;
}

static void
mem_done(struct stream *s)
{
	buf_done(&s->output);
}

static const struct stream_ops mem_ops = {
	.try_read = mem_try_read,
	.try_write = mem_try_write,
	.has_input = mem_has_input,
	.done = mem_done,
};

struct stream *
stream_new_mem(struct str input)
{
	struct stream *s = mem_alloc(sizeof(*s));

	s->ops = &mem_ops;
	s->in_fd = s->out_fd = s->stop_fd = -1;
	s->input = input;
	s->output = BUF_INIT;
	return s;
}

struct str
stream_mem_output(const struct stream *s)
{
	return buf_str(&s->output);
}
