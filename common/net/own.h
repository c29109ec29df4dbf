/* The addresses of this machine's interfaces. */
#ifndef M3_NET_OWN_H
#define M3_NET_OWN_H

#include <stdbool.h>

#include "base/str.h"

/*
 * address: numeric; in whatever spelling, also of a v4 address inside of a v6
 * one. Asked of the kernel each time: they come and go. Does not block.
 */
bool own_has(struct str address);

#endif
