/* Further sender addresses; see senders.h. */
#include "senders.h"

#include "mail/sendas.h"
#include "smtp/path.h"

#include "base/banned.h"

static int
senders_parse(struct admin *a, struct str text, struct str *ret_key)
{
	struct address addr;

	*ret_key = address_key_of(a->a, text);
	if (str_starts_with(text, STR("*@")) &&
	    path_is_host(str_tail(text, 2)))
		return EXIT_OK;
	if (path_parse_bare(a->a, text, &addr) != PATH_OK ||
	    addr.domain.len == 0)
		return admin_complain(EXIT_USAGE,
		    "%.*s is no address (user@domain, or *@domain for all of "
		    "a domain)", STR_ARG(text));
	*ret_key = address_key(a->a, &addr);
	return EXIT_OK;
}

/* Also of other domains: who relays through us by a login sends as them. */
static int
senders_add(struct admin *a, struct str text, const struct mailbox *m,
    struct str *ret_key)
{
	const char *useless;
	int code = senders_parse(a, text, ret_key);

	if (code != EXIT_OK)
		return code;
	if ((useless = sendas_useless(m, *ret_key)))
		return admin_complain(EXIT_USAGE,
		    "--sender=%.*s would have no effect: %s", STR_ARG(text),
		    useless);
	return EXIT_OK;
}

/* In the spelling that is stored: older ones may not be folded. */
static int
senders_take_out(struct admin *a, struct str text, const struct mailbox *m,
    struct str *ret_stored)
{
	struct str key = address_key_of(a->a, text);
	size_t i;

	for (i = 0; i < m->n_senders; i++) {
		*ret_stored = m->senders[i];
		if (str_equals(address_key_of(a->a, m->senders[i]), key))
			return EXIT_OK;
	}
	return admin_complain(EXIT_FAILED, "%.*s is no sender of %.*s",
	    STR_ARG(text), STR_ARG(m->address));
}

int
sub_senders_set(struct admin *a, struct mailbox *m, unsigned *fields)
{
	struct str more = admin_option(a, "sender");
	struct str less = admin_option(a, "no-sender");
	struct str *one = ARENA_NEW(a->a, struct str);
	int code;

	if (!more.p && !less.p)
		return EXIT_OK;
	if (more.p && less.p)
		return admin_complain(EXIT_USAGE,
		    "--sender and --no-sender: one at a time");
	code = more.p ? senders_add(a, more, m, one)
		      : senders_take_out(a, less, m, one);
	if (code != EXIT_OK)
		return code;
	m->senders = one;
	m->n_senders = 1;
	*fields |= more.p ? MAILBOX_SENDERS : MAILBOX_NO_SENDERS;
	return EXIT_OK;
}
