/*
 * One SMTP session with another mail system (RFC 5321): connect, EHLO or
 * HELO, STARTTLS when it is offered, then messages. Every line that is sent
 * ends in CRLF, and no bare CR or LF is ever sent.
 */
#ifndef M3_CMD_MDA_CLIENT_H
#define M3_CMD_MDA_CLIENT_H

#include "mda.h"

struct client;

/* What the other side said, as its last words about something. */
struct client_reply {
	uint32_t code;          /* 0: nothing, the connection failed */
	char status[16];        /* enhanced, or made from the code */
	char text[512];
};

/* 2xx, 5xx, or anything else. */
enum rc client_verdict(const struct client_reply *r);

/*
 * Connects and greets. RC_TEMP or RC_PERM (554 greeting): *ret_reply says
 * why. tls: TLS_MAY, TLS_NEVER, TLS_MUST, TLS_VERIFY.
 */
enum rc client_open(struct mda *m, struct str host, struct str address,
    uint16_t port, enum tls_policy tls, struct client **ret_client,
    struct client_reply *ret_reply);
/*
 * One message for some recipients. replies[i] is the answer for v[i]: that
 * to RCPT when it was refused, else that to the end of data. RC_TEMP: the
 * session broke; replies without a code were not answered.
 */
enum rc client_send(struct client *c, const struct queue_item *item,
    const struct str *v, size_t n, struct client_reply *replies,
    struct err *err);
/* The session so far, at most LIMIT_TRANSCRIPT octets. */
struct str client_transcript(const struct client *c);
void client_close(struct client *c); /* QUIT; NULL is accepted */

#endif
