/*
 * Hashed trigrams of what SEARCH looks at in a message (mime/texts.h): a set
 * of bits that has one for each three octets in a row of the folded texts. A
 * text that has a trigram whose bit is missing is nowhere in the message; one
 * whose bits are all there may be. So it narrows a search for substrings and
 * never decides it.
 */
#ifndef M3_MIME_GRAMS_H
#define M3_MIME_GRAMS_H

#include "base/mem.h"
#include "model/facts.h"

/*
 * Of the message whose octets (from the blob's start, all of them) have
 * these facts. In the arena, LIMIT_GRAMS octets at most. STR_NONE when the
 * facts are cut or the header begins inside of a field.
 */
struct str grams_make(
    struct arena *a, const struct facts *f, struct str octets);

/* False: no folded text of the message has `folded` in it. */
bool grams_may_have(struct str grams, struct str folded);

#endif
