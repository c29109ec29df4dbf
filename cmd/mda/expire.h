/* Mail that is old enough to go: Trash and Junk, when that is configured. */
#ifndef M3_CMD_MDA_EXPIRE_H
#define M3_CMD_MDA_EXPIRE_H

#include "mda.h"

/* At most once an hour over all hosts; RC_OK also when it is not the time. */
enum rc expire_run(struct mda *m, struct err *err);

#endif
