/*
 * LIST patterns (RFC 3501 6.3.8): "*" stands for any octets, "%" for any
 * without the hierarchy separator "/". Time is octets of the name times
 * pattern / 64, whatever the pattern: there is no backtracking.
 */
#ifndef M3_IMAP_LIST_PATTERN_H
#define M3_IMAP_LIST_PATTERN_H

#include <stdbool.h>

#include "base/mem.h"

struct list_pattern;

/*
 * The pattern is the reference and the mailbox argument, joined, in UTF-8.
 * NULL: its literal part is longer than LIMIT_FOLDER_NAME, so that no name
 * can match. It is the arena's.
 */
struct list_pattern *list_pattern_new(struct arena *a, struct str pattern);

/* The whole name. A first component INBOX matches in any case. */
bool list_pattern_matches(const struct list_pattern *p, struct str name);

#endif
