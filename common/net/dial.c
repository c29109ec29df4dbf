/* Outgoing connections; see dial.h. */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/pulse.h"

#include "base/banned.h"

union any_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static bool
parse_path(struct str path, union any_address *a, socklen_t *len)
{
	*a = (union any_address){ .un = { .sun_family = AF_UNIX } };
	*len = sizeof(a->un);
	if (path.len >= sizeof(a->un.sun_path) || str_has_char(path, '\0'))
		return false;
	memcpy(a->un.sun_path, path.p, path.len);
	return true;
}

static bool
parse(struct str text, uint16_t port, union any_address *a, socklen_t *len)
{
	char copy[INET6_ADDRSTRLEN];

	if (str_starts_with(text, STR("/")))
		return parse_path(text, a, len);
	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	*a = (union any_address){ .in6 = { .sin6_family = AF_INET6 } };
	if (str_has_char(text, ':')) {
		a->in6.sin6_port = htons(port);
		*len = sizeof(a->in6);
		return inet_pton(AF_INET6, copy, &a->in6.sin6_addr) == 1;
	}
	*a = (union any_address){ .in = { .sin_family = AF_INET } };
	a->in.sin_port = htons(port);
	*len = sizeof(a->in);
	return inet_pton(AF_INET, copy, &a->in.sin_addr) == 1;
}

/* 0, or the errno of the attempt. */
static int
wait_connected(int fd, int64_t deadline_ms)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int error = 0, n;
	socklen_t len = sizeof(error);

	n = pulse_poll(&p, 1, deadline_ms);
	if (n <= 0)
		return n < 0 ? errno : ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

enum rc
dial_connect(struct str address, uint16_t port, int64_t deadline_ms,
    int *ret_fd, struct err *err)
{
	union any_address a;
	int fd, on = 1, error = 0;
	socklen_t len;

	if (!parse(address, port, &a, &len))
		return err_set(err, RC_TEMP, "4.4.1", "%.*s is no address",
		    STR_ARG(address));
	fd = socket(
	    a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, RC_TEMP, "4.4.1", "socket: %m");
	if (connect(fd, &a.sa, len) != 0)
		error = errno == EINPROGRESS ? wait_connected(fd, deadline_ms)
					     : errno;
	if (error) {
		errno = error;
		err_set(err, RC_TEMP, "4.4.1", "connect to %.*s port %u: %m",
		    STR_ARG(address), port);
		close(fd);
		return RC_TEMP;
	}
	if (a.sa.sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on));
	*ret_fd = fd;
	return RC_OK;
}
