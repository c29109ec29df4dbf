/*
 * The server's side of SASL for both protocols: PLAIN (RFC 4616), LOGIN,
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS. A step machine over decoded
 * messages; the caller carries them (base64, 334 or "+") and looks the
 * mailbox up. CRAM-MD5 is left out: it needs the password in clear in the
 * store, and its hash is broken.
 */
#ifndef M3_AUTH_SASL_H
#define M3_AUTH_SASL_H

#include "auth/scram.h"
#include "base/buf.h"

struct sasl;

enum sasl_step {
	SASL_ASK,       /* send the challenge, hand in the response */
	SASL_LOOKUP,    /* find the mailbox of sasl_name, call sasl_judge */
	SASL_GOOD,
	SASL_FAILED,
	SASL_MALFORMED,
};

/*
 * Adds the names that may be used now, in the order of preference, each
 * with the prefix (" " or " AUTH="): those with a password in clear only
 * when is_private.
 */
void sasl_list(struct buf *out, const char *prefix, bool is_private,
    const struct scram_channel *c);
/* The names "LOGIN", "PLAIN" ... in any case. NULL: unknown. */
struct sasl *sasl_new(
    struct arena *a, struct str mechanism, const struct scram_channel *c);
/* The password crosses the wire: needs TLS. */
bool sasl_is_clear(const struct sasl *s);
/* response: STR_NONE at the start, when there was no initial one. */
enum sasl_step sasl_step(
    struct sasl *s, struct str response, struct str *ret_challenge);
/* As the client gave it. */
struct str sasl_name(const struct sasl *s);
/* What it gave as the password; STR_NONE by SCRAM, which shows none. */
struct str sasl_password(const struct sasl *s);
/*
 * mailbox may be NULL. key: under which it was looked for (model/address.h);
 * every spelling of the name that leads to it must be answered alike. secret:
 * of the installation, see scram.h.
 */
enum sasl_step sasl_judge(struct sasl *s, const struct mailbox *mailbox,
    struct str key, struct str secret, struct str *ret_challenge);

#endif
