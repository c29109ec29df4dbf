/*
 * What the fuzz targets share. Each fuzz_NAME.c has one LLVMFuzzerTestOneInput
 * for one parser; `make fuzz` links it with libFuzzer, `make check` with
 * driver.c, which plays the files of corpus/NAME and crashes/NAME.
 */
#ifndef M3_TESTS_FUZZ_H
#define M3_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input. */
#define CHECK(condition)                                              \
	do {                                                          \
		if (!(condition)) {                                   \
			fprintf(stderr, "%s:%d: not true: %s\n",      \
			    __FILE__, __LINE__, #condition);          \
			abort();                                      \
		}                                                     \
	} while (0)

/* The input; never NULL, so that slices of it are not either. */
static inline struct str
fuzz_input(const uint8_t *data, size_t size)
{
	return size ? str_make(data, size) : STR("");
}

/* Takes the first octet off *rest as a choice; 0 when there is none. */
static inline unsigned
fuzz_octet(struct str *rest)
{
	unsigned c = rest->len ? (unsigned char)rest->p[0] : 0;

	*rest = str_slice(*rest, rest->len ? 1 : 0, rest->len);
	return c;
}

/* Takes the octets before the next LF off *rest, and the LF. */
static inline struct str
fuzz_line(struct str *rest)
{
	size_t at = str_find_char(*rest, '\n');
	struct str line = str_slice(*rest, 0, at);

	*rest = str_slice(*rest, at < rest->len ? at + 1 : at, rest->len);
	return line;
}

/* The same octets, and NIL only where the other is NIL. */
static inline bool
fuzz_same(struct str a, struct str b)
{
	return str_equals(a, b) && !a.p == !b.p;
}

/* inner is empty or a part of outer. */
static inline bool
fuzz_is_inside(struct str inner, struct str outer)
{
	return inner.len == 0 ||
	    (inner.p >= outer.p && inner.len <= outer.len &&
		(size_t)(inner.p - outer.p) <= outer.len - inner.len);
}

#endif
