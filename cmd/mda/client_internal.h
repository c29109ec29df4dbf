/* Shared by the files of the client only. */
#ifndef M3_CMD_MDA_CLIENT_INTERNAL_H
#define M3_CMD_MDA_CLIENT_INTERNAL_H

#include "base/buf.h"
#include "client.h"
#include "net/reader.h"
#include "net/writer.h"

enum { PENDING_MAX = CLIENT_RECIPIENTS + 2 };

struct client {
	struct mda *m;
	const struct client_target *target; /* while it is opened */
	bool is_lmtp;
	bool without_tls;       /* the handshake failed before, and TLS_MAY */
	bool has_failed_tls;
	bool is_us;             /* it has our own name */
	int fd;
	struct stream *stream;
	struct reader *reader;
	struct writer *writer;
	unsigned extensions;
	bool says_utf8;         /* MAIL of this message has SMTPUTF8 */
	bool is_broken;
	/* Commands that were sent and not answered yet. */
	struct smtp_reply *pending[PENDING_MAX];
	size_t n_pending;
	struct buf transcript;
	size_t greeting_end;    /* what stays of it for the next message */
};

void client_set_reply(struct smtp_reply *r, uint32_t code,
    const char *status, const char *text);
/* A line of the transcript; who: "C" or "S". */
void client_note(struct client *c, const char *who, struct str text);
/* A command into the buffer; control characters in it become '?'. */
void client_put(struct client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Sends what was put and reads one reply. False: the session broke (also
 * is_broken), and *r says how.
 */
bool client_get(struct client *c, int64_t timeout_ms, struct smtp_reply *r);
/* With remote.timeout.reply. */
bool client_ask(struct client *c, struct smtp_reply *r);

#endif
