/* Where the octets of a section of a stored message are. */
#ifndef M3_CMD_IMAP_OCTETS_H
#define M3_CMD_IMAP_OCTETS_H

#include "imap/fetch_att.h"
#include "model/facts.h"

enum octets_kind {
	OCTETS_NONE,   /* the message has no such section: NIL */
	OCTETS_RANGE,
	OCTETS_FIELDS, /* some fields of the header in this range */
};

struct octets {
	enum octets_kind kind;
	uint64_t from;     /* in the blob */
	uint64_t size;
	bool with_prefix;  /* the message's prefix stands before them */
};

/* Of BODY[...]; p is the section's part in f, without regard to partial. */
struct octets octets_of(const struct facts *f, const struct facts_part *p,
    const struct section *s);

#endif
