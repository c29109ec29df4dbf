/*
 * Address lists of header fields: From, To, Cc ... (RFC 5322 3.4 with the
 * obsolete forms of 4.4). Groups are kept as model/facts.h says. Broken
 * addresses are kept as far as they can be read; what is missing becomes
 * MISSING_MAILBOX, MISSING_DOMAIN or SYNTAX_ERROR, the words that IMAP
 * clients know from other servers.
 */
#ifndef M3_MIME_ADDRESS_H
#define M3_MIME_ADDRESS_H

#include "base/mem.h"
#include "model/facts.h"

struct address_sink {
	/*
	 * One address; its strings live until the call returns. False stops
	 * the parser.
	 */
	bool (*add)(void *ctx, const struct facts_address *address);
	void *ctx;
};

/*
 * Parses an unfolded field value in one pass. Scratch memory is taken from
 * the arena, 4 times the value's length.
 */
void address_list_parse(
    struct arena *a, struct str value, const struct address_sink *sink);

/* The same into an array in the arena, at most LIMIT_MIME_ADDRESSES. */
struct facts_addresses address_list_collect(struct arena *a, struct str value);

#endif
