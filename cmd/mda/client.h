/*
 * One SMTP or LMTP session with another mail system (RFC 5321, RFC 2033):
 * connect, EHLO, HELO or LHLO, STARTTLS, AUTH, then messages. Every line
 * that is sent ends in CRLF, and no bare CR or LF is ever sent.
 */
#ifndef M3_CMD_MDA_CLIENT_H
#define M3_CMD_MDA_CLIENT_H

#include "mda.h"
#include "smtp/reply.h"

enum { CLIENT_RECIPIENTS = 100 }; /* of one transaction: all take as many */

struct client;

/* 2xx, 5xx, or anything else. */
enum rc client_verdict(const struct smtp_reply *r);

struct client_target {
	struct str host;        /* name, for TLS */
	struct str address;     /* numeric, or a path */
	uint16_t port;
	enum tls_policy tls;
	bool is_lmtp;
	bool is_by_dns;         /* who names itself as we do is this host */
	struct str login;       /* "" = no AUTH */
	struct str password;
};

/*
 * Connects and greets. RC_TEMP or RC_PERM (554 greeting): *ret_reply says
 * why; its code is 0 when nobody answered. *ret_is_us: a host that the DNS
 * led to has our own name in its greeting or its answer to EHLO.
 */
enum rc client_open(struct mda *m, const struct client_target *t,
    struct client **ret_client, struct smtp_reply *ret_reply,
    bool *ret_is_us);
/*
 * One message for up to CLIENT_RECIPIENTS recipients. replies[i] is the
 * answer for v[i]: that to RCPT when it was refused, else that to the end of
 * data. surplus[i]: RCPT was answered 452, or 552 behind one that was taken:
 * not with these others (RFC 5321 4.5.3.1.10). *ret_committed: the final dot
 * went out, so that without an answer it may be there or not. RC_TEMP: the
 * session broke, or our store did not give the message; replies without a
 * code were not answered.
 */
enum rc client_send(struct client *c, const struct queue_item *item,
    const struct queue_recipient *const *v, size_t n,
    struct smtp_reply *replies, bool *surplus, bool *ret_committed);
/* It takes NOTIFY, and reports itself (RFC 3461 5.2.2). */
bool client_has_dsn(const struct client *c);
/* The session so far, at most LIMIT_TRANSCRIPT octets. */
struct str client_transcript(const struct client *c);
void client_close(struct client *c); /* QUIT; NULL is accepted */

#endif
