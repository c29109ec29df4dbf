/* A growing buffer; see buf.h. It doubles, so that adding is linear. */
#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/banned.h"

#define BUF_FIRST ((size_t)256)

void
buf_done(struct buf *b)
{
	mem_free(b->p);
	*b = BUF_INIT;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
}

void
buf_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

void
buf_reserve(struct buf *b, size_t more)
{
	size_t need;
	size_t cap = b->cap ? b->cap : BUF_FIRST;

	if (__builtin_add_overflow(b->len, more, &need))
		need = mem_product(SIZE_MAX, 2);
	if (need <= b->cap)
		return;
	while (cap < need)
		cap = mem_product(cap, 2);
	b->p = mem_grow(b->p, cap);
	b->cap = cap;
}

void
buf_add(struct buf *b, const void *p, size_t len)
{
	if (len == 0)
		return;
	buf_reserve(b, len);
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.len);
}

void
buf_add_cstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_char(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->p[b->len++] = c;
}

void
buf_add_u64(struct buf *b, uint64_t n)
{
	char text[NUM_U64_DIGITS];

	buf_add_str(b, num_format_u64(n, text));
}

void
buf_add_hex(struct buf *b, const void *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = p;

	buf_reserve(b, len * 2);
	for (size_t i = 0; i < len; i++) {
		b->p[b->len++] = digits[bytes[i] >> 4];
		b->p[b->len++] = digits[bytes[i] & 15];
	}
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	buf_reserve(b, (size_t)n + 1);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
}
