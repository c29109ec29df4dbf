/*
 * The header of mail that comes in: every split gives the same, what was done
 * once is not done again, nothing that is left out stays in the header, and
 * what the header's reader sees has a name for each line.
 */
#include "fuzz.h"

#include "mail/intake.h"
#include "mime/header.h"
#include "base/banned.h"

static void
add(void *ctx, struct str piece)
{
	buf_add_str(ctx, piece);
}

static void
play(struct arena *a, bool is_submission, struct str in, size_t step,
    struct buf *out)
{
	struct intake *u = intake_new(a, &(struct intake_options){
	    .is_submission = is_submission, .is_judged_here = true,
	    .hostname = STR("mx.example") });

	for (; in.len; in = str_tail(in, step < in.len ? step : in.len))
		intake_push(u, str_slice(in, 0, step), add, out);
	intake_finish(u, add, out);
	intake_free(u);
}

static void
check_header(struct str rest)
{
	struct header_field f;

	while (header_next(&rest, &f)) {
		CHECK(f.value.p && f.name.len);
		CHECK(!str_equals_nocase(f.name, STR("Bcc")));
		CHECK(!str_equals_nocase(f.name, STR("Resent-Bcc")));
		CHECK(!str_starts_with_nocase(f.name, STR("X-Spam-")));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str in = fuzz_input(data, size);
	struct buf all = BUF_INIT, again = BUF_INIT;
	bool is_submission = in.len && in.p[0] & 1;
	size_t step;

	play(a, is_submission, in, in.len + 1, &all);
	for (step = 1; step < 8 && step < in.len; step++) {
		buf_reset(&again);
		play(a, is_submission, in, step, &again);
		CHECK(str_equals(buf_str(&all), buf_str(&again)));
	}
	check_header(buf_str(&all));
	buf_reset(&again);
	play(a, is_submission, buf_str(&all), all.len + 1, &again);
	CHECK(str_equals(buf_str(&all), buf_str(&again)));
	buf_done(&all);
	buf_done(&again);
	arena_free(a);
	return 0;
}
