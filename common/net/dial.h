/* Outgoing connections. */
#ifndef M3_NET_DIAL_H
#define M3_NET_DIAL_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * address: numeric, v4 or v6, or the path of a Unix socket (the port then
 * does not matter). RC_TEMP (4.4.1): refused, no answer in time.
 */
enum rc dial_connect(struct str address, uint16_t port, int64_t deadline_ms,
    int *ret_fd, struct err *err);

#endif
