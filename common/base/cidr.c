/* Networks; see cidr.h. */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>

#include "base/num.h"

#include "base/banned.h"

struct net {
	uint8_t b[16];
	int family;
	unsigned bits; /* of the prefix */
};

static bool
parse_address(struct str s, struct net *n)
{
	char text[INET6_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof(text) || str_has_char(s, '\0'))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	n->family = str_has_char(s, ':') ? AF_INET6 : AF_INET;
	n->bits = n->family == AF_INET6 ? 128 : 32;
	return inet_pton(n->family, text, n->b) == 1;
}

static bool
parse_net(struct str s, struct net *n)
{
	size_t slash = str_find_char(s, '/');
	uint64_t bits;

	if (!parse_address(str_slice(s, 0, slash), n))
		return false;
	if (slash == s.len)
		return true;
	if (!num_parse_u64(str_tail(s, slash + 1), n->bits, &bits))
		return false;
	n->bits = (unsigned)bits;
	return true;
}

bool
cidr_is_valid(struct str cidr)
{
	struct net n;

	return parse_net(cidr, &n);
}

bool
cidr_matches(struct str cidr, struct str address)
{
	struct net n, a;
	unsigned whole, rest;

	if (!parse_net(cidr, &n) || !parse_address(address, &a) ||
	    n.family != a.family)
		return false;
	whole = n.bits / 8;
	rest = n.bits % 8;
	if (memcmp(n.b, a.b, whole) != 0)
		return false;
	return rest == 0 || (n.b[whole] ^ a.b[whole]) >> (8 - rest) == 0;
}

/* ::ffff:a.b.c.d is a.b.c.d. */
static void
cidr_unmap(struct net *n)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (n->family != AF_INET6 ||
	    memcmp(n->b, mapped, sizeof(mapped)) != 0)
		return;
	memmove(n->b, n->b + sizeof(mapped), 4);
	n->family = AF_INET;
}

static struct str
cidr_key(struct str address, unsigned bits4, unsigned bits6, char text[64])
{
	char name[INET6_ADDRSTRLEN];
	struct net n;
	int len;

	if (!parse_address(address, &n))
		return address;
	cidr_unmap(&n);
	n.bits = n.family == AF_INET6 ? bits6 : bits4;
	memset(n.b + n.bits / 8, 0, sizeof(n.b) - n.bits / 8);
	if (!inet_ntop(n.family, n.b, name, sizeof(name)))
		return address;
	if (n.bits == 32 && n.family == AF_INET)
		len = snprintf(text, 64, "%s", name);
	else
		len = snprintf(text, 64, "%s/%u", name, n.bits);
	return str_make(text, (size_t)len);
}

struct str
cidr_host_key(struct str address, char text[64])
{
	return cidr_key(address, 32, 64, text);
}

struct str
cidr_source_key(struct str address, char text[64])
{
	return cidr_key(address, 24, 48, text);
}
