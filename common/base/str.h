/*
 * A borrowed slice of bytes: pointer and length, never NUL-reliant. Who owns
 * the bytes is said by the function that hands out the slice; a slice lives
 * as long as the arena or buffer behind it.
 *
 * Invariant: len == 0, or p points to len readable bytes.
 */
#ifndef M3_BASE_STR_H
#define M3_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

/* A slice of a string literal, as an expression and as an initializer. */
#define STR(lit)      ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_INIT(lit) { "" lit, sizeof(lit) - 1 }
#define STR_NONE      ((struct str){ NULL, 0 })

/* For printf's "%.*s". The length is cut at INT_MAX. */
#define STR_ARG(s) ((int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len)), \
	((s).len ? (s).p : "")

static inline struct str
str_make(const void *p, size_t len)
{
	return (struct str){ p, len };
}

/* NULL gives the empty slice. The bytes stay the caller's. */
static inline struct str
str_from_cstr(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

static inline bool
str_is_empty(struct str s)
{
	return s.len == 0;
}

bool str_equals(struct str a, struct str b);
bool str_equals_nocase(struct str a, struct str b); /* ASCII only */
/* How many octets at the start are ASCII. */
size_t str_ascii_length(struct str s);

static inline bool
str_is_ascii(struct str s)
{
	return str_ascii_length(s) == s.len;
}

/* Lexical order by unsigned bytes: < 0, 0, > 0. */
int str_compare(struct str a, struct str b);
int str_compare_nocase(struct str a, struct str b);
/* As str_equals, in a time that depends on the lengths alone. */
bool str_equals_secret(struct str a, struct str b);
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_nocase(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_ends_with_nocase(struct str s, struct str suffix);

/* Offset of the first hit, or s.len. */
size_t str_find_char(struct str s, char c);
size_t str_find_last_char(struct str s, char c);
size_t str_find(struct str s, struct str needle);
size_t str_find_nocase(struct str s, struct str needle);
bool str_has_char(struct str s, char c);

/* The part from `from`, at most n bytes; both are cut to what is there. */
struct str str_slice(struct str s, size_t from, size_t n);
/* The part from `from` to the end. */
struct str str_tail(struct str s, size_t from);
/* Without the blanks, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);

/*
 * Takes the part before the first c off *rest and hands it out in *ret_part;
 * the last part is what remains. Returns false when *rest was used up:
 * `while (str_split_char(&rest, ',', &part))`. STR_NONE gives no part, "" gives
 * one empty part; "a," gives "a" and "".
 */
bool str_split_char(struct str *rest, char c, struct str *ret_part);

#endif
