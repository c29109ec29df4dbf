/*
 * The end of DATA (RFC 5321 4.1.1.4, 4.5.2) as a push machine: takes octets
 * in blocks of any size, hands out the message with exactly one dot removed
 * at every line that starts with one, and ends at CRLF.CRLF and at nothing
 * else. A bare CR or LF never ends a line, so "LF.LF", "CR.CR" and their
 * relatives are content (SMTP smuggling, CVE-2023-51764 to 51766); they are
 * remembered, and the caller refuses the message after its real end.
 */
#ifndef M3_SMTP_DOT_H
#define M3_SMTP_DOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct dot {
	unsigned char state;
	bool is_done;     /* CRLF.CRLF was read */
	bool has_bare_cr;
	bool has_bare_lf;
	bool has_nul;
	uint64_t size;    /* octets handed out */
};

/* Called with consecutive pieces; they point into the block or are static. */
typedef void dot_sink(void *ctx, struct str piece);

void dot_init(struct dot *d);
/*
 * Takes octets until the block is used up or the message has ended; returns
 * how many. What lies behind the end is the next command.
 */
size_t dot_push(struct dot *d, struct str block, dot_sink *sink, void *ctx);

/*
 * The other way: a message as it goes over the wire. Whatever it holds, each
 * line ends in CRLF, no CR and no LF stands alone, and each line that starts
 * with a dot gets one more, so that the next server sees the same one end.
 */
struct dot_encoder {
	char last;
	bool at_start;
};

void dot_encode_init(struct dot_encoder *e);
void dot_encode(
    struct dot_encoder *e, struct str piece, dot_sink *sink, void *ctx);
/* Ends the last line, and the message. */
void dot_encode_end(struct dot_encoder *e, dot_sink *sink, void *ctx);

#endif
