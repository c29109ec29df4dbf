/* Addresses; see address.h. */
#include "model/address.h"

#include "base/banned.h"

struct str
address_key(struct arena *a, const struct address *addr)
{
	return arena_dup_lower(
	    a, arena_join3(a, addr->local, STR("@"), addr->domain));
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
address_equals(const struct address *a, const struct address *b)
{
	return str_equals_nocase(a->local, b->local) &&
	    str_equals_nocase(a->domain, b->domain);
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
