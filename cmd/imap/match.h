/*
 * Which messages a SEARCH program names. What the map can tell is decided
 * without reading; for the rest facts are read in batches, then headers,
 * then text parts, each only when it is still open.
 */
#ifndef M3_CMD_IMAP_MATCH_H
#define M3_CMD_IMAP_MATCH_H

#include "imap/search.h"
#include "view.h"

/* The sets of *p are resolved; a number that no message has finds nothing. */
enum rc match_program(struct session *s, struct search_program *p,
    struct selection *ret, struct err *err);

#endif
