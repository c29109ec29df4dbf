/* Who is at the other end of a descriptor. */
#ifndef M3_NET_PEER_H
#define M3_NET_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct peer {
	struct str address; /* "192.0.2.1", "2001:db8::1", "unix", "unknown" */
	uint16_t port;      /* 0 = not known */
	bool is_loopback;
	bool is_socket;     /* false: a pipe or a terminal */
	char text[64];      /* holds address: do not copy the struct */
};

/*
 * By getpeername; else, when it is trusted, by the environment of UCSPI-TCP
 * (TCPREMOTEIP); else "unknown".
 */
void peer_of(struct peer *p, int fd, bool trusts_environment);
/* Our side's address, "" when there is none. The slice is in text. */
struct str peer_local_address(int fd, char text[64]);

#endif
