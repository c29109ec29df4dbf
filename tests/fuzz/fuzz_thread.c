/*
 * THREAD: three lines are a message: its date and subject, its id, its
 * references. In the answer each message stands once, and the parentheses
 * match.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "imap/thread.h"
#include "base/banned.h"

enum { MOST = 64 };

static void
check_answer(struct str s, size_t n)
{
	bool seen[MOST + 1] = { false };
	size_t i, depth = 0, count = 0, number;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '(') {
			depth++;
		} else if (s.p[i] == ')') {
			CHECK(depth-- > 0 && s.p[i - 1] != '(');
		} else if (ascii_is_digit(s.p[i])) {
			number = 0;
			while (i < s.len && ascii_is_digit(s.p[i]))
				number = number * 10 + (size_t)(s.p[i++] - '0');
			i--;
			CHECK(depth > 0 && number >= 1 && number <= n);
			CHECK(!seen[number]);
			seen[number] = true;
			count++;
		} else {
			CHECK(s.p[i] == ' ' && ascii_is_digit(s.p[i - 1]));
		}
	}
	CHECK(depth == 0 && count == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str in = fuzz_input(data, size);
	struct thread_message v[MOST] = { { 0 } };
	struct buf out = BUF_INIT;
	size_t n = 0;

	while (in.len && n < MOST) {
		struct thread_message *m = &v[n++];
		unsigned c = fuzz_octet(&in);

		m->number = (uint32_t)n;
		m->date = c / 2;
		m->is_reply = c % 2;
		m->subject = fuzz_line(&in);
		m->id = fuzz_line(&in);
		m->references = fuzz_line(&in);
	}
	thread_by_subject(a, v, n, NULL, &out);
	check_answer(buf_str(&out), n);
	buf_reset(&out);
	thread_by_references(a, v, n, NULL, &out);
	check_answer(buf_str(&out), n);
	buf_done(&out);
	arena_free(a);
	return 0;
}
