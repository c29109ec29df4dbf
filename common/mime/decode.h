/*
 * Content-Transfer-Encoding (RFC 2045 6): streaming decoders. Lenient:
 * octets that do not belong are passed over, so that any input gives the
 * most that can be read of it.
 */
#ifndef M3_MIME_DECODE_H
#define M3_MIME_DECODE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"

enum decode_kind {
	DECODE_PLAIN,   /* 7bit, 8bit, binary, none */
	DECODE_BASE64,
	DECODE_QP,
	DECODE_UNKNOWN, /* BINARY answers NO [UNKNOWN-CTE] */
};

struct decoder {
	enum decode_kind kind;
	uint32_t bits;     /* base64: sextets so far */
	unsigned n_bits;
	bool is_ended;     /* base64: '=' was seen */
	char held[80];     /* quoted-printable: a '=' sequence or blanks that */
	unsigned n_held;   /* may stand before a line end */
};

/* encoding: facts_part.encoding, STR_NONE is 7bit. */
enum decode_kind decode_kind_of(struct str encoding);
void decoder_init(struct decoder *d, enum decode_kind kind);
/* Adds what is decoded to out: never more than bytes.len + 80 octets. */
void decoder_push(struct decoder *d, struct str bytes, struct buf *out);
void decoder_finish(struct decoder *d, struct buf *out);
/* All at once, into the arena. */
struct str decode_all(struct arena *a, struct str encoding, struct str bytes);

#endif
