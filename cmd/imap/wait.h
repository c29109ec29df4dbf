/*
 * Waiting for the client and the doorbell together: IDLE, and between the
 * commands of a client that uses NOTIFY. The database connection is given
 * back while nothing happens.
 */
#ifndef M3_CMD_IMAP_WAIT_H
#define M3_CMD_IMAP_WAIT_H

#include "chat.h"

struct doorbell;

enum wake {
	WAKE_INPUT, /* or the end of the connection: who reads will see */
	WAKE_LOOK,  /* somebody rang, or a poll is due */
	WAKE_END,   /* the deadline came: BYE was said */
};

/* bell may be NULL. */
enum wake wait_for_change(
    struct session *s, struct doorbell *bell, int64_t end_ms);
/*
 * Before a command is read: tells of what NOTIFY asks for until there is
 * input. False: the session is over.
 */
bool wait_for_command(struct session *s);

#endif
