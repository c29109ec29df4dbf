/*
 * Replies of another SMTP server (RFC 5321 4.2, RFC 2034), line by line, and
 * what it offers in its answer to EHLO.
 */
#ifndef M3_SMTP_REPLY_H
#define M3_SMTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* What the other side said, as its last words about something. */
struct smtp_reply {
	uint32_t code;          /* 0: nothing, the connection failed */
	char status[16];        /* enhanced, or made from the code */
	char text[1024];        /* all lines, joined by blanks, cut; control
	                         * characters are '?' */
};

enum smtp_extension {
	EXT_STARTTLS   = 1,
	EXT_SIZE       = 2,
	EXT_8BITMIME   = 4,
	EXT_SMTPUTF8   = 8,
	EXT_DSN        = 16,
	EXT_PIPELINING = 32,
	EXT_PLAIN      = 64, /* AUTH */
	EXT_LOGIN      = 128,
};

/*
 * One line without its end: "250-5.1.1 text", "250 text", "250". False: that
 * is no reply, and *ret_reply is as it was. An enhanced code counts when it
 * is well formed and of the class of the code; of a reply of several lines,
 * each of which may have it (RFC 2034 4), the text has none. The code of a
 * later line is that of the reply.
 */
bool smtp_reply_parse(struct str line, bool is_first,
    struct smtp_reply *ret_reply, bool *ret_is_last);
/* The bits of a line of the answer to EHLO: "250-AUTH PLAIN LOGIN". */
unsigned smtp_reply_extensions(struct str line);

#endif
