/* Our own addresses; see own.h. */
#include "net/own.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/banned.h"

/* All as v6: v4 is ::ffff:a.b.c.d. */
static void
own_map(const struct in_addr *v4, struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(&ret->s6_addr[12], v4, 4);
}

static bool
own_parse(struct str text, struct in6_addr *ret)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (text.len >= sizeof(copy) || str_has_char(text, '\0'))
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, ret) == 1)
		return true;
	if (inet_pton(AF_INET, copy, &v4) != 1)
		return false;
	own_map(&v4, ret);
	return true;
}

static bool
own_equals(const struct ifaddrs *i, const struct in6_addr *wanted)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	struct in6_addr one;

	if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET &&
				i->ifa_addr->sa_family != AF_INET6))
		return false;
	memcpy(&a, i->ifa_addr, i->ifa_addr->sa_family == AF_INET
		? sizeof(a.in)
		: sizeof(a.in6));
	if (a.sa.sa_family == AF_INET)
		own_map(&a.in.sin_addr, &one);
	else
		one = a.in6.sin6_addr;
	return memcmp(&one, wanted, sizeof(one)) == 0;
}

bool
own_has(struct str address)
{
	struct ifaddrs *all, *i;
	struct in6_addr wanted;
	bool has = false;

	if (!own_parse(address, &wanted) || getifaddrs(&all) != 0)
		return false;
	for (i = all; i && !has; i = i->ifa_next)
		has = own_equals(i, &wanted);
	freeifaddrs(all);
	return has;
}
