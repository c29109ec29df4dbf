/*
 * The texts of a message that SEARCH looks at (RFC 9051 6.4.4), as UTF-8 and
 * case folded. What searches and what builds the index of a message take
 * them from here, so that they see the same octets.
 */
#ifndef M3_MIME_TEXTS_H
#define M3_MIME_TEXTS_H

#include "base/mem.h"
#include "model/facts.h"

/* A header field, or its value: unfolded, encoded words decoded. */
struct str text_fold_field(struct arena *a, struct str field);

/*
 * BODY and TEXT look into text/ and into message/ that is no message itself
 * (a delivery status). A part whose encoding is not known counts as
 * application/octet-stream (RFC 2045 6.4).
 */
bool text_is_searched(const struct facts_part *p);

/* Octets of such a part, decoded already: from its charset. */
struct str text_fold_body(
    struct arena *a, const struct facts_part *p, struct str plain);

#endif
