/* An annotation of a mailbox or of the server (RFC 5464). */
#ifndef M3_MODEL_ANNOTATION_H
#define M3_MODEL_ANNOTATION_H

#include "base/str.h"

struct annotation {
	struct str name;  /* lower case, "/private/..." or "/shared/..." */
	struct str value; /* any octets; STR_NONE: there is none */
};

#endif
