/* Unit tests of common/net: streams, reader, writer. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/reader.h"
#include "net/stream.h"
#include "net/writer.h"
#include "base/banned.h"

enum { MAX_LINE = 16, DISCARD = 64, SIZE = 32 };

static const struct {
	struct str input;
	struct str text;
	enum line_end end;
	bool is_long, nul, cr, high;
} line_cases[] = {
	{ STR_INIT("\r\n"), STR_INIT(""), LINE_CRLF, false, 0, 0, 0 },
	{ STR_INIT("\n"), STR_INIT(""), LINE_LF, false, 0, 0, 0 },
	{ STR_INIT("EHLO x\r\n"), STR_INIT("EHLO x"), LINE_CRLF, 0, 0, 0, 0 },
	{ STR_INIT("EHLO x\n"), STR_INIT("EHLO x"), LINE_LF, 0, 0, 0, 0 },
	{ STR_INIT("a\rb\r\n"), STR_INIT("a\rb"), LINE_CRLF, 0, 0, true, 0 },
	{ STR_INIT("a\r\r\n"), STR_INIT("a\r"), LINE_CRLF, 0, 0, true, 0 },
	{ STR_INIT("a\0b\r\n"), STR_INIT("a\0b"), LINE_CRLF, 0, true, 0, 0 },
	{ STR_INIT("\xc3\xa9\r\n"), STR_INIT("\xc3\xa9"), LINE_CRLF, 0, 0, 0,
	    true },
	/* limit - 1, limit, limit + 1: 15, 16 and 17 octets with CRLF */
	{ STR_INIT("0123456789abc\r\n"), STR_INIT("0123456789abc"),
	    LINE_CRLF, false, 0, 0, 0 },
	{ STR_INIT("0123456789abcd\r\n"), STR_INIT("0123456789abcd"),
	    LINE_CRLF, false, 0, 0, 0 },
	{ STR_INIT("0123456789abcde\r\n"), STR_INIT("0123456789abcde\r"),
	    LINE_CRLF, true, 0, true, 0 },
	{ STR_INIT("0123456789abcdef0123456789abcdef0123456789abcdef\r\n"),
	    STR_INIT("0123456789abcdef"), LINE_CRLF, true, 0, 0, 0 },
};

enum { LINE_CASES = sizeof(line_cases) / sizeof(line_cases[0]) };

static void
expect_line(struct reader *r, size_t i)
{
	struct line line;

	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD,
			     clock_deadline(5000), &line), IO_OK);
	ck_assert_int_eq(line.is_long, line_cases[i].is_long);
	ck_assert(str_equals(line.text, line_cases[i].text));
	ck_assert_int_eq(line.end, line_cases[i].end);
	ck_assert_int_eq(line.has_nul, line_cases[i].nul);
	ck_assert_int_eq(line.has_cr, line_cases[i].cr);
	ck_assert_int_eq(line.has_8bit, line_cases[i].high);
}

static void
expect_end(struct reader *r)
{
	struct line line;

	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD,
			     clock_deadline(5000), &line), IO_EOF);
	ck_assert(!reader_gave_up(r));
}

START_TEST(test_lines_pipelined)
{
	struct arena *a = arena_new();
	struct str all = STR("");
	struct stream *s;
	struct reader *r;
	size_t i;

	for (i = 0; i < LINE_CASES; i++)
		all = arena_join(a, all, line_cases[i].input);
	s = stream_new_mem(all);
	r = reader_new(s, SIZE);
	for (i = 0; i < LINE_CASES; i++)
		expect_line(r, i);
	expect_end(r);
	reader_free(r);
	stream_free(s);
	arena_free(a);
}
END_TEST

/* A child writes `all` in pieces of 1 to 3 octets. */
static pid_t
start_writer(int fd, struct str all, unsigned seed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	while (all.len) {
		size_t n = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 3;

		n = n < all.len ? n : all.len;
		if (write(fd, all.p, n) != (ssize_t)n)
			_exit(1);
		all = str_tail(all, n);
	}
	_exit(0);
}

START_TEST(test_lines_split)
{
	struct arena *a = arena_new();
	struct str all = STR("");
	struct stream *s;
	struct reader *r;
	int fds[2], status;
	pid_t pid;
	size_t i;

	for (i = 0; i < LINE_CASES; i++)
		all = arena_join(a, all, line_cases[i].input);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = start_writer(fds[1], all, (unsigned)_i);
	close(fds[1]);
	s = stream_new_fd(fds[0], fds[0]);
	r = reader_new(s, SIZE);
	for (i = 0; i < LINE_CASES; i++)
		expect_line(r, i);
	expect_end(r);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	reader_free(r);
	stream_free(s);
	close(fds[0]);
	arena_free(a);
}
END_TEST

START_TEST(test_line_gives_up)
{
	char flood[4096];
	struct stream *s;
	struct reader *r;
	struct line line;

	memset(flood, 'x', sizeof(flood));
	s = stream_new_mem(str_make(flood, sizeof(flood)));
	r = reader_new(s, SIZE);
	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD,
			     clock_deadline(5000), &line), IO_ERROR);
	ck_assert(reader_gave_up(r));
	reader_free(r);
	stream_free(s);
}
END_TEST

START_TEST(test_blocks)
{
	struct stream *s = stream_new_mem(STR("GO\r\n0123456789tail"));
	struct reader *r = reader_new(s, SIZE);
	struct line line;
	struct str block;

	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD, CLOCK_NEVER,
			     &line), IO_OK);
	ck_assert_uint_eq(reader_pending(r), 14);
	ck_assert_int_eq(reader_block(r, 10, CLOCK_NEVER, &block), IO_OK);
	ck_assert(str_equals(block, STR("0123456789")));
	reader_consume(r, 4);
	ck_assert_int_eq(reader_block(r, 99, CLOCK_NEVER, &block), IO_OK);
	ck_assert(str_equals(block, STR("456789tail")));
	reader_drop(r);
	ck_assert_uint_eq(reader_pending(r), 0);
	ck_assert_int_eq(reader_block(r, 9, CLOCK_NEVER, &block), IO_EOF);
	reader_free(r);
	stream_free(s);
}
END_TEST

START_TEST(test_deadline_is_sticky)
{
	int fds[2];
	struct stream *s;
	char c;
	size_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s = stream_new_fd(fds[0], fds[0]);
	ck_assert(!stream_has_input(s));
	ck_assert_int_eq(stream_read(s, &c, 1, clock_deadline(20), &n),
	    IO_TIMEOUT);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(stream_read(s, &c, 1, clock_deadline(20), &n),
	    IO_TIMEOUT);
	stream_free(s);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_stop)
{
	int fds[2], stop[2];
	struct stream *s;
	char c;
	size_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(pipe(stop), 0);
	s = stream_new_fd(fds[0], fds[0]);
	stream_set_stop_fd(s, stop[0]);
	close(stop[1]);
	ck_assert_int_eq(stream_read(s, &c, 1, CLOCK_NEVER, &n), IO_STOPPED);
	/* The farewell must still be sent. */
	ck_assert_int_eq(stream_write(s, "421", 3, clock_deadline(50)),
	    IO_OK);
	stream_free(s);
	close(fds[0]);
	close(fds[1]);
	close(stop[0]);
}
END_TEST

START_TEST(test_wait_other)
{
	int fds[2], bell[2];
	struct stream *s;
	bool other;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(pipe(bell), 0);
	s = stream_new_fd(fds[0], fds[0]);
	ck_assert_int_eq(stream_wait(s, bell[0], clock_deadline(10), &other),
	    IO_TIMEOUT);
	ck_assert_int_eq(write(bell[1], "x", 1), 1);
	ck_assert_int_eq(stream_wait(s, bell[0], CLOCK_NEVER, &other), IO_OK);
	ck_assert(other);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(stream_wait(s, -1, CLOCK_NEVER, &other), IO_OK);
	ck_assert(!other);
	stream_free(s);
	close(fds[0]);
	close(fds[1]);
	close(bell[0]);
	close(bell[1]);
}
END_TEST

START_TEST(test_writer)
{
	struct stream *s = stream_new_mem(STR(""));
	struct writer *w = writer_new(s, 8, 1000);
	char want[1200];

	writer_add_cstr(w, "* ");
	ck_assert_uint_eq(stream_mem_output(s).len, 0);
	writer_add_u64(w, 18446744073709551615u);
	writer_printf(w, " %01000d\r\n", 7);
	ck_assert_int_eq(writer_flush(w), IO_OK);
	snprintf(want, sizeof(want), "* 18446744073709551615 %01000d\r\n", 7);
	ck_assert(str_equals(stream_mem_output(s), str_from_cstr(want)));
	ck_assert_uint_eq(writer_total(w), strlen(want));
	writer_free(w);
	stream_free(s);
}
END_TEST

/* A peer that never reads ends the writer, and one that closed does. */
START_TEST(test_writer_errors)
{
	int fds[2];
	struct stream *s;
	struct writer *w;
	char block[4096] = { 0 };
	int i;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s = stream_new_fd(fds[0], fds[0]);
	w = writer_new(s, 1024, 20);
	for (i = 0; i < 1000; i++)
		writer_add(w, block, sizeof(block));
	ck_assert_int_eq(writer_error(w), IO_TIMEOUT);
	writer_free(w);
	stream_free(s);
	s = stream_new_fd(fds[0], fds[0]);
	w = writer_new(s, 1024, 20);
	close(fds[1]);
	writer_add_cstr(w, "x");
	ck_assert_int_eq(writer_flush(w), IO_ERROR);
	ck_assert(strlen(stream_error_text(s)) > 0);
	writer_free(w);
	stream_free(s);
	close(fds[0]);
}
END_TEST

/*
 * A decoder that takes away the letter 'q' and breaks at '!', after it has
 * handed out what came before.
 */
static bool
decode_q(void *ctx, struct str *in, char *out, size_t cap, size_t *ret_n)
{
	size_t n = 0;

	(void)ctx;
	for (; in->len && n < cap; *in = str_tail(*in, 1)) {
		if (in->p[0] == '!' && n == 0)
			return false;
		if (in->p[0] == '!')
			break;
		if (in->p[0] != 'q')
			out[n++] = in->p[0];
	}
	*ret_n = n;
	return true;
}

START_TEST(test_filter)
{
	static const struct reader_filter q = { NULL, decode_q };
	struct stream *s =
	    stream_new_mem(STR("GO\r\nqqqqaqb\r\nqqcdefghijklm\r\n!\r\n"));
	struct reader *r = reader_new(s, SIZE);
	struct line line;

	reader_line(r, MAX_LINE, DISCARD, CLOCK_NEVER, &line);
	reader_set_filter(r, &q);
	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD, CLOCK_NEVER,
			     &line), IO_OK);
	ck_assert(str_equals(line.text, STR("ab")));
	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD, CLOCK_NEVER,
			     &line), IO_OK);
	ck_assert(str_equals(line.text, STR("cdefghijklm")));
	ck_assert_int_eq(reader_line(r, MAX_LINE, DISCARD, CLOCK_NEVER,
			     &line), IO_ERROR);
	reader_free(r);
	stream_free(s);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
/* What a buffer holds when it is freed: free is ours in this program. */
static const char *watched;
static size_t n_watched;
static bool was_freed, was_wiped;

void __libc_free(void *p);

void
free(void *p)
{
	const char *from = p;
	size_t i;

	if (p && watched && watched >= from &&
	    watched < from + malloc_usable_size(p)) {
		was_freed = was_wiped = true;
		for (i = 0; i < n_watched; i++)
			was_wiped &= watched[i] == '\0';
		watched = NULL;
	}
	__libc_free(p);
}

START_TEST(test_reader_wipes_what_it_read)
{
	struct stream *s = stream_new_mem(STR("a LOGIN ann secret\r\nb"));
	struct reader *r = reader_new(s, 4096);
	struct line line;

	ck_assert(reader_line(r, 100, 1000, CLOCK_NEVER, &line) == IO_OK);
	watched = line.text.p;
	n_watched = line.text.len;
	reader_free(r);
	ck_assert(was_freed);
	ck_assert(was_wiped);
	stream_free(s);
}
END_TEST
#endif

int
main(void)
{
	Suite *s = suite_create("net");
	TCase *t = tcase_create("net");
	SRunner *r;
	int failed;

	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN },
	    NULL);
	tcase_add_test(t, test_lines_pipelined);
	tcase_add_loop_test(t, test_lines_split, 0, 5);
	tcase_add_test(t, test_line_gives_up);
	tcase_add_test(t, test_blocks);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_test(t, test_reader_wipes_what_it_read);
#endif
	tcase_add_test(t, test_deadline_is_sticky);
	tcase_add_test(t, test_stop);
	tcase_add_test(t, test_wait_other);
	tcase_add_test(t, test_writer);
	tcase_add_test(t, test_writer_errors);
	tcase_add_test(t, test_filter);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
