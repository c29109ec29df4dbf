/*
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, and the keys that
 * are stored instead of a password. Messages are without base64.
 */
#ifndef M3_AUTH_SCRAM_H
#define M3_AUTH_SCRAM_H

#include "base/mem.h"
#include "model/directory.h"

/* What ties the exchange to the TLS session; slices may be empty. */
struct scram_channel {
	bool is_off;          /* SCRAM is not offered (auth.scram) */
	bool is_plus;         /* the mechanism's name ended in -PLUS */
	bool offers_plus;     /* the client was offered it */
	struct str exporter;  /* tls-exporter (RFC 9266), 32 octets */
	struct str end_point; /* tls-server-end-point (RFC 5929) */
};

struct scram;

/* Keys with a new salt. False: the password is not one (SASLprep). */
bool scram_make_keys(
    struct arena *a, struct str password, struct scram_keys *ret_keys);

struct scram *scram_new(struct arena *a, const struct scram_channel *c);
/*
 * The client's first message. False: malformed, or the binding is not what
 * was agreed. *ret_name lives in the arena.
 */
bool scram_client_first(
    struct scram *s, struct str message, struct str *ret_name);
/*
 * The answer to it. keys NULL or without iterations: an unknown user gets
 * a salt made from `secret` and the directory's key of the name, the same one
 * for each spelling of it, and fails at the end.
 */
struct str scram_server_first(struct scram *s, const struct scram_keys *keys,
    struct str key, struct str secret);
/* False: malformed or a wrong proof. *ret_message is the server's last. */
bool scram_client_final(
    struct scram *s, struct str message, struct str *ret_message);

#endif
