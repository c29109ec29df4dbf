/* Who is at the other end of a descriptor. */
#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cidr.h"
#include "base/num.h"

#include "base/banned.h"

union any_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
};

static void
set_text(struct peer *p, const char *text)
{
	int n = snprintf(p->text, sizeof(p->text), "%s", text);

	p->address = str_make(p->text, (size_t)n);
}

/* ::ffff:a.b.c.d is a.b.c.d. */
static void
set_address(struct peer *p, const union any_address *a)
{
	const struct in6_addr *six = &a->in6.sin6_addr;
	char text[INET6_ADDRSTRLEN] = "unix";

	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof(text));
		p->port = ntohs(a->in.sin_port);
	} else if (a->sa.sa_family == AF_INET6) {
		if (IN6_IS_ADDR_V4MAPPED(six))
			inet_ntop(AF_INET, six->s6_addr + 12, text,
			    sizeof(text));
		else
			inet_ntop(AF_INET6, six, text, sizeof(text));
		p->port = ntohs(a->in6.sin6_port);
	}
	set_text(p, text);
}

/* tcpserver and inetd's helpers (UCSPI-TCP): only when it was asked for. */
static bool
from_environment(struct peer *p)
{
	const char *ip = getenv("TCPREMOTEIP"), *port = getenv("TCPREMOTEPORT");
	union any_address a = { .sa = { .sa_family = AF_UNSPEC } };
	uint64_t n;

	if (!ip)
		return false;
	if (inet_pton(AF_INET, ip, &a.in.sin_addr) == 1)
		a.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, ip, &a.in6.sin6_addr) == 1)
		a.sa.sa_family = AF_INET6;
	else
		return false;
	/* In the one spelling that everything else compares with. */
	set_address(p, &a);
	if (num_parse_u64(str_from_cstr(port), UINT16_MAX, &n))
		p->port = (uint16_t)n;
	return true;
}

void
peer_of(struct peer *p, int fd, bool trusts_environment)
{
	union any_address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(a);

	*p = (struct peer){ 0 };
	if (getpeername(fd, &a.sa, &len) == 0) {
		p->is_socket = true;
		set_address(p, &a);
	} else if (!trusts_environment || !from_environment(p)) {
		set_text(p, "unknown");
	}
	p->is_loopback = cidr_matches(STR("127.0.0.0/8"), p->address) ||
	    str_equals(p->address, STR("::1"));
}

struct str
peer_local_address(int fd, char text[64])
{
	union any_address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(a);
	struct peer p = { 0 };

	if (getsockname(fd, &a.sa, &len) != 0)
		return STR("");
	set_address(&p, &a);
	memcpy(text, p.text, 64);
	return str_make(text, p.address.len);
}
