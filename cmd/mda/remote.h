/*
 * Remote delivery (RFC 5321 5.1): for each message and destination all
 * recipients in one session; hosts by preference, every address tried; the
 * session is kept for the next message to the same destination.
 */
#ifndef M3_CMD_MDA_REMOTE_H
#define M3_CMD_MDA_REMOTE_H

#include "destination.h"

/* FATE_REMOTE recipients of all jobs; outcomes are written as they come. */
enum rc remote_deliver(
    struct mda *m, struct job *const *jobs, size_t n, struct err *err);
bool remote_is_wanted(const struct job *j);

#endif
