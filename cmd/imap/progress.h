/*
 * INPROGRESS (RFC 9585): a client that waits for a long command hears how far
 * it is, each imap.progress.interval.
 */
#ifndef M3_CMD_IMAP_PROGRESS_H
#define M3_CMD_IMAP_PROGRESS_H

#include "session.h"

/* A command begins. */
void progress_begin(struct session *s);
/*
 * So many of `goal` items are done (goal 0: not known). Tells when it is
 * time; only where an untagged answer may stand.
 */
void progress_step(struct session *s, uint64_t done, uint64_t goal);
/*
 * For each step of what may take long, however small: it looks at a clock.
 * RC_PERM "LIMIT", and again until the command ends: it took imap.limit.cpu,
 * or its client has gone (then the session is at its end).
 */
enum rc progress_check(struct session *s, struct err *err);
/* For db_on_progress: ctx is the session. */
void progress_of_db(void *ctx, uint64_t done, uint64_t goal);

#endif
