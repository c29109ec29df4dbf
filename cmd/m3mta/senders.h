/* mailbox set --sender and --no-sender: the further addresses of a login. */
#ifndef M3_CMD_M3MTA_SENDERS_H
#define M3_CMD_M3MTA_SENDERS_H

#include "admin.h"
#include "db/directory.h"

/*
 * Puts into m->senders what the update is to add or take out, and its bit
 * into *fields. The exit code: an entry that can have no effect is refused,
 * and so is one to be taken out that is not there.
 */
int sub_senders_set(struct admin *a, struct mailbox *m, unsigned *fields);

#endif
