/* The base subject (RFC 5256 2.1): what SORT and THREAD compare. */
#ifndef M3_IMAP_SUBJECT_H
#define M3_IMAP_SUBJECT_H

#include "base/mem.h"

/*
 * subject: UTF-8, encoded words decoded already. The result is a part of a
 * copy in the arena, blanks folded. *ret_is_reply: a "re:", "fwd:" or the
 * like was taken off.
 */
struct str base_subject(
    struct arena *a, struct str subject, bool *ret_is_reply);

#endif
