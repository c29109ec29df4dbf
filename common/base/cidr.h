/* Networks: "192.0.2.0/24", "2001:db8::/32" or a bare address. */
#ifndef M3_BASE_CIDR_H
#define M3_BASE_CIDR_H

#include <stdbool.h>

#include "base/str.h"

/* False when either is malformed or they are of different families. */
bool cidr_matches(struct str cidr, struct str address);
bool cidr_is_valid(struct str cidr);
/*
 * Who counts as one client of this host: an address of IPv4 whole, a /64 of
 * IPv6, of which one host may have all. The slice is in text.
 */
struct str cidr_host_key(struct str address, char text[64]);
/*
 * The network that stands for an address when it is counted: /24 of IPv4,
 * /48 of IPv6; what is no address stands for itself. The slice is in text.
 */
struct str cidr_source_key(struct str address, char text[64]);

#endif
