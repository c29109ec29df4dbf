/* "address", "address:port", "[address]:port" with a numeric address. */
#ifndef M3_BASE_HOSTPORT_H
#define M3_BASE_HOSTPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * An address of IPv6 with a port needs brackets; alone it may have them. The
 * slice is of text, without brackets. *ret_port stays as it is when there is
 * none. False: it is none of these (a name, a port of 0).
 */
bool hostport_parse(
    struct str text, struct str *ret_address, uint16_t *ret_port);

#endif
