/*
 * How a connection reaches a handler (design: "one connection, one process,
 * two ways to get there"). serve_run finds out by what was inherited and
 * calls `session` once for each connection.
 */
#ifndef M3_NET_SERVE_H
#define M3_NET_SERVE_H

#include "net/peer.h"

struct connection {
	int in_fd;
	int out_fd;
	int stop_fd;           /* readable when the process should end */
	struct peer peer;
	struct str local_address;
	const char *listener;  /* FileDescriptorName; "": it has none */
	bool is_terminal;
	char local_text[64];
};

struct serve_options {
	int spare;              /* children forked ahead */
	int max_use;            /* connections of one child */
	int max_connections;
	int max_per_source;     /* cidr_host_key; not of loopback */
	const char *busy;       /* sent when over a limit: "421 ...\r\n" */
	bool trusts_environment; /* UCSPI: TCPREMOTEIP may name the peer */
	void *ctx;
	/*
	 * Asked for each socket passed in, before anything is served: whether
	 * it may have that name ("": it has none). False: it has complained,
	 * and nothing is served. May be NULL.
	 */
	bool (*knows)(void *ctx, const char *listener);
	/* One session. True: this process may serve another one. */
	bool (*session)(void *ctx, struct connection *c);
	/* In the parent before the first fork; may be NULL. */
	void (*prefork)(void *ctx);
	/* In each child after the fork; may be NULL. */
	void (*postfork)(void *ctx);
	/* In a child, when it is done: the parent should run prefork again,
	 * since what the child inherited was of no use; may be NULL. */
	bool (*is_stale)(void *ctx);
	/* In a spare child before it waits (opens the database); or NULL. */
	void (*warm)(void *ctx);
};

/*
 * Serves until there is nothing more to do: the exit code. A connected
 * socket or pipe on 0/1, or one passed in: one session. LISTEN_FDS with
 * listening sockets: accepts and forks until SIGTERM or SIGINT, tells the
 * children to end, and waits for them. EXIT_CONFIG: a name is not known.
 */
int serve_run(const struct serve_options *o);

#endif
