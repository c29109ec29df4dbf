/* Access control lists; see acl.h. */
#include "model/acl.h"

#include "base/banned.h"

/* In the order of enum right. */
static const struct str letters = STR_INIT("lrswipkxtea");

enum {
	OBSOLETE_CREATE = RIGHT_CREATE | RIGHT_REMOVE,
	OBSOLETE_DELETE = RIGHT_DELETE | RIGHT_EXPUNGE,
};

bool
acl_parse(struct str text, unsigned *ret_rights)
{
	unsigned rights = 0;
	size_t i, bit;

	for (i = 0; i < text.len; i++) {
		bit = str_find_char(letters, text.p[i]);
		if (bit < letters.len)
			rights |= 1u << bit;
		else if (text.p[i] == 'c')
			rights |= OBSOLETE_CREATE;
		else if (text.p[i] == 'd')
			rights |= OBSOLETE_DELETE;
		else
			return false;
	}
	*ret_rights = rights;
	return true;
}

struct str
acl_format(unsigned rights, bool with_obsolete, char text[ACL_TEXT])
{
	size_t i, n = 0;

	for (i = 0; i < letters.len; i++) {
		if (rights & 1u << i)
			text[n++] = letters.p[i];
	}
	if (with_obsolete && rights & OBSOLETE_CREATE)
		text[n++] = 'c';
	if (with_obsolete && rights & OBSOLETE_DELETE)
		text[n++] = 'd';
	return str_make(text, n);
}

struct str
acl_bare(struct str identifier)
{
	return str_tail(identifier, str_starts_with(identifier, STR("-")));
}

bool
acl_is_anyone(struct str identifier)
{
	return str_equals(acl_bare(identifier), STR("anyone"));
}

unsigned
acl_rights(const struct acl_entry *v, size_t n, struct str address)
{
	unsigned given = 0, taken = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		struct str who = acl_bare(v[i].identifier);

		if (!str_equals(who, address) && !acl_is_anyone(who))
			continue;
		if (who.len < v[i].identifier.len)
			taken |= v[i].rights;
		else
			given |= v[i].rights;
	}
	return given & ~taken;
}
