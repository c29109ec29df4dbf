/*
 * The two forms; see serve.h. The parent of the forking form accepts, keeps
 * count, and hands the descriptor to a child: to one that waits (spare, or
 * one that has served before and may serve again), else to a new one. It
 * never reads a client's byte and holds no session state.
 */
#include "net/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cidr.h"
#include "base/clock.h"
#include "base/exits.h"
#include "base/mem.h"
#include "log/log.h"

#include "base/banned.h"

enum {
	MAX_LISTENERS = 16,
	IDLE_MS = 60000,   /* a child that waits longer is let go */
	END_MS  = 30000,   /* then the children are killed */
	RENEW_MS = 5000,   /* between two calls of prefork */
	EXIT_STALE = 3,    /* of a child: 0, and is_stale */
};

struct worker {
	pid_t pid;          /* 0: a free place */
	int channel;        /* to a child that takes descriptors, else -1 */
	bool is_busy;
	int uses;
	int64_t idle_since;
	char source[64];    /* cidr_host_key of its client, "": none */
};

struct server {
	const struct serve_options *o;
	int listeners[MAX_LISTENERS];
	char *names[MAX_LISTENERS];
	int n_listeners;
	int signals;
	struct worker *workers;
	int n_workers;      /* places */
	struct worker **polled; /* whose channels wait_for_events looks at */
	bool is_ending;
	bool is_stale;      /* a child says so: prefork again */
	int64_t renewed_ms;
};

/* What the parent sends along with a descriptor. */
struct handover {
	int listener;
};

/* --- signals -------------------------------------------------------------------- */

static int
open_signals(bool with_children)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (with_children)
		sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
ignore_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
}

/* --- one session ------------------------------------------------------------------ */

static bool
serve_one(const struct serve_options *o, int in_fd, int out_fd, int stop_fd,
    const char *listener)
{
	struct connection c = { .in_fd = in_fd, .out_fd = out_fd,
		.stop_fd = stop_fd, .listener = listener ? listener : "" };
	int on = 1;

	/* Replies are written whole: the end of one must not wait for an
	 * acknowledgement of its start. Not a TCP socket: no harm. */
	(void)setsockopt(out_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	peer_of(&c.peer, in_fd, o->trusts_environment);
	c.local_address = peer_local_address(in_fd, c.local_text);
	c.is_terminal = isatty(in_fd) != 0;
	return o->session(o->ctx, &c);
}

/* --- children ----------------------------------------------------------------------- */

static int
receive(int channel, struct handover *ret)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do {
		n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	c = n == sizeof(*ret) ? CMSG_FIRSTHDR(&m) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static bool
hand_over(int channel, int fd, int listener)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct handover h = { listener };
	struct iovec iov = { &h, sizeof(h) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(channel, &m, MSG_NOSIGNAL) == sizeof(h);
}

/* Waits for a descriptor or the end: -1. */
static int
wait_for_work(int channel, int stop_fd, struct handover *ret)
{
	struct pollfd p[2] = { { channel, POLLIN, 0 },
		{ stop_fd, POLLIN, 0 } };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents)
		return -1;
	return receive(channel, ret);
}

static void
run_child(struct server *s, int channel, int fd, int listener)
{
	const struct serve_options *o = s->o;
	struct handover h = { listener };
	bool goes_on = true;
	int i, used = 0, stop_fd;

	for (i = 0; i < s->n_listeners; i++)
		close(s->listeners[i]);
	for (i = 0; i < s->n_workers; i++) {
		if (s->workers[i].pid && s->workers[i].channel >= 0)
			close(s->workers[i].channel);
	}
	close(s->signals);
	stop_fd = open_signals(false);
	if (o->postfork)
		o->postfork(o->ctx);
	if (fd < 0 && o->warm)
		o->warm(o->ctx);
	while (goes_on && used < o->max_use) {
		bool is_stale;

		if (fd < 0)
			fd = wait_for_work(channel, stop_fd, &h);
		if (fd < 0)
			break;
		goes_on = serve_one(o, fd, fd, stop_fd, s->names[h.listener]);
		close(fd);
		fd = -1;
		used++;
		mem_trim_spare();
		is_stale = o->is_stale && o->is_stale(o->ctx);
		if (goes_on && used < o->max_use &&
		    send(channel, is_stale ? "S" : "I", 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(o->is_stale && o->is_stale(o->ctx) ? EXIT_STALE : EXIT_OK);
}

/* --- the parent ------------------------------------------------------------------------ */

static struct worker *
free_place(struct server *s)
{
	int i;

	for (i = 0; i < s->n_workers; i++) {
		if (s->workers[i].pid == 0)
			return &s->workers[i];
	}
	return NULL;
}

/* A child that waits (fd -1) or that serves fd at once. NULL: no fork. */
static struct worker *
start_child(struct server *s, int fd, int listener)
{
	bool has_channel = s->o->max_use > 1 || fd < 0;
	struct worker *w = free_place(s);
	int pair[2] = { -1, -1 };
	pid_t pid;

	if (!w || (has_channel &&
		      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			  pair) != 0))
		return NULL;
	pid = fork();
	if (pid == 0) {
		if (pair[0] >= 0)
			close(pair[0]);
		run_child(s, pair[1], fd, listener);
	}
	if (pair[1] >= 0)
		close(pair[1]);
	if (pid < 0) {
		if (pair[0] >= 0)
			close(pair[0]);
		return NULL;
	}
	*w = (struct worker){ .pid = pid, .channel = pair[0],
		.is_busy = fd >= 0, .uses = fd >= 0,
		.idle_since = clock_mono_ms() };
	return w;
}

static int
count_busy(const struct server *s, const char *source)
{
	int i, n = 0;

	for (i = 0; i < s->n_workers; i++) {
		const struct worker *w = &s->workers[i];

		if (w->pid && w->is_busy &&
		    (!source || strcmp(w->source, source) == 0))
			n++;
	}
	return n;
}

static struct worker *
idle_worker(struct server *s)
{
	int i;

	for (i = 0; i < s->n_workers; i++) {
		struct worker *w = &s->workers[i];

		if (w->pid && !w->is_busy && w->channel >= 0)
			return w;
	}
	return NULL;
}

static int
count_idle(const struct server *s)
{
	int i, n = 0;

	for (i = 0; i < s->n_workers; i++)
		n += s->workers[i].pid && !s->workers[i].is_busy &&
		    s->workers[i].channel >= 0;
	return n;
}

static void
let_go(struct worker *w)
{
	if (w->channel >= 0)
		close(w->channel);
	w->channel = -1;
}

static void
keep_spares(struct server *s)
{
	while (!s->is_ending && count_idle(s) < s->o->spare) {
		if (!start_child(s, -1, 0))
			break;
	}
}

static void
refuse(struct server *s, int fd)
{
	if (s->o->busy)
		(void)send(fd, s->o->busy, strlen(s->o->busy),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* source: a string of whom the peer counts as. */
static void
serve_name_source(const struct peer *p, char source[64])
{
	char text[64];
	struct str key = cidr_host_key(p->address, text);
	size_t n = key.len < 63 ? key.len : 63;

	memset(source, 0, 64);
	memcpy(source, key.p, n);
}

static bool
is_over_limit(struct server *s, const struct peer *p, const char *source)
{
	if (count_busy(s, NULL) >= s->o->max_connections)
		return true;
	return p->is_socket && p->port && !p->is_loopback &&
	    count_busy(s, source) >= s->o->max_per_source;
}

static void
take(struct server *s, int fd, int listener)
{
	struct worker *w;
	char source[64];
	struct peer p;

	peer_of(&p, fd, false);
	serve_name_source(&p, source);
	if (is_over_limit(s, &p, source)) {
		refuse(s, fd);
		return;
	}
	while ((w = idle_worker(s)) && !hand_over(w->channel, fd, listener))
		let_go(w);
	if (w) {
		w->is_busy = true;
		w->uses++;
	} else {
		w = start_child(s, fd, listener);
	}
	if (w)
		memcpy(w->source, source, sizeof(w->source));
	else
		refuse(s, fd);
}

/*
 * No descriptors left: those of children that wait serve better than they do
 * (a connection and a new child take three); else wait, the backlog keeps
 * the clients.
 */
static void
serve_find_descriptors(struct server *s)
{
	struct worker *w = NULL;
	int n;

	for (n = 0; n < 3 && (w = idle_worker(s)) != NULL; n++)
		let_go(w);
	if (n == 0)
		usleep(50000);
}

static void
accept_all(struct server *s, int listener)
{
	int fd;

	while ((fd = accept4(s->listeners[listener], NULL, NULL,
		    SOCK_CLOEXEC)) >= 0) {
		take(s, fd, listener);
		close(fd);
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		serve_find_descriptors(s);
}

/* "I", "S" (and is stale): the child waits again. Anything else: it ended. */
static void
hear_child(struct server *s, struct worker *w)
{
	char c;

	if (recv(w->channel, &c, 1, MSG_DONTWAIT) == 1 &&
	    (c == 'I' || c == 'S')) {
		s->is_stale = s->is_stale || c == 'S';
		w->is_busy = false;
		w->source[0] = '\0';
		w->idle_since = clock_mono_ms();
	} else {
		let_go(w);
	}
}

/* A crash that nobody hears of is found by nobody. */
static void
serve_log_death(pid_t pid, int status)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) == SIGTERM)
		return;
	log_begin(LOG_AT_ERROR, "child-died");
	log_num("pid", pid);
	log_num("signal", WTERMSIG(status));
	log_end();
}

static void
reap(struct server *s)
{
	pid_t pid;
	int i, status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		serve_log_death(pid, status);
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STALE)
			s->is_stale = true;
		for (i = 0; i < s->n_workers; i++) {
			if (s->workers[i].pid != pid)
				continue;
			let_go(&s->workers[i]);
			s->workers[i].pid = 0;
		}
	}
}

static void
hear_signals(struct server *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else
			s->is_ending = true;
	}
}

/* Children beyond the spare ones that have waited long. */
static void
let_idle_go(struct server *s)
{
	int i, surplus = count_idle(s) - s->o->spare;

	for (i = 0; i < s->n_workers && surplus > 0; i++) {
		struct worker *w = &s->workers[i];

		if (w->pid && !w->is_busy && w->channel >= 0 &&
		    clock_mono_ms() - w->idle_since > IDLE_MS) {
			let_go(w);
			surplus--;
		}
	}
}

static void
wait_for_events(struct server *s, struct pollfd *p)
{
	int i, n = 0, base;

	p[n++] = (struct pollfd){ s->signals, POLLIN, 0 };
	for (i = 0; i < s->n_listeners; i++)
		p[n++] = (struct pollfd){ s->listeners[i], POLLIN, 0 };
	base = n;
	/* Those that are there: poll refuses more places than descriptors may
	 * be open (RLIMIT_NOFILE), and there may be more workers than that. */
	for (i = 0; i < s->n_workers; i++) {
		if (s->workers[i].pid == 0 || s->workers[i].channel < 0)
			continue;
		s->polled[n - base] = &s->workers[i];
		p[n++] = (struct pollfd){ s->workers[i].channel, POLLIN, 0 };
	}
	if (poll(p, (nfds_t)n, IDLE_MS / 2) < 0)
		return;
	for (i = base; i < n; i++) {
		if (p[i].revents)
			hear_child(s, s->polled[i - base]);
	}
	if (p[0].revents)
		hear_signals(s);
	for (i = 0; i < s->n_listeners && !s->is_ending; i++) {
		if (p[1 + i].revents)
			accept_all(s, i);
	}
}

static void
tell_children(struct server *s, int signal_number)
{
	int i;

	for (i = 0; i < s->n_workers; i++) {
		if (s->workers[i].pid)
			kill(s->workers[i].pid, signal_number);
	}
}

static void
end_children(struct server *s)
{
	int64_t deadline = clock_deadline(END_MS);
	struct pollfd p = { s->signals, POLLIN, 0 };
	int i;

	for (i = 0; i < s->n_listeners; i++)
		close(s->listeners[i]);
	tell_children(s, SIGTERM);
	while (count_busy(s, NULL) + count_idle(s) > 0 &&
	    clock_left_ms(deadline) > 0) {
		(void)poll(&p, 1, 200);
		hear_signals(s);
		reap(s);
	}
	tell_children(s, SIGKILL);
}

/* Children start from what the parent has: when it grew old, once more. */
static void
serve_renew(struct server *s)
{
	if (!s->is_stale || s->is_ending ||
	    clock_mono_ms() - s->renewed_ms < RENEW_MS)
		return;
	s->is_stale = false;
	if (s->o->prefork)
		s->o->prefork(s->o->ctx);
	s->renewed_ms = clock_mono_ms();
}

static int
serve_listeners(struct server *s)
{
	const struct serve_options *o = s->o;
	struct pollfd *p;
	int i;

	for (i = 0; i < s->n_listeners; i++)
		fcntl(s->listeners[i], F_SETFL,
		    fcntl(s->listeners[i], F_GETFL) | O_NONBLOCK);
	s->signals = open_signals(true);
	s->n_workers = o->max_connections + o->spare;
	s->workers = mem_alloc(
	    mem_product((size_t)s->n_workers, sizeof(*s->workers)));
	s->polled = mem_alloc(
	    mem_product((size_t)s->n_workers, sizeof(struct worker *)));
	p = mem_alloc(mem_product(
	    (size_t)s->n_workers + MAX_LISTENERS + 1, sizeof(*p)));
	if (o->prefork)
		o->prefork(o->ctx);
	mem_trim();
	sd_notify(0, "READY=1");
	while (!s->is_ending) {
		keep_spares(s);
		wait_for_events(s, p);
		let_idle_go(s);
		serve_renew(s);
	}
	sd_notify(0, "STOPPING=1");
	end_children(s);
	mem_free(p);
	mem_free(s->polled);
	mem_free(s->workers);
	return EXIT_OK;
}

/* libsystemd's memory is of the same allocator. */
static void
free_names(char **names, int n)
{
	int i;

	for (i = 0; i < n; i++)
		mem_free(names[i]);
	mem_free(names);
}

static int
serve_inherited(struct server *s, char **names, int n)
{
	const struct serve_options *o = s->o;

	if (s->n_listeners)
		return serve_listeners(s);
	if (o->postfork)
		o->postfork(o->ctx);
	if (n > 0)
		(void)serve_one(o, SD_LISTEN_FDS_START, SD_LISTEN_FDS_START,
		    open_signals(false), names[0]);
	else
		(void)serve_one(o, STDIN_FILENO, STDOUT_FILENO,
		    open_signals(false), NULL);
	return EXIT_OK;
}

/* What libsystemd and Accept=yes say when nobody gave a name. */
static void
serve_drop_defaults(char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strcmp(names[i], "unknown") == 0 ||
		    strcmp(names[i], "connection") == 0)
			names[i][0] = '\0';
	}
}

static bool
serve_knows_all(const struct serve_options *o, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (o->knows && !o->knows(o->ctx, names[i]))
			return false;
	}
	return true;
}

int
serve_run(const struct serve_options *o)
{
	struct server s = { .o = o };
	char **names = NULL;
	int i, code = EXIT_CONFIG, n = sd_listen_fds_with_names(1, &names);

	ignore_signals();
	serve_drop_defaults(names, n);
	for (i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0 &&
		    s.n_listeners < MAX_LISTENERS) {
			s.names[s.n_listeners] = names[i];
			s.listeners[s.n_listeners++] = fd;
		}
	}
	if (serve_knows_all(o, names, n))
		code = serve_inherited(&s, names, n);
	free_names(names, n);
	return code;
}
