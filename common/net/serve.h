/*
 * How a connection reaches a handler (design: "one connection, one process,
 * two ways to get there"). serve_run finds out by what was inherited and
 * calls `session` once for each connection.
 */
#ifndef M3_NET_SERVE_H
#define M3_NET_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct peer {
	struct str address; /* "192.0.2.1", "2001:db8::1", "unix", "unknown" */
	uint16_t port;      /* 0 = not known */
	bool is_loopback;
	char text[64];      /* holds address */
};

struct connection {
	int in_fd;
	int out_fd;
	int stop_fd;           /* readable when the process should end, or -1 */
	struct peer peer;
	struct str local_address;
	struct str listener;   /* FileDescriptorName, or "" */
	bool is_terminal;
};

struct serve_options {
	const char *name;      /* of the program, for usage and sd_notify */
	int spare;
	int max_use;
	int max_connections;
	int max_per_source;
	const char *busy;      /* sent when over a limit: "421 ...\r\n" */
	bool trust_environment; /* UCSPI/inetd: TCPREMOTEIP may name the peer */
	void *ctx;
	/* One session. True: the process may serve another one. */
	bool (*session)(void *ctx, struct connection *c);
	/* In a spare child before it waits for a connection (opens the
	 * database); may be NULL. */
	void (*warm)(void *ctx);
	/* In the parent before the first fork; may be NULL. */
	void (*prefork)(void *ctx);
	/* In each child after the fork; may be NULL. */
	void (*postfork)(void *ctx);
};

/*
 * Serves until there is nothing more to do: the exit code. A connected
 * socket or pipe on 0/1: one session. LISTEN_FDS: accepts and forks until
 * SIGTERM, then waits for the children. SIGHUP is ignored.
 */
int serve_run(const struct serve_options *o);

#endif
