/*
 * Arenas are lists of chunks; a piece is cut from the newest chunk and a
 * piece larger than a chunk gets a chunk of its own. Chunks grow from 4 KiB
 * to 64 KiB so that an idle session stays small and a busy one asks seldom.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define MEM_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_HAS_ASAN 1
#endif
#endif
#ifdef MEM_HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#include "base/ascii.h"
#include "base/exits.h"
#include "base/banned.h"

/* With AddressSanitizer a chunk's octets are locked until they are a piece. */
#ifdef MEM_HAS_ASAN
enum { GAP = 16 }; /* stays locked behind every piece */
#define MEM_LOCK(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define MEM_UNLOCK(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
enum { GAP = 0 };
#define MEM_LOCK(p, n)   ((void)0)
#define MEM_UNLOCK(p, n) ((void)0)
#endif

enum { MEM_SPARE_MAX = 1 << 20 };

#define CHUNK_MIN  ((size_t)4096)
#define CHUNK_MAX  ((size_t)65536)
#define CHUNK_KEEP ((size_t)16384)
#define ALIGNMENT  alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t size; /* of data */
	size_t used;
	alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *head; /* the newest; pieces are cut from it */
	size_t held;
	size_t limit;       /* what the owner wants at most */
};

static void (*oom_handler)(void *ctx);
static void *oom_ctx;
/* What malloc gave and has not back, and how far that may go. */
static size_t mem_in_use;
static size_t mem_ceiling = SIZE_MAX;

void
mem_set_oom_handler(void (*handler)(void *ctx), void *ctx)
{
	oom_handler = handler;
	oom_ctx = ctx;
}

void
mem_set_ceiling(size_t more)
{
	mem_ceiling =
	    more > SIZE_MAX - mem_in_use ? SIZE_MAX : mem_in_use + more;
}

static _Noreturn void
out_of_memory(void)
{
	static const char text[] = "m3mta: out of memory\n";
	void (*handler)(void *ctx) = oom_handler;

	oom_handler = NULL;
	mem_ceiling = SIZE_MAX;
	if (handler)
		handler(oom_ctx);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_TEMPORARY);
	_exit(EXIT_TEMPORARY);
}

bool
mem_has_room(size_t size)
{
	return mem_in_use <= mem_ceiling && size <= mem_ceiling - mem_in_use;
}

/* Asked before, so that the ceiling is never passed. */
static void
mem_want(size_t size)
{
	if (!mem_has_room(size))
		out_of_memory();
}

static void *
mem_count(void *p)
{
	if (!p)
		out_of_memory();
	mem_in_use += malloc_usable_size(p);
	return p;
}

/* Libraries' memory is given back here too: never below nothing. */
static void
mem_uncount(void *p)
{
	size_t size = malloc_usable_size(p);

	mem_in_use -= size < mem_in_use ? size : mem_in_use;
}

void *
mem_alloc(size_t size)
{
	mem_want(size);
	return mem_count(calloc(1, size ? size : 1));
}

void *
mem_alloc_raw(size_t size)
{
	return mem_grow(NULL, size);
}

void *
mem_grow(void *p, size_t size)
{
	size_t had = malloc_usable_size(p);

	mem_want(size > had ? size - had : 0);
	mem_uncount(p);
	return mem_count(realloc(p, size ? size : 1));
}

void
mem_free(void *p)
{
	mem_uncount(p);
	free(p);
}

void
mem_wipe(void *p, size_t used)
{
	if (p)
		explicit_bzero(p, used);
	mem_free(p);
}

void
mem_trim(void)
{
	malloc_trim(0);
}

void
mem_trim_spare(void)
{
	if (mallinfo2().fordblks > MEM_SPARE_MAX)
		malloc_trim(0);
}

size_t
mem_product(size_t a, size_t b)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product))
		out_of_memory();
	return product;
}

struct arena *
arena_new(void)
{
	struct arena *a = mem_alloc(sizeof(*a));

	a->limit = SIZE_MAX;
	return a;
}

static void
free_chunks(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;

		mem_free(c);
		c = next;
	}
}

void
arena_free(struct arena *a)
{
	if (!a)
		return;
	free_chunks(a->head);
	mem_free(a);
}

/* Pieces are handed out zeroed, so what was used is cleared on the way back. */
void
arena_reset(struct arena *a)
{
	struct chunk *keep = NULL;
	struct chunk *next;

	for (struct chunk *c = a->head; c; c = next) {
		next = c->next;
		if (!keep && c->size <= CHUNK_KEEP)
			keep = c;
		else
			mem_free(c);
	}
	a->head = keep;
	a->held = 0;
	if (keep) {
		MEM_UNLOCK(keep->data, keep->used);
		explicit_bzero(keep->data, keep->used);
		MEM_LOCK(keep->data, keep->size);
		keep->used = 0;
		keep->next = NULL;
		a->held = keep->size;
	}
}

void
arena_wipe(struct arena *a)
{
	for (struct chunk *c = a->head; c; c = c->next) {
		MEM_UNLOCK(c->data, c->used);
		explicit_bzero(c->data, c->used);
	}
	arena_reset(a);
}

size_t
arena_size(const struct arena *a)
{
	return a->held;
}

void
arena_set_limit(struct arena *a, size_t octets)
{
	a->limit = octets;
}

bool
arena_is_over(const struct arena *a)
{
	return a->held > a->limit;
}

static struct chunk *
add_chunk(struct arena *a, size_t need)
{
	size_t size = a->head ? a->head->size * 2 : CHUNK_MIN;
	struct chunk *c;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(*c))
		out_of_memory();
	c = mem_alloc(sizeof(*c) + size);
	c->size = size;
	MEM_LOCK(c->data, size);
	/* A large piece goes behind the chunk that still has room. */
	if (a->head && size == need && need > CHUNK_MAX) {
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	a->held += size;
	return c;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->head;
	size_t need = size ? size : 1;
	void *p;

	if (need > SIZE_MAX - ALIGNMENT - GAP)
		out_of_memory();
	need = (need + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + GAP;
	if (!c || c->size - c->used < need)
		c = add_chunk(a, need);
	p = c->data + c->used;
	c->used += need;
	MEM_UNLOCK(p, size);
	return p;
}

void *
arena_alloc_array(struct arena *a, size_t n, size_t size)
{
	return arena_alloc(a, mem_product(n, size));
}

struct str
arena_dup_str(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);

	if (s.len)
		memcpy(p, s.p, s.len);
	return str_make(p, s.len);
}

char *
arena_dup_cstr(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);

	if (s.len)
		memcpy(p, s.p, s.len);
	return p;
}

struct str
arena_join(struct arena *a, struct str x, struct str y)
{
	return arena_join3(a, x, y, STR_NONE);
}

struct str
arena_join3(struct arena *a, struct str x, struct str y, struct str z)
{
	const struct str parts[] = { x, y, z };
	char *p = arena_alloc(a, x.len + y.len + z.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < 3; i++) {
		if (parts[i].len)
			memcpy(p + len, parts[i].p, parts[i].len);
		len += parts[i].len;
	}
	return str_make(p, len);
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *p;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return STR_NONE;
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return str_make(p, (size_t)n);
}

struct str
arena_dup_lower(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		p[i] = ascii_lower(s.p[i]);
	return str_make(p, s.len);
}
