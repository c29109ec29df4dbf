/* Streams over descriptors; see stream.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/stream_internal.h"
#include "base/banned.h"

static ssize_t
fd_try_read(struct stream *s, void *p, size_t len)
{
	ssize_t n;

	do {
		n = read(s->in_fd, p, len);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EAGAIN ? TRY_WANT_READ : stream_fail_errno(s, "read");
}

/* MSG_NOSIGNAL keeps SIGPIPE away; a pipe knows no send(2). */
static ssize_t
fd_try_write(struct stream *s, const void *p, size_t len)
{
	ssize_t n;

	do {
		n = send(s->out_fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(s->out_fd, p, len);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EAGAIN ? TRY_WANT_WRITE
			       : stream_fail_errno(s, "write");
}

static bool
fd_has_input(struct stream *s)
{
	(void)s;
	return false;
}

void
stream_restore_fds(struct stream *s)
{
	fcntl(s->in_fd, F_SETFL, s->in_flags);
	if (s->out_fd != s->in_fd)
		fcntl(s->out_fd, F_SETFL, s->out_flags);
}

static const struct stream_ops fd_ops = {
	.try_read = fd_try_read,
	.try_write = fd_try_write,
	.has_input = fd_has_input,
	.done = stream_restore_fds,
};

static int
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return flags;
}

struct stream *
stream_new_fd(int in_fd, int out_fd)
{
	struct stream *s = mem_alloc(sizeof(*s));

	s->ops = &fd_ops;
	s->in_fd = in_fd;
	s->out_fd = out_fd;
	s->stop_fd = -1;
	s->in_flags = set_nonblocking(in_fd);
	s->out_flags = s->in_flags;
	if (out_fd != in_fd)
		s->out_flags = set_nonblocking(out_fd);
	return s;
}
