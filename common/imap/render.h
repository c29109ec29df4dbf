/*
 * ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 7.4.2, RFC 9051 7.5.2) from
 * facts. What mail contains never breaks the reply: a string is NIL, quoted
 * when it is printable and short, else a literal; a NUL, which IMAP cannot
 * carry, becomes 0x80. utf8: the client enabled UTF8=ACCEPT, so valid UTF-8
 * may be quoted (RFC 6855 3).
 */
#ifndef M3_IMAP_RENDER_H
#define M3_IMAP_RENDER_H

#include "base/buf.h"
#include "model/facts.h"

/* NIL for STR_NONE; s of any octets. */
void render_nstring(struct buf *out, struct str s, bool utf8);
/* With the parentheses. */
void render_envelope(
    struct buf *out, const struct facts_envelope *e, bool utf8);
/* With the parentheses; extended: BODYSTRUCTURE, else BODY. */
void render_body(
    struct buf *out, const struct facts *f, bool extended, bool utf8);

#endif
