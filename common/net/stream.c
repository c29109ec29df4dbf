/*
 * The waiting part of streams: every attempt that would block is followed
 * by one poll(2) for the descriptor, the stop descriptor and the deadline.
 */
#include "net/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "net/stream_internal.h"
#include "base/banned.h"

enum { LINGER_MAX = 1 << 20 };

ssize_t
stream_fail_errno(struct stream *s, const char *what)
{
	char reason[80];

	snprintf(s->error_text, sizeof(s->error_text), "%s: %s", what,
	    strerror_r(errno, reason, sizeof(reason)));
	return TRY_ERROR;
}

void
stream_set_stop_fd(struct stream *s, int fd)
{
	s->stop_fd = fd;
}

void
stream_set_watch(struct stream *s, stream_watch_fn *fn, void *ctx)
{
	s->watch = fn;
	s->watch_ctx = ctx;
}

const char *
stream_error_text(const struct stream *s)
{
	return s->error_text;
}

enum io
stream_fail(struct stream *s, enum io error)
{
	if (s->error == IO_OK)
		s->error = error;
	return s->error;
}

/* Until fd has one of events, other_fd can be read, or an end. */
static enum io
wait_for(struct stream *s, int fd, short events, int other_fd,
    int64_t deadline_ms, bool *ret_other)
{
	struct pollfd fds[3] = {
		{ .fd = fd, .events = events },
		{ .fd = s->stop_fd, .events = POLLIN },
		{ .fd = other_fd, .events = POLLIN },
	};
	int n = pulse_poll(fds, 3, deadline_ms);

	if (n < 0 && errno == ECANCELED)
		return stream_fail(s, IO_STOPPED);
	if (n < 0) {
		stream_fail_errno(s, "poll");
		return stream_fail(s, IO_ERROR);
	}
	if (fds[1].revents)
		return stream_fail(s, IO_STOPPED);
	if (n == 0)
		return IO_TIMEOUT;
	*ret_other = fds[2].revents != 0;
	return IO_OK;
}

enum io
stream_wait_attempt(struct stream *s, ssize_t attempt, int64_t deadline_ms)
{
	bool is_read = attempt == TRY_WANT_READ;
	bool other;
	enum io io;

	io = wait_for(s, is_read ? s->in_fd : s->out_fd,
	    is_read ? POLLIN : POLLOUT, -1, deadline_ms, &other);
	return io == IO_TIMEOUT ? stream_fail(s, io) : io;
}

static enum io
stream_wait_watched(struct stream *s, ssize_t attempt, int64_t deadline_ms)
{
	bool is_read = attempt == TRY_WANT_READ, is_new = true, unused;
	int64_t next_ms;
	enum io io;

	do {
		next_ms = CLOCK_NEVER;
		if (!s->watch(s->watch_ctx, is_new, &next_ms))
			return stream_fail(s, IO_STOPPED);
		is_new = false;
		io = wait_for(s, is_read ? s->in_fd : s->out_fd,
		    is_read ? POLLIN : POLLOUT, -1,
		    next_ms < deadline_ms ? next_ms : deadline_ms, &unused);
	} while (io == IO_TIMEOUT && clock_left_ms(deadline_ms) > 0);
	return io == IO_TIMEOUT ? stream_fail(s, io) : io;
}

enum io
stream_read(struct stream *s, void *p, size_t len, int64_t deadline_ms,
    size_t *ret_n)
{
	enum io io = s->error;
	ssize_t n;

	while (io == IO_OK) {
		n = s->ops->try_read(s, p, len);
		if (n > 0) {
			*ret_n = (size_t)n;
			return IO_OK;
		}
		if (n == 0)
			return stream_fail(s, IO_EOF);
		if (n == TRY_ERROR)
			return stream_fail(s, IO_ERROR);
		io = s->watch ? stream_wait_watched(s, n, deadline_ms)
			      : stream_wait_attempt(s, n, deadline_ms);
	}
	return io;
}

enum io
stream_write(
    struct stream *s, const void *p, size_t len, int64_t deadline_ms)
{
	const char *from = p;
	enum io io = s->error;
	ssize_t n;

	/* After a read that failed so, the peer may still hear why. */
	if (io == IO_EOF || io == IO_STOPPED || io == IO_TIMEOUT)
		io = IO_OK;
	while (io == IO_OK && len) {
		n = s->ops->try_write(s, from, len);
		if (n >= 0) {
			from += n;
			len -= (size_t)n;
		} else if (n == TRY_ERROR) {
			s->error = IO_ERROR;
			io = IO_ERROR;
		} else {
			io = stream_wait_attempt(s, n, deadline_ms);
			if (io != IO_OK)
				s->error = IO_ERROR;
		}
	}
	return io;
}

enum io
stream_wait(
    struct stream *s, int other_fd, int64_t deadline_ms, bool *ret_other)
{
	*ret_other = false;
	if (s->error != IO_OK)
		return s->error;
	if (s->ops->has_input(s))
		return IO_OK;
	return wait_for(
	    s, s->in_fd, POLLIN, other_fd, deadline_ms, ret_other);
}

bool
stream_has_input(struct stream *s)
{
	struct pollfd fd = { .fd = s->in_fd, .events = POLLIN };

	if (s->error != IO_OK)
		return false;
	return s->ops->has_input(s) || (s->in_fd >= 0 && poll(&fd, 1, 0) > 0);
}

enum stream_end
stream_end(const struct stream *s)
{
	struct pollfd fds[2] = { { .fd = s->in_fd, .events = POLLRDHUP },
		{ .fd = s->out_fd } };

	if (s->error != IO_OK)
		return STREAM_GONE;
	if (poll(fds, 2, 0) <= 0)
		return STREAM_OPEN;
	if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		return STREAM_GONE;
	return fds[0].revents ? STREAM_HALF : STREAM_OPEN;
}

void
stream_free(struct stream *s)
{
	if (!s)
		return;
	s->ops->done(s);
	mem_free(s);
}

void
stream_linger(struct stream *s, int64_t deadline_ms)
{
	char rest[4096];
	size_t n, total = 0;

	if (s->error != IO_OK || !stream_has_input(s) ||
	    shutdown(s->out_fd, SHUT_WR) != 0)
		return;
	while (total < LINGER_MAX &&
	    stream_read(s, rest, sizeof(rest), deadline_ms, &n) == IO_OK)
		total += n;
}
