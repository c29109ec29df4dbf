/*
 * Facts and the text index of a message in one run of octets, as they go
 * from where a message is accepted through the queue: 2, the length of the
 * index in two octets (the low one first), the index, the facts. Facts alone
 * begin with another octet (mime/facts.c). The store keeps the two apart.
 */
#ifndef M3_MODEL_PACKED_H
#define M3_MODEL_PACKED_H

#include "base/buf.h"

/* What stands before the facts. grams: of at most 65535 octets. */
void packed_begin(struct buf *out, struct str grams);
/*
 * Pieces of `packed`. *ret_grams is STR_NONE when there is no index, and all
 * of it is *ret_facts; octets that are cut give empty facts.
 */
void packed_split(
    struct str packed, struct str *ret_facts, struct str *ret_grams);

#endif
