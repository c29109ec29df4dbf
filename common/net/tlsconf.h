/* Keys and certificates for both sides of TLS, by libtls. */
#ifndef M3_NET_TLSCONF_H
#define M3_NET_TLSCONF_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct tls_server;
struct tls_client;

struct tls_server_options {
	const char *certificate; /* paths */
	const char *key;
	const char *sni_dir;     /* NULL or "" = none */
	bool only_tls13;
};

/* Reads the files: RC_PERM names the one that is wrong. */
enum rc tls_server_new(const struct tls_server_options *o,
    struct tls_server **ret_tls, struct err *err);
void tls_server_free(struct tls_server *t);
/*
 * In a parent before a fork, or in a reused child before a session: reads
 * the files again when one of them has changed (device, inode, mtime). A
 * broken new file keeps the old ones and returns false.
 */
bool tls_server_refresh(struct tls_server *t, struct err *err);

/* verify: name and chain (system's CAs, or ca_file); else any certificate. */
enum rc tls_client_new(bool verify, const char *ca_file,
    struct tls_client **ret_tls, struct err *err);
/* For stream_tls.c: the libtls contexts. */
struct tls;
struct tls *tls_server_context(struct tls_server *t);
struct tls *tls_client_context(struct tls_client *t);

void tls_client_free(struct tls_client *t);

#endif
