/* Modified UTF-7 of mailbox names (RFC 3501 5.1.3). */
#ifndef M3_TEXT_MUTF7_H
#define M3_TEXT_MUTF7_H

#include "base/buf.h"
#include "base/mem.h"

/* s must be valid UTF-8. */
void mutf7_encode(struct buf *out, struct str s);
/*
 * False: not the one correct form (8-bit octets, unended or superfluous
 * shifts, ASCII that was encoded, lone surrogates). In the arena.
 */
bool mutf7_decode(struct arena *a, struct str s, struct str *ret_utf8);

#endif
