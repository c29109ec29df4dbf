/*
 * A mail address as the directory knows it: the local part unquoted and the
 * domain, both kept as given; the key under which both are looked up is
 * folded. smtp/path.h parses and prints them by RFC 5321.
 */
#ifndef M3_MODEL_ADDRESS_H
#define M3_MODEL_ADDRESS_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

struct address {
	struct str local;  /* unquoted octets, UTF-8 when not ASCII */
	struct str domain; /* "" only for <postmaster> and the null path */
	bool is_quoted;    /* the local part came in quotes (RFC 5321 4.1.2) */
};

static inline bool
address_is_null(const struct address *a)
{
	return a->local.len == 0 && a->domain.len == 0;
}

/*
 * The name that the directory has for a domain, in the arena: lower-case
 * A-labels, whichever of its two spellings was given (text/idn.h). What is
 * no name in any spelling only becomes lower case, and is found nowhere.
 */
struct str address_fold_domain(struct arena *a, struct str domain);
/*
 * The directory's key, in the arena: the local part in lower case (ASCII),
 * '@', the folded domain. Two addresses are one mailbox when their keys are
 * equal.
 */
struct str address_key(struct arena *a, const struct address *addr);
/*
 * The key of an address as text, unquoted: the name of a login, "*@domain",
 * an identifier. Without '@' it only becomes lower case.
 */
struct str address_key_of(struct arena *a, struct str text);
/* Splits at the last '@' without looking at quotes; false without one. */
bool address_from_key(struct str key, struct address *ret_addr);
/* The local part without "+tag" (or another separator); false: no tag. */
bool address_strip_tag(
    const struct address *addr, struct str separator, struct str *ret_local);

#endif
