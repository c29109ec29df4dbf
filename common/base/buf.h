/*
 * A growing run of bytes on the heap. Start with BUF_INIT, end with buf_done.
 *
 * Invariant: len <= cap; p is NULL only when cap is 0. A slice from buf_str
 * is valid until the next call that adds.
 */
#ifndef M3_BASE_BUF_H
#define M3_BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t len;
	size_t cap;
};

#define BUF_INIT ((struct buf){ NULL, 0, 0 })

void buf_done(struct buf *b);
void buf_reset(struct buf *b);  /* empty, keeps its memory */
void buf_wipe(struct buf *b);   /* overwrites with zeros, then buf_done */
void buf_reserve(struct buf *b, size_t more); /* room for `more` bytes */
void buf_add(struct buf *b, const void *p, size_t len);
void buf_add_str(struct buf *b, struct str s);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t n);    /* decimal */
void buf_add_hex(struct buf *b, const void *p, size_t len); /* lower case */
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
void buf_consume(struct buf *b, size_t n);      /* drops the first n bytes */
void buf_truncate(struct buf *b, size_t len);   /* keeps the first len */

static inline struct str
buf_str(const struct buf *b)
{
	return str_make(b->p, b->len);
}

#endif
