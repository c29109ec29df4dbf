/*
 * struct facts as bytes and back: a version octet, then varints and
 * length-prefixed strings. Never over LIMIT_MIME_FACTS; with trigrams they
 * stand behind these (model/packed.h). Decoding checks
 * every length and index; false: the bytes are not facts.
 */
#ifndef M3_MIME_FACTS_H
#define M3_MIME_FACTS_H

#include "base/buf.h"
#include "base/mem.h"
#include "model/facts.h"

void facts_encode(const struct facts *f, struct buf *out);
/* Strings point into bytes, which must live as long as *ret_facts. */
bool facts_decode(
    struct arena *a, struct str bytes, struct facts *ret_facts);
/* Only the root's envelope, for SEARCH, SORT and THREAD over many. */
bool facts_decode_envelope(
    struct arena *a, struct str bytes, struct facts_envelope *ret_envelope);

/*
 * The part that a section number names (RFC 3501 6.4.5), numbers from 1;
 * n == 0 is the root. Through message/rfc822 into its multipart. NULL: none.
 */
const struct facts_part *facts_part_find(
    const struct facts *f, const uint32_t *numbers, size_t n);

#endif
