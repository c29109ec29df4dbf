/*
 * Line ends made whole: a bare CR or LF becomes CRLF. For messages that are
 * taken with `smtp.body.bare_lf` = normalise and for IMAP's APPEND, where a
 * bare CR is an octet as others are: it ends no line, and the client wants
 * back what it gave.
 */
#ifndef M3_MIME_CRLF_H
#define M3_MIME_CRLF_H

#include "base/buf.h"

struct crlf {
	bool has_cr;   /* a CR is held back */
	bool keeps_cr; /* a bare CR stays as it is */
};

/* Adds to out; at most twice the octets, and the one held back. */
void crlf_push(struct crlf *c, struct str bytes, struct buf *out);
/* What was held back at the end. */
void crlf_finish(struct crlf *c, struct buf *out);

#endif
