/* Outgoing TCP connections and CIDR matching. */
#ifndef M3_NET_DIAL_H
#define M3_NET_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* address: numeric v4 or v6, or "unix:/path". source: "" = any. */
enum rc dial_connect(struct str address, uint16_t port, struct str source,
    int64_t deadline_ms, int *ret_fd, struct err *err);
/* cidr "192.0.2.0/24", "2001:db8::/32" or a bare address. */
bool cidr_matches(struct str cidr, struct str address);
bool cidr_is_valid(struct str cidr);
/* The address cut to /24 or /48, as text, for penalties; in text. */
struct str cidr_source_key(struct str address, char text[64]);

#endif
