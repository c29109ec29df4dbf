/* DEFLATE on a connection; see deflate.h. */
#include "net/deflate.h"

#include <zlib.h>

#include "base/mem.h"

#include "base/banned.h"

enum {
	RAW_WINDOW = -15, /* no zlib header, 32 KiB */
	MEMORY_LEVEL = 8,
	OUT = 16384,
};

struct deflate {
	z_stream in;
	z_stream out;
	bool is_dirty;   /* something was encoded since the last flush */
	struct reader_filter reader;
	struct writer_filter writer;
	unsigned char buffer[OUT];
};

static void *
allocate(void *ctx, unsigned n, unsigned size)
{
	(void)ctx;
	return mem_alloc(mem_product(n, size));
}

static void
release(void *ctx, void *p)
{
	(void)ctx;
	mem_free(p);
}

static bool
decode(void *ctx, struct str *in, char *out, size_t cap, size_t *ret_n)
{
	struct deflate *d = ctx;
	int r;

	d->in.next_in = (unsigned char *)(uintptr_t)in->p;
	d->in.avail_in = (unsigned)in->len;
	d->in.next_out = (unsigned char *)out;
	d->in.avail_out = (unsigned)cap;
	r = inflate(&d->in, Z_SYNC_FLUSH);
	*in = str_tail(*in, in->len - d->in.avail_in);
	*ret_n = cap - d->in.avail_out;
	/* Z_BUF_ERROR: it needs more. The end of the stream is a mistake. */
	return r == Z_OK || r == Z_BUF_ERROR;
}

static void
encode(void *ctx, struct str in, bool flush,
    void (*emit)(void *arg, struct str out), void *arg)
{
	struct deflate *d = ctx;

	d->is_dirty |= in.len > 0;
	if (!d->is_dirty)
		return;
	d->out.next_in = (unsigned char *)(uintptr_t)in.p;
	d->out.avail_in = (unsigned)in.len;
	do {
		d->out.next_out = d->buffer;
		d->out.avail_out = OUT;
		(void)deflate(&d->out, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
		if (d->out.avail_out < OUT)
			emit(arg, str_make(d->buffer,
				      OUT - d->out.avail_out));
	} while (d->out.avail_out == 0);
	if (flush)
		d->is_dirty = false;
}

struct deflate *
deflate_attach(struct reader *r, struct writer *w)
{
	struct deflate *d = mem_alloc(sizeof(*d));

	d->in.zalloc = d->out.zalloc = allocate;
	d->in.zfree = d->out.zfree = release;
	/* With memory that never runs out these cannot fail. */
	(void)inflateInit2(&d->in, RAW_WINDOW);
	(void)deflateInit2(&d->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
	    RAW_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
	d->reader = (struct reader_filter){ d, decode };
	d->writer = (struct writer_filter){ d, encode };
	reader_set_filter(r, &d->reader);
	writer_set_filter(w, &d->writer);
	return d;
}

void
deflate_free(struct deflate *d)
{
	if (!d)
		return;
	(void)inflateEnd(&d->in);
	(void)deflateEnd(&d->out);
	mem_free(d);
}
