/* Streaming base64 and quoted-printable; see decode.h. */
#include "mime/decode.h"

#include "base/ascii.h"
#include "base/banned.h"

enum decode_kind
decode_kind_of(struct str encoding)
{
	static const struct {
		struct str name;
		enum decode_kind kind;
	} names[] = { { STR_INIT("7bit"), DECODE_PLAIN },
		{ STR_INIT("8bit"), DECODE_PLAIN },
		{ STR_INIT("binary"), DECODE_PLAIN },
		{ STR_INIT("base64"), DECODE_BASE64 },
		{ STR_INIT("quoted-printable"), DECODE_QP } };

	if (!encoding.len)
		return DECODE_PLAIN;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (str_equals_nocase(names[i].name, encoding))
			return names[i].kind;
	}
	return DECODE_UNKNOWN;
}

void
decoder_init(struct decoder *d, enum decode_kind kind)
{
	*d = (struct decoder){ .kind = kind };
}

static int
sextet(char c)
{
	if (ascii_is_upper(c))
		return c - 'A';
	if (ascii_is_lower(c))
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void
push_base64(struct decoder *d, struct str bytes, struct buf *out)
{
	buf_reserve(out, bytes.len + 1);
	for (size_t i = 0; i < bytes.len; i++) {
		int v = sextet(bytes.p[i]);

		if (bytes.p[i] == '=') {
			/* Padding ends a unit; another may follow. */
			d->n_bits = 0;
			d->bits = 0;
		}
		if (v < 0)
			continue;
		d->bits = d->bits << 6 | (uint32_t)v;
		d->n_bits += 6;
		if (d->n_bits >= 8) {
			d->n_bits -= 8;
			out->p[out->len++] =
			    (char)(d->bits >> d->n_bits & 0xff);
		}
	}
}

static void
flush_held(struct decoder *d, struct buf *out)
{
	buf_add(out, d->held, d->n_held);
	d->n_held = 0;
}

/* Something is held that begins with '='. True: c was used up. */
static bool
qp_after_equals(struct decoder *d, char c, struct buf *out)
{
	int high, low;

	if (c == '\n') {
		d->n_held = 0;
		return true;
	}
	if (d->n_held == 1 && ascii_hex_value(c) >= 0) {
		d->held[d->n_held++] = c;
		return true;
	}
	if (d->n_held == 2 && ascii_hex_value(d->held[1]) >= 0 &&
	    ascii_hex_value(c) >= 0) {
		high = ascii_hex_value(d->held[1]);
		low = ascii_hex_value(c);
		d->n_held = 0;
		buf_add_char(out, (char)(high * 16 + low));
		return true;
	}
	if (ascii_is_space(c) && d->n_held < sizeof(d->held) &&
	    (d->n_held == 1 || ascii_is_space(d->held[1]))) {
		d->held[d->n_held++] = c;
		return true;
	}
	flush_held(d, out);
	return false;
}

/* Blanks (and a CR) are held: before a line end they go (RFC 2045 6.7). */
static void
qp_char(struct decoder *d, char c, struct buf *out)
{
	if (d->n_held && d->held[0] == '=' && qp_after_equals(d, c, out))
		return;
	if (c == '=') {
		flush_held(d, out);
		d->held[d->n_held++] = c;
	} else if (c == '\n') {
		bool has_cr = d->n_held && d->held[d->n_held - 1] == '\r';

		d->n_held = 0;
		buf_add(out, has_cr ? "\r\n" : "\n", has_cr ? 2 : 1);
	} else if (ascii_is_space(c)) {
		if (d->n_held == sizeof(d->held))
			flush_held(d, out);
		d->held[d->n_held++] = c;
	} else {
		flush_held(d, out);
		buf_add_char(out, c);
	}
}

void
decoder_push(struct decoder *d, struct str bytes, struct buf *out)
{
	switch (d->kind) {
	case DECODE_BASE64:
		push_base64(d, bytes, out);
		break;
	case DECODE_QP:
		for (size_t i = 0; i < bytes.len; i++)
			qp_char(d, bytes.p[i], out);
		break;
	case DECODE_PLAIN:
	case DECODE_UNKNOWN:
	default:
		buf_add_str(out, bytes);
		break;
	}
}

void
decoder_finish(struct decoder *d, struct buf *out)
{
	if (d->kind == DECODE_QP &&
	    !(d->n_held == 1 && d->held[0] == '='))
		flush_held(d, out);
	d->n_held = 0;
}

struct str
decode_all(struct arena *a, struct str encoding, struct str bytes)
{
	struct decoder d;
	struct buf out = BUF_INIT;
	struct str text;

	decoder_init(&d, decode_kind_of(encoding));
	decoder_push(&d, bytes, &out);
	decoder_finish(&d, &out);
	text = arena_dup_str(a, buf_str(&out));
	buf_done(&out);
	return text;
}
