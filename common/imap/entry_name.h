/* Names of annotations (RFC 5464 3.2): "/private/comment". */
#ifndef M3_IMAP_ENTRY_NAME_H
#define M3_IMAP_ENTRY_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Below /private or /shared, or one of these; printable ASCII without '*'
 * and '%', no empty level. In lower case.
 */
bool entry_name_is_valid(struct str name);
/* "/private" and "/shared" only have children. */
bool entry_name_is_root(struct str name);
/* A child, its child and so on; depth 1: children only, 0: none. */
bool entry_name_is_below(struct str name, struct str parent, size_t depth);
/* As an atom, or in quotes. */
void entry_name_add(struct buf *b, struct str name);

#endif
