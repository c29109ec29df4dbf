/*
 * A growing array in an arena: `VEC(struct part) parts = { 0 };`. Elements
 * move when it grows, so keep indices, not pointers, while adding.
 */
#ifndef M3_BASE_VEC_H
#define M3_BASE_VEC_H

#include <string.h>

#include "base/mem.h"

#define VEC(type)         \
	struct {          \
		type *v;  \
		size_t n; \
		size_t cap; \
	}

/* Adds one zeroed element and is a pointer to it. */
#define VEC_ADD(arena, vec)                                             \
	((vec)->v = vec_room((arena), (vec)->v, (vec)->n, &(vec)->cap,  \
	     sizeof(*(vec)->v)),                                        \
	    &(vec)->v[(vec)->n++])

/* Adds a copy of `value`. */
#define VEC_PUSH(arena, vec, value) ((void)(*VEC_ADD((arena), (vec)) = (value)))

static inline void *
vec_room(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	void *bigger;

	if (n < *cap)
		return v;
	*cap = *cap ? mem_product(*cap, 2) : 8;
	bigger = arena_alloc_array(a, *cap, size);
	if (n && v)
		memcpy(bigger, v, n * size);
	return bigger;
}

#endif
