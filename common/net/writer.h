/*
 * Buffered writing with a sticky error. Nothing is sent before
 * writer_flush or a full buffer, so that a batch of replies is one write.
 */
#ifndef M3_NET_WRITER_H
#define M3_NET_WRITER_H

#include <stdarg.h>

#include "net/stream.h"

struct writer;

/* timeout_ms: of each wait for the peer to read. */
struct writer *writer_new(struct stream *s, size_t size, int64_t timeout_ms);
void writer_free(struct writer *w); /* does not flush */
void writer_add(struct writer *w, const void *p, size_t len);
void writer_add_str(struct writer *w, struct str s);
void writer_add_cstr(struct writer *w, const char *s);
void writer_add_u64(struct writer *w, uint64_t n);
void writer_printf(struct writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void writer_vprintf(struct writer *w, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
enum io writer_flush(struct writer *w);
enum io writer_error(const struct writer *w); /* IO_OK or the sticky error */
/* Nothing was added yet, or a line end last. */
bool writer_is_at_line(const struct writer *w);
uint64_t writer_total(const struct writer *w); /* octets taken so far */
/* An encoder between writer and stream (COMPRESS=DEFLATE). */
struct writer_filter {
	void *ctx;
	/* Encodes all of in; flush = make the peer able to decode it all. */
	void (*encode)(void *ctx, struct str in, bool flush,
	    void (*emit)(void *arg, struct str out), void *arg);
};
void writer_set_filter(struct writer *w, const struct writer_filter *f);

#endif
