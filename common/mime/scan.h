/*
 * The lexer of structured header fields (RFC 5322 3.2, RFC 2045 5.1). It
 * reads an unfolded field value and is lenient where mail is: dots and 8-bit
 * octets are atom text.
 *
 * Functions that read return an enum scan_result. What they read is added to
 * a struct scratch, so that nothing is allocated for input that turns out to
 * be broken; a scratch of SCRATCH_ROOM(n) octets always suffices for a value
 * of n octets.
 */
#ifndef M3_MIME_SCAN_H
#define M3_MIME_SCAN_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

struct scratch {
	char *p;
	size_t len;
	size_t cap;
};

#define SCRATCH_ROOM(n) ((n) * 2 + 16)

/* Invariant: p <= end. */
struct scan {
	const char *p;
	const char *end;
	struct str comment; /* inside of the last comment passed over */
};

enum scan_result {
	SCAN_BAD = -1, /* malformed; p stands where it was noticed */
	SCAN_END = 0,  /* read, and nothing follows */
	SCAN_MORE = 1, /* read, and p points to the next token */
};

struct scratch scratch_new(struct arena *a, size_t cap);
void scratch_add(struct scratch *b, const char *p, size_t len);
void scratch_add_char(struct scratch *b, char c);

static inline struct str
scratch_str(const struct scratch *b)
{
	return str_make(b->p, b->len);
}

struct scan scan_make(struct str value);

static inline bool
scan_is_at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

/* RFC 5322 atext, or an octet above 0x7f. */
bool scan_is_atext(char c);
/* RFC 2045 token character, or an octet above 0x7f. */
bool scan_is_token(char c);

/* Blanks, line ends and comments (which may nest). */
enum scan_result scan_skip_cfws(struct scan *s);
/* 1*atext [CFWS]; with_dots: dots count as atext. */
enum scan_result scan_atom(
    struct scan *s, bool with_dots, struct scratch *out);
/* atom *("." atom) with blanks and comments allowed around the dots; a dot
 * too many, also at the start, is kept. */
enum scan_result scan_dot_atom(struct scan *s, struct scratch *out);
/* A token of RFC 2045, perhaps empty, then CFWS. */
enum scan_result scan_token(struct scan *s, struct scratch *out);
/* p stands on the quote; quotes and backslashes are resolved. */
enum scan_result scan_quoted(struct scan *s, struct scratch *out);
/* Words joined by one blank; lenient about dots. */
enum scan_result scan_phrase(struct scan *s, struct scratch *out);
/* p stands on '@'; dot-atom or [literal]. */
enum scan_result scan_domain(struct scan *s, struct scratch *out);

#endif
