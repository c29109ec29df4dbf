/* Quick resynchronisation (RFC 7162 3.2): what a client missed. */
#ifndef M3_CMD_IMAP_QRESYNC_H
#define M3_CMD_IMAP_QRESYNC_H

#include "commands.h"

struct qresync {
	bool is_wanted;
	uint32_t uidvalidity;
	uint64_t modseq;
	struct str known;      /* uid set, or STR_NONE */
};

/*
 * QRESYNC (uidvalidity modseq [known-uids [(numbers uids)]]). The match of
 * sequence numbers is only an optimisation and is checked, not used. NULL,
 * or what is wrong.
 */
const char *qresync_parse(
    struct session *s, const struct arg *list, struct qresync *ret);
/* The answers of SELECT: VANISHED (EARLIER) and FETCH. */
enum rc qresync_tell(
    struct session *s, const struct qresync *q, struct err *err);
/*
 * "* VANISHED (EARLIER) ..." for the uids of a set (STR_NONE: all) that were
 * expunged after modseq.
 */
enum rc qresync_tell_vanished(struct session *s, struct str set,
    uint64_t modseq, struct err *err);

#endif
