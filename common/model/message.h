/* The immutable facts of one stored message: a document of `messages`. */
#ifndef M3_MODEL_MESSAGE_H
#define M3_MODEL_MESSAGE_H

#include <stdint.h>

#include "model/id.h"

struct message {
	struct oid id;
	struct oid blob;     /* its octets; EMAILID (RFC 8474) */
	struct str prefix;   /* trace fields before the blob, CRLF lines */
	uint64_t size;       /* prefix.len + octets of the blob */
	struct str facts;    /* mime/facts.h bytes; offsets from the blob */
	struct str grams;    /* the text index (mime/grams.h), or STR_NONE */
	struct oid queue;    /* the queue id it came by, zero for APPEND */
};

#endif
