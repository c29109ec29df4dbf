/* What m3mta-smtp and m3mta-imap do alike: certificates, and the serving. */
#ifndef M3_PROGRAM_SERVER_H
#define M3_PROGRAM_SERVER_H

#include "net/serve.h"
#include "program/program.h"

struct tls_server;

/*
 * The certificate and key of the configuration. *ret_tls NULL when there are
 * none; RC_PERM when is_needed (--tls) and there are none, or when a file is
 * wrong.
 */
enum rc server_load_tls(const struct program *p, bool is_needed,
    struct tls_server **ret_tls, struct err *err);

/* What a socket is for, by its name. */
struct server_listener {
	const char *name;         /* NULL ends the table */
	int role;                 /* the program's own number */
	bool is_tls;              /* from the first octet */
};

/* NULL: the table has no such name. */
const struct server_listener *server_find_listener(
    const struct server_listener *table, const char *name);

struct server_spec {
	/*
	 * The names that sockets may have; one without a name is what the
	 * first row says. NULL: an option says what they all are.
	 */
	const struct server_listener *listeners;
	const char *busy;         /* said to one connection too many */
	bool trusts_environment;  /* --ucspi */
	/* One connection; true: the process may serve another one. */
	bool (*session)(void *ctx, struct connection *c);
	void *ctx;
};

/*
 * Serves by the keys `server.*`; the exit code. EXIT_CONFIG, with a complaint,
 * for a socket whose name is not in the table, or that needs a certificate
 * when there is none.
 */
int server_run(struct program *p, const struct server_spec *spec);

#endif
