/*
 * A mail address as the directory knows it: the local part unquoted and the
 * domain, both kept as given; the key under which both are looked up is in
 * lower case. smtp/path.h parses and prints them by RFC 5321.
 */
#ifndef M3_MODEL_ADDRESS_H
#define M3_MODEL_ADDRESS_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

struct address {
	struct str local;  /* unquoted octets, UTF-8 when not ASCII */
	struct str domain; /* "" only for <postmaster> and the null path */
};

static inline bool
address_is_null(const struct address *a)
{
	return a->local.len == 0 && a->domain.len == 0;
}

/* "local@domain" in lower case (ASCII), in the arena: the directory's key. */
struct str address_key(struct arena *a, const struct address *addr);
/* Splits at the last '@' without looking at quotes; false without one. */
bool address_from_key(struct str key, struct address *ret_addr);
/* The same mailbox: both parts equal without regard to ASCII case. */
bool address_equals(const struct address *a, const struct address *b);
/* The local part without "+tag" (or another separator); false: no tag. */
bool address_strip_tag(
    const struct address *addr, struct str separator, struct str *ret_local);

#endif
