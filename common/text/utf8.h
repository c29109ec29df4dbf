/* UTF-8 (RFC 3629): no overlong forms, no surrogates, up to U+10FFFF. */
#ifndef M3_TEXT_UTF8_H
#define M3_TEXT_UTF8_H

#include "base/buf.h"

/* Octets of the character that s begins with, 0: s begins with none. */
size_t utf8_char_length(struct str s);
bool utf8_is_valid(struct str s);
/* c: a character, no surrogate, up to U+10FFFF. */
void utf8_add(struct buf *out, uint32_t c);

#endif
