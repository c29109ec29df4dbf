/*
 * What a session of SMTP or IMAP does while its client says nothing: it gives
 * its database connection back, and looks at its account now and then, so that
 * it ends by itself when that is over. Many sessions of a host take turns
 * (net/turn.h). For stream_set_watch; IDLE and NOTIFY have waits of their own.
 */
#ifndef M3_MAIL_VIGIL_H
#define M3_MAIL_VIGIL_H

#include "mail/account.h"
#include "net/stream.h"
#include "net/turn.h"

struct vigil {
	struct account *account; /* that of nobody has no mailbox */
	struct db *db;
	struct str runtime_dir;
	struct turn turn;
	int64_t give_ms;   /* then the connection goes back */
	int64_t again_ms;  /* for a turn that was not free */
	bool is_command;   /* in the middle of one: the connection is kept */
	const char *why;   /* why the session is over, or NULL */
};

void vigil_open(struct vigil *v, struct account *account, struct db *db,
    struct str runtime_dir);
/* From here on stream_read does it. False from a read: v->why or a stop. */
void vigil_watch(struct vigil *v, struct stream *s);
void vigil_close(struct vigil *v);

#endif
