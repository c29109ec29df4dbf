/*
 * Which messages a SEARCH program names. What the map can tell is decided
 * without reading; for the rest facts are read in batches, then headers,
 * then text parts, each only when it is still open.
 */
#ifndef M3_CMD_IMAP_MATCH_H
#define M3_CMD_IMAP_MATCH_H

#include "imap/search.h"
#include "view.h"

/*
 * NULL in *ret_wrong, or what is wrong with a set in the program. The sets of
 * *p are resolved.
 */
enum rc match_program(struct session *s, struct search_program *p,
    struct selection *ret, const char **ret_wrong, struct err *err);

#endif
