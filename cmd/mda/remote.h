/* Remote delivery: all FATE_REMOTE recipients of a claim. */
#ifndef M3_CMD_MDA_REMOTE_H
#define M3_CMD_MDA_REMOTE_H

#include "mda.h"

enum rc remote_deliver(
    struct mda *m, struct job *jobs, size_t n, struct err *err);

#endif
