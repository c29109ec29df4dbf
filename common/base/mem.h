/*
 * Memory: the only callers of malloc. An arena hands out pieces and takes
 * them all back at once; each session has three (process, session, command).
 * No function here returns NULL: when memory is short the handler that the
 * program set is called (it answers 421 or BYE) and the process exits 75.
 */
#ifndef M3_BASE_MEM_H
#define M3_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct arena;

/*
 * Called once when memory is short, or the ceiling is reached: the last words
 * to a client. The ceiling is off by then; when the handler finds no memory
 * either, the process ends at once. Then exit 75. NULL: nobody to tell.
 */
void mem_set_oom_handler(void (*handler)(void *ctx), void *ctx);
/*
 * The most octets that the functions here may hold together from now on, in
 * addition to what they hold at this moment; SIZE_MAX: no ceiling. It bounds
 * what one client can use up, also where nobody asked arena_is_over before.
 */
void mem_set_ceiling(size_t more);

/* May so much more be asked for, as far as the ceiling goes? */
bool mem_has_room(size_t size);

void *mem_alloc(size_t size);             /* zeroed */
/* Not zeroed: for buffers, whose pages then cost nothing before they are used. */
void *mem_alloc_raw(size_t size);
void *mem_grow(void *p, size_t size);     /* realloc; new bytes undefined */
void mem_free(void *p);                   /* NULL is accepted */
/* Zeros over the first `used` octets, then mem_free: what held secrets. */
void mem_wipe(void *p, size_t used);
/*
 * Gives free memory back and joins its pieces. Before a fork: a child's first
 * allocations then do not copy a page for each piece of the parent's past.
 */
void mem_trim(void);
/*
 * The same when more than a MiB is free and kept: behind what took much, so
 * that it is not held while a session or a reused child waits.
 */
void mem_trim_spare(void);
/* a * b, or the out-of-memory exit when the product does not fit. */
size_t mem_product(size_t a, size_t b);

struct arena *arena_new(void);
void arena_free(struct arena *a);         /* NULL is accepted */
/* Takes all pieces back and keeps one chunk for reuse. */
void arena_reset(struct arena *a);
/* As arena_reset, and overwrites with zeros what was handed out. */
void arena_wipe(struct arena *a);
/* The octets that the arena holds from the system. */
size_t arena_size(const struct arena *a);
/*
 * How much its owner wants it to hold; SIZE_MAX at first. Nothing is refused
 * by it: whoever reads what others chose asks arena_is_over, gives up in time
 * and answers. It stays through arena_reset.
 */
void arena_set_limit(struct arena *a, size_t octets);
bool arena_is_over(const struct arena *a);

/* Zeroed, aligned for any type. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t n, size_t size);
#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, n, type) \
	((type *)arena_alloc_array((a), (n), sizeof(type)))

/* Copies. The copy has a NUL behind it, which is not counted. */
struct str arena_dup_str(struct arena *a, struct str s);
char *arena_dup_cstr(struct arena *a, struct str s);
/* Two or three slices in a row, in one copy. */
struct str arena_join(struct arena *a, struct str x, struct str y);
struct str arena_join3(
    struct arena *a, struct str x, struct str y, struct str z);
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A copy in ASCII lower case. */
struct str arena_dup_lower(struct arena *a, struct str s);

#endif
