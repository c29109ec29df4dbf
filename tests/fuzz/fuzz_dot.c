/*
 * The end-of-data machine: every split of the input gives the same, a plain
 * line-by-line reading of RFC 5321 4.5.2 gives the same, and what is stuffed
 * comes out as it was.
 */
#include "fuzz.h"

#include "mime/crlf.h"
#include "smtp/dot.h"
#include "base/banned.h"

enum { EVERY_SPLIT = 256, SPLITS = 32 };

struct result {
	struct dot d;
	struct buf out;
	size_t used;
};

static void
add(void *ctx, struct str piece)
{
	CHECK(piece.len > 0);
	buf_add_str(ctx, piece);
}

/* The first block has `first` octets, the others `step`. */
static struct result
play(struct str in, size_t first, size_t step)
{
	struct result r = { .out = BUF_INIT };
	size_t n = first;

	dot_init(&r.d);
	while (r.used < in.len && !r.d.is_done) {
		struct str block = str_slice(in, r.used, n ? n : step);
		size_t used = dot_push(&r.d, block, add, &r.out);

		CHECK(used == block.len || (r.d.is_done && used < block.len));
		r.used += used;
		n = step;
	}
	CHECK(r.d.size == r.out.len);
	return r;
}

static void
check_split(struct str in, const struct result *want, size_t first,
    size_t step)
{
	struct result r = play(in, first, step);

	CHECK(r.used == want->used);
	CHECK(r.d.state == want->d.state);
	CHECK(r.d.is_done == want->d.is_done);
	CHECK(r.d.has_bare_cr == want->d.has_bare_cr);
	CHECK(r.d.has_bare_lf == want->d.has_bare_lf);
	CHECK(r.d.has_nul == want->d.has_nul);
	CHECK(str_equals(buf_str(&r.out), buf_str(&want->out)));
	buf_done(&r.out);
}

/* CRLF lines up to "."; false: there is none, *out has the whole lines. */
static bool
read_lines(struct str in, struct buf *out, size_t *ret_used)
{
	struct str rest = in;
	size_t end;

	while ((end = str_find(rest, STR("\r\n"))) < rest.len) {
		struct str line = str_slice(rest, 0, end + 2);

		rest = str_tail(rest, end + 2);
		if (str_equals(line, STR(".\r\n"))) {
			*ret_used = in.len - rest.len;
			return true;
		}
		buf_add_str(out, str_tail(line, line.p[0] == '.'));
	}
	return false;
}

static void
check_flags(const struct result *r)
{
	struct str s = buf_str(&r->out);
	bool cr = false, lf = false;
	size_t i;

	for (i = 0; i < s.len; i++) {
		cr |= s.p[i] == '\r' && (i + 1 == s.len || s.p[i + 1] != '\n');
		lf |= s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r');
	}
	CHECK(r->d.has_bare_cr == cr);
	CHECK(r->d.has_bare_lf == lf);
	CHECK(r->d.has_nul == str_has_char(s, '\0'));
}

static void
check_lines(struct str in, const struct result *r)
{
	struct buf want = BUF_INIT;
	size_t used = in.len;
	bool is_done = read_lines(in, &want, &used);

	CHECK(r->d.is_done == is_done);
	CHECK(r->used == used);
	if (is_done)
		CHECK(str_equals(buf_str(&r->out), buf_str(&want)));
	else
		CHECK(str_starts_with(buf_str(&r->out), buf_str(&want)));
	buf_done(&want);
}

/* The input as a message that a client stuffs and sends. */
static void
check_stuffed(struct str message)
{
	struct buf sent = BUF_INIT, want = BUF_INIT;
	struct str rest;
	struct result r;

	buf_add_str(&want, message);
	if (!str_ends_with(message, STR("\r\n")))
		buf_add_cstr(&want, "\r\n");
	for (rest = buf_str(&want); rest.len;) {
		size_t end = str_find(rest, STR("\r\n")) + 2;

		if (rest.p[0] == '.')
			buf_add_char(&sent, '.');
		buf_add_str(&sent, str_slice(rest, 0, end));
		rest = str_tail(rest, end);
	}
	buf_add_cstr(&sent, ".\r\n");
	r = play(buf_str(&sent), sent.len, 1);
	CHECK(r.d.is_done && r.used == sent.len);
	CHECK(str_equals(buf_str(&r.out), buf_str(&want)));
	buf_done(&r.out);
	buf_done(&sent);
	buf_done(&want);
}

static struct buf
encode(struct str message, size_t cut)
{
	struct buf sent = BUF_INIT;
	struct dot_encoder e;

	dot_encode_init(&e);
	dot_encode(&e, str_slice(message, 0, cut), add, &sent);
	dot_encode(&e, str_tail(message, cut), add, &sent);
	dot_encode_end(&e, add, &sent);
	return sent;
}

/* As our client sends it: one end, no bare CR or LF, and the same message. */
static void
check_encoded(struct str message)
{
	struct buf sent = encode(message, 0), want = BUF_INIT;
	struct buf other = encode(message, message.len / 2);
	struct crlf c = { 0 };
	struct result r = play(buf_str(&sent), sent.len, 1);

	CHECK(str_equals(buf_str(&sent), buf_str(&other)));
	crlf_push(&c, message, &want);
	crlf_finish(&c, &want);
	if (want.len && !str_ends_with(buf_str(&want), STR("\r\n")))
		buf_add_cstr(&want, "\r\n");
	CHECK(r.d.is_done && r.used == sent.len);
	CHECK(!r.d.has_bare_cr && !r.d.has_bare_lf);
	CHECK(str_equals(buf_str(&r.out), buf_str(&want)));
	buf_done(&r.out);
	buf_done(&sent);
	buf_done(&other);
	buf_done(&want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_input(data, size);
	struct result whole = play(in, in.len, 1);
	size_t i, step = in.len <= EVERY_SPLIT ? 1 : in.len / SPLITS;

	for (i = 1; i < in.len; i += step)
		check_split(in, &whole, i, in.len);
	check_split(in, &whole, 1, 1);
	check_split(in, &whole, 2, 3);
	check_flags(&whole);
	check_lines(in, &whole);
	check_stuffed(in);
	check_encoded(in);
	buf_done(&whole.out);
	return 0;
}
