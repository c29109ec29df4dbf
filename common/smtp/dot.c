/* The end-of-data machine; see dot.h. */
#include "smtp/dot.h"

#include "base/banned.h"

enum dot_state {
	AT_START,   /* after CRLF, and before the first octet */
	AFTER_DOT,  /* a dot at the start of a line, not handed out */
	AFTER_DOT_CR,
	IN_LINE,
	AFTER_CR,   /* a CR in the line, handed out with what follows */
};

void
dot_init(struct dot *d)
{
	*d = (struct dot){ .state = AT_START };
}

static void
emit(struct dot *d, struct str piece, dot_sink *sink, void *ctx)
{
	if (!piece.len)
		return;
	d->size += piece.len;
	d->has_nul |= memchr(piece.p, '\0', piece.len) != NULL;
	sink(ctx, piece);
}

/* Octets up to the next CR, all of them content. */
static size_t
take_line(struct dot *d, struct str in, dot_sink *sink, void *ctx)
{
	size_t n = str_find_char(in, '\r');

	d->has_bare_lf |= n && memchr(in.p, '\n', n) != NULL;
	emit(d, str_slice(in, 0, n), sink, ctx);
	if (n == in.len) {
		d->state = IN_LINE;
		return n;
	}
	d->state = AFTER_CR;
	return n + 1;
}

/* The octet after a CR; the CR itself has not been handed out. */
static size_t
take_after_cr(struct dot *d, char c, dot_sink *sink, void *ctx)
{
	if (c == '\n') {
		emit(d, STR("\r\n"), sink, ctx);
		d->state = AT_START;
		return 1;
	}
	d->has_bare_cr = true;
	emit(d, STR("\r"), sink, ctx);
	d->state = IN_LINE; /* c is looked at again, as part of the line */
	return 0;
}

static size_t
take_after_dot(struct dot *d, char c)
{
	if (c == '\r') {
		d->state = AFTER_DOT_CR;
		return 1;
	}
	d->state = IN_LINE; /* the dot was stuffing; c belongs to the line */
	return 0;
}

static size_t
take_after_dot_cr(struct dot *d, char c)
{
	if (c == '\n') {
		d->is_done = true;
		return 1;
	}
	d->state = AFTER_CR; /* ".CR" and then something else: a bare CR */
	return 0;
}

size_t
dot_push(struct dot *d, struct str block, dot_sink *sink, void *ctx)
{
	size_t at = 0;

	while (at < block.len && !d->is_done) {
		char c = block.p[at];

		switch ((enum dot_state)d->state) {
		case AT_START:
			d->state = c == '.' ? AFTER_DOT : IN_LINE;
			at += c == '.';
			break;
		case AFTER_DOT:
			at += take_after_dot(d, c);
			break;
		case AFTER_DOT_CR:
			at += take_after_dot_cr(d, c);
			break;
		case IN_LINE:
			at += take_line(d, str_tail(block, at), sink, ctx);
			break;
		case AFTER_CR:
			at += take_after_cr(d, c, sink, ctx);
			break;
		}
	}
	return at;
}

/* --- the other way ---------------------------------------------------------------- */

void
dot_encode_init(struct dot_encoder *e)
{
	*e = (struct dot_encoder){ .at_start = true };
}

/* What has to stand between the last octet and c. */
static struct str
between(const struct dot_encoder *e, char c)
{
	if (e->last == '\r' && c != '\n')
		return c == '.' ? STR("\n.") : STR("\n");
	if (c == '\n' && e->last != '\r')
		return STR("\r");
	return e->at_start && c == '.' ? STR(".") : STR("");
}

static void
hand_out_piece(struct str piece, dot_sink *sink, void *ctx)
{
	if (piece.len)
		sink(ctx, piece);
}

void
dot_encode(
    struct dot_encoder *e, struct str piece, dot_sink *sink, void *ctx)
{
	size_t i, from = 0;

	for (i = 0; i < piece.len; i++) {
		char c = piece.p[i];
		struct str more = between(e, c);

		if (more.len) {
			hand_out_piece(
			    str_slice(piece, from, i - from), sink, ctx);
			sink(ctx, more);
			from = i;
		}
		e->at_start = c == '\n';
		e->last = c;
	}
	hand_out_piece(str_tail(piece, from), sink, ctx);
}

void
dot_encode_end(struct dot_encoder *e, dot_sink *sink, void *ctx)
{
	if (e->last == '\r')
		sink(ctx, STR("\n"));
	else if (!e->at_start)
		sink(ctx, STR("\r\n"));
	sink(ctx, STR(".\r\n"));
	dot_encode_init(e);
}
