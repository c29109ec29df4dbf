/* An address and a port; see hostport.h. */
#include "base/hostport.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/num.h"

#include "base/banned.h"

static bool
hostport_is_numeric(int family, struct str s)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof(text) || str_has_char(s, '\0'))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return inet_pton(family, text, address) == 1;
}

/* ":783" */
static bool
hostport_take_port(struct str s, uint16_t *ret_port)
{
	uint64_t n;

	if (s.len < 2 || s.p[0] != ':' ||
	    !num_parse_u64(str_tail(s, 1), UINT16_MAX, &n) || n == 0)
		return false;
	*ret_port = (uint16_t)n;
	return true;
}

bool
hostport_parse(struct str text, struct str *ret_address, uint16_t *ret_port)
{
	bool is_bracketed = str_starts_with(text, STR("["));
	size_t end = is_bracketed ? str_find_char(text, ']')
	    : hostport_is_numeric(AF_INET6, text)
	    ? text.len
	    : str_find_char(text, ':');
	struct str address =
	    str_slice(text, is_bracketed, end - (is_bracketed ? 1 : 0));
	struct str rest = str_tail(text, end + (is_bracketed ? 1 : 0));
	bool is_v6 = is_bracketed || str_has_char(address, ':');
	uint16_t port = *ret_port;

	if ((is_bracketed && end == text.len) ||
	    !hostport_is_numeric(is_v6 ? AF_INET6 : AF_INET, address) ||
	    (rest.len && !hostport_take_port(rest, &port)))
		return false;
	*ret_address = address;
	*ret_port = port;
	return true;
}
