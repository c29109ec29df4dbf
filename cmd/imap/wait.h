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

/*
 * bell may be NULL. is_due: somebody rang already. After WAKE_LOOK the caller
 * looks at once and says wait_looked: it has one of the host's turns.
 */
enum wake wait_for_change(struct session *s, struct doorbell *bell,
    bool is_due, int64_t end_ms);
/*
 * How the look ended. A failure is logged and nothing else: the client waits
 * for mail, not for the database, and the look is tried again by itself.
 */
void wait_looked(struct session *s, enum rc rc, const struct err *err);
/*
 * Before a command is read: tells of what NOTIFY asks for until there is
 * input. False: the session is over.
 */
bool wait_for_command(struct session *s);

#endif
