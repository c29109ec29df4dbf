/* Base64 (RFC 4648 4) as SASL and modified UTF-7 need it: strict. */
#ifndef M3_TEXT_BASE64_H
#define M3_TEXT_BASE64_H

#include "base/buf.h"
#include "base/mem.h"

void base64_encode(struct buf *out, struct str bytes);
/*
 * The whole slice, padded, no blanks, unused bits zero. "" gives "". False:
 * it is not base64. The copy is the arena's.
 */
bool base64_decode(struct arena *a, struct str s, struct str *ret_bytes);

#endif
