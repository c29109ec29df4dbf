/* The answers of SEARCH and SORT: plain, or ESEARCH (RFC 4731, RFC 9394). */
#ifndef M3_CMD_IMAP_RESULT_H
#define M3_CMD_IMAP_RESULT_H

#include "imap/search.h"
#include "view.h"

/*
 * name: "SEARCH" or "SORT". hits in the order of the answer. SAVE keeps them
 * for "$"; ESEARCH when RETURN was given or IMAP4rev2 is on.
 */
void result_tell(struct session *s, const char *name,
    const struct search_program *p, const struct selection *hits);

/* SEARCH RETURN (SAVE) that ends with NO leaves `$` empty (RFC 5182 2.1). */
void result_save_nothing(
    struct session *s, const struct search_program *p);

#endif
