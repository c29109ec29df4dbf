/*
 * What is known of a message's structure after one pass over its octets:
 * envelope and part tree (RFC 3501 7.4.2), so that no stored message is ever
 * parsed again. mime/parse.h makes them, mime/facts.h packs them into the
 * bytes that the queue and the store keep.
 *
 * Offsets count from the first octet of the blob. A stored message may have
 * a prefix (trace fields added at delivery) before its blob: the root
 * header then begins with the prefix, and offsets in the message are
 * offset + prefix length.
 *
 * Strings are raw octets as received, unfolded (CRLF removed, blanks kept),
 * encoded words left alone. STR_NONE (p == NULL) means NIL; an empty string
 * has p != NULL.
 */
#ifndef M3_MODEL_FACTS_H
#define M3_MODEL_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * One address of an envelope. A group starts with an entry that has host
 * NIL and mailbox = the group's name, and ends with one that has both NIL.
 */
struct facts_address {
	struct str name;    /* display name, quotes and comments resolved */
	struct str route;   /* at-domain-list */
	struct str mailbox;
	struct str host;
};

struct facts_addresses {
	const struct facts_address *v;
	size_t n; /* 0 = NIL */
};

struct facts_envelope {
	struct str date;
	struct str subject;
	struct facts_addresses from;
	struct facts_addresses sender;   /* NIL when the field is absent: the */
	struct facts_addresses reply_to; /* renderer then shows From */
	struct facts_addresses to;
	struct facts_addresses cc;
	struct facts_addresses bcc;
	struct str in_reply_to;
	struct str message_id;
	struct str references; /* not in IMAP's ENVELOPE: for THREAD */
};

struct facts_param {
	struct str name;  /* lower case */
	struct str value; /* unquoted */
};

struct facts_params {
	const struct facts_param *v;
	size_t n;
};

#define FACTS_NO_PART UINT32_MAX

/* Parts lie in the order of the message; part 0 is the message itself. */
struct facts_part {
	struct str type;         /* as written; "text" when there is none */
	struct str subtype;
	struct facts_params params;
	struct str id;
	struct str description;
	struct str encoding;     /* NIL = "7bit" */
	struct str md5;
	struct str disposition;
	struct facts_params disposition_params;
	struct str language;     /* the field's value, tags split by ',' */
	struct str location;
	uint64_t header_offset;  /* of the MIME header of this part */
	uint64_t header_size;    /* with the empty line that ends it */
	uint64_t body_offset;
	uint64_t body_size;      /* octets, without the CRLF of the boundary */
	uint64_t lines;          /* of the body */
	uint32_t parent;         /* index, or FACTS_NO_PART */
	uint32_t first_child;    /* of multipart/ and message/rfc822 */
	uint32_t next;           /* sibling */
	bool is_multipart;
	bool is_message;         /* message/rfc822 or message/global: its first
	                          * child is the inner message's root */
	const struct facts_envelope *envelope; /* of root and inner roots */
};

struct facts {
	const struct facts_part *parts;
	uint32_t n_parts;        /* >= 1 */
	bool is_cut;             /* depth, parts or memory limit was reached */
	uint32_t received;       /* number of Received fields in the root */
	uint64_t size;           /* octets seen */
	struct str preview;      /* UTF-8, at most 256 octets (RFC 8970) */
	struct str grams;        /* mime/grams.h; NIL: there is no index */
	/* Not packed: the root's Delivered-To fields, a line each (LF). */
	struct str delivered_to;
};

#endif
