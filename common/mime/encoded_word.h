/* Encoded words of header fields (RFC 2047) to UTF-8. */
#ifndef M3_MIME_ENCODED_WORD_H
#define M3_MIME_ENCODED_WORD_H

#include "base/buf.h"
#include "base/mem.h"

/*
 * The unfolded value with its encoded words decoded; blanks between two of
 * them are left out (RFC 2047 6.2); raw 8-bit octets are taken as UTF-8 or
 * Latin 1. What is malformed stays as it is. In the arena.
 */
struct str encoded_words_decode(struct arena *a, struct str value);

#endif
