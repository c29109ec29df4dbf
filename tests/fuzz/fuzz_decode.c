/*
 * Streaming decoders and line ends: the first octet is the kind. Every split
 * gives the same, growth is bounded, and encoded octets come back.
 */
#include "fuzz.h"

#include "mime/crlf.h"
#include "mime/decode.h"
#include "text/base64.h"
#include "base/banned.h"

enum { EVERY_SPLIT = 128, SPLITS = 16 };

static void
decode(enum decode_kind kind, struct str in, size_t first, size_t step,
    struct buf *out)
{
	struct decoder d;
	size_t at, n = first;

	decoder_init(&d, kind);
	for (at = 0; at < in.len; at += n, n = step) {
		struct str block = str_slice(in, at, n);
		size_t before = out->len;

		decoder_push(&d, block, out);
		CHECK(out->len - before <= block.len + 80);
	}
	decoder_finish(&d, out);
	CHECK(out->len <= in.len);
}

static void
push_crlf(struct str in, size_t first, size_t step, struct buf *out)
{
	struct crlf c = { 0 };
	size_t at, n = first;

	for (at = 0; at < in.len; at += n, n = step)
		crlf_push(&c, str_slice(in, at, n), out);
	crlf_finish(&c, out);
	CHECK(out->len <= in.len * 2);
}

static void
check_split(enum decode_kind kind, struct str in, size_t first, size_t step)
{
	struct buf want = BUF_INIT, out = BUF_INIT;

	decode(kind, in, in.len, in.len, &want);
	decode(kind, in, first, step, &out);
	CHECK(str_equals(buf_str(&want), buf_str(&out)));
	buf_reset(&want);
	buf_reset(&out);
	push_crlf(in, in.len, in.len, &want);
	push_crlf(in, first, step, &out);
	CHECK(str_equals(buf_str(&want), buf_str(&out)));
	buf_done(&want);
	buf_done(&out);
}

/* Line ends are whole, and making them whole again changes nothing. */
static void
check_crlf(struct str in)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	size_t i;

	push_crlf(in, in.len, in.len, &once);
	for (i = 0; i < once.len; i++) {
		CHECK(once.p[i] != '\n' || (i && once.p[i - 1] == '\r'));
		CHECK(once.p[i] != '\r' ||
		    (i + 1 < once.len && once.p[i + 1] == '\n'));
	}
	push_crlf(buf_str(&once), once.len, once.len, &twice);
	CHECK(str_equals(buf_str(&once), buf_str(&twice)));
	buf_done(&once);
	buf_done(&twice);
}

static void
check_base64(struct arena *a, struct str in)
{
	struct buf out = BUF_INIT;
	struct str bytes;

	base64_encode(&out, in);
	CHECK(base64_decode(a, buf_str(&out), &bytes));
	CHECK(str_equals(bytes, in));
	CHECK(str_equals(decode_all(a, STR("base64"), buf_str(&out)), in));
	buf_reset(&out);
	if (base64_decode(a, in, &bytes)) {
		base64_encode(&out, bytes);
		CHECK(str_equals(buf_str(&out), in));
	}
	buf_done(&out);
}

/* Every octet as "=XX", in lines. */
static void
check_quoted(struct arena *a, struct str in)
{
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < in.len; i++)
		buf_printf(&out, "=%02X%s", (unsigned char)in.p[i],
		    i % 20 == 19 ? "=\r\n" : "");
	CHECK(str_equals(
	    decode_all(a, STR("Quoted-Printable"), buf_str(&out)), in));
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str in = fuzz_input(data, size);
	enum decode_kind kind =
	    (enum decode_kind)(fuzz_octet(&in) % (DECODE_UNKNOWN + 1));
	size_t i, step = in.len <= EVERY_SPLIT ? 1 : in.len / SPLITS;

	for (i = 1; i < in.len; i += step)
		check_split(kind, in, i, in.len);
	check_split(kind, in, 1, 1);
	check_split(kind, in, 2, 3);
	check_crlf(in);
	check_base64(a, in);
	check_quoted(a, in);
	arena_free(a);
	return 0;
}
