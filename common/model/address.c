/* Addresses; see address.h. */
#include "model/address.h"

#include "text/idn.h"

#include "base/banned.h"

struct str
address_fold_domain(struct arena *a, struct str domain)
{
	struct str folded;

	return idn_to_ascii(a, domain, &folded) ? folded
						: arena_dup_lower(a, domain);
}

struct str
address_key(struct arena *a, const struct address *addr)
{
	return arena_join3(a, arena_dup_lower(a, addr->local), STR("@"),
	    address_fold_domain(a, addr->domain));
}

struct str
address_key_of(struct arena *a, struct str text)
{
	struct address addr;

	return address_from_key(text, &addr) ? address_key(a, &addr)
					     : arena_dup_lower(a, text);
}

bool
address_from_key(struct str key, struct address *ret_addr)
{
	size_t at = str_find_last_char(key, '@');

	if (at >= key.len)
		return false;
	ret_addr->local = str_slice(key, 0, at);
	ret_addr->domain = str_tail(key, at + 1);
	return true;
}

bool
address_strip_tag(
    const struct address *addr, struct str separator, struct str *ret_local)
{
	size_t at;

	if (str_is_empty(separator))
		return false;
	at = str_find(addr->local, separator);
	/* "+tag" alone has no user before it. */
	if (at == 0 || at >= addr->local.len)
		return false;
	*ret_local = str_slice(addr->local, 0, at);
	return true;
}
