/*
 * Bounded reading of lines, literals and blocks from a stream. The buffer
 * is fixed; a slice that is handed out lives until the next call.
 */
#ifndef M3_NET_READER_H
#define M3_NET_READER_H

#include "net/stream.h"

struct reader;

enum line_end {
	LINE_CRLF,
	LINE_LF,    /* a bare LF ended it */
};

struct line {
	struct str text;    /* without its end */
	enum line_end end;
	bool is_long;       /* over max: text is its start, the rest dropped */
	bool has_nul;
	bool has_cr;        /* a CR that is not before the LF */
	bool has_8bit;
};

/* size: octets of the buffer, at least the longest line that is wanted. */
struct reader *reader_new(struct stream *s, size_t size);
void reader_free(struct reader *r);

/*
 * One line of at most max octets, its end included. A longer line is read
 * on to its LF and told by is_long, up to discard_max octets: then IO_ERROR
 * with reader_gave_up() true.
 */
enum io reader_line(struct reader *r, size_t max, size_t discard_max,
    int64_t deadline_ms, struct line *ret_line);
bool reader_gave_up(const struct reader *r);
/* What is there, at least one octet, at most max: then reader_consume. */
enum io reader_block(
    struct reader *r, size_t max, int64_t deadline_ms, struct str *ret_block);
void reader_consume(struct reader *r, size_t n);
/* Octets that were read from the stream and not yet handed out. */
size_t reader_pending(const struct reader *r);
/* True when a line or block could be had without waiting (pipelining). */
bool reader_has_input(struct reader *r);
/* Forgets what is pending (after STARTTLS was refused). */
void reader_drop(struct reader *r);
/* Wipes what was handed out: a secret was in it. Ends slices. */
void reader_forget(struct reader *r);
/*
 * Puts a decoder between stream and reader (COMPRESS=DEFLATE): what is
 * pending is handed to it first. NULL ends it.
 */
struct reader_filter {
	void *ctx;
	/* Decodes from in to out; false = broken input. */
	bool (*decode)(void *ctx, struct str *in, char *out, size_t cap,
	    size_t *ret_n);
};
void reader_set_filter(struct reader *r, const struct reader_filter *f);

#endif
