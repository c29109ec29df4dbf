/*
 * A load generator for line protocols: plays a script over C connections at
 * a time until N connections were made, and prints rates and latencies as
 * one line of JSON. One process, poll(2), no allocation while it runs, so
 * that the generator costs little beside the server that it measures.
 *
 * Script, one step a line:
 *	< PREFIX	wait for a line that starts with PREFIX
 *	> TEXT		send TEXT and CRLF; {i} is the connection's number,
 *			{j} the round's
 *	body N		send N octets of message text and CRLF.CRLF
 *	raw N		send N octets of text and CRLF (a literal's)
 *	repeat K	the steps up to `end` are played K times
 *	end
 * A line that starts with PREFIX's tag or code but is not PREFIX ("550 " in
 * place of "250 ", "a1 NO" in place of "a1 OK") is a failure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_STEPS = 256, MAX_PARALLEL = 1024, OUT_SIZE = 2 << 20 };

enum step_kind { STEP_WAIT, STEP_SEND, STEP_BODY, STEP_RAW, STEP_REPEAT, STEP_END };

struct step {
	enum step_kind kind;
	char text[512];
	size_t n;
};

struct client {
	int fd;
	size_t step;
	size_t round;
	size_t loop_at;
	uint64_t number;
	double started;
	bool greeted;
	char line[1024];
	size_t line_len;
	char *out;
	size_t out_len;
	size_t out_sent;
};

struct samples {
	double *v;
	size_t n;
	size_t cap;
};

static struct step steps[MAX_STEPS];
static size_t n_steps;
static struct client clients[MAX_PARALLEL];
static struct sockaddr_in server;
static struct samples banners, sessions;
static uint64_t n_started, n_done, n_failed, n_bodies;

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
samples_add(struct samples *s, double v)
{
	if (s->n < s->cap)
		s->v[s->n++] = v;
}

static int
compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
samples_at(struct samples *s, double share)
{
	if (!s->n)
		return 0;
	qsort(s->v, s->n, sizeof(*s->v), compare_doubles);
	return s->v[(size_t)((double)(s->n - 1) * share)] * 1000;
}

static void
script_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[600];
	struct step *s;

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (n_steps == MAX_STEPS)
			die("too many steps");
		s = &steps[n_steps++];
		if (line[0] == '<' || line[0] == '>') {
			s->kind = line[0] == '<' ? STEP_WAIT : STEP_SEND;
			snprintf(s->text, sizeof(s->text), "%s",
			    line + (line[1] == ' ' ? 2 : 1));
		} else if (!strncmp(line, "body ", 5)) {
			s->kind = STEP_BODY;
			s->n = strtoul(line + 5, NULL, 10);
		} else if (!strncmp(line, "raw ", 4)) {
			s->kind = STEP_RAW;
			s->n = strtoul(line + 4, NULL, 10);
		} else if (!strncmp(line, "repeat ", 7)) {
			s->kind = STEP_REPEAT;
			s->n = strtoul(line + 7, NULL, 10);
		} else if (!strcmp(line, "end")) {
			s->kind = STEP_END;
		} else {
			errno = EINVAL;
			die(line);
		}
	}
	fclose(f);
}

static void
client_put(struct client *c, const char *p, size_t n)
{
	if (c->out_len + n > OUT_SIZE)
		die("output of one step is too large");
	memcpy(c->out + c->out_len, p, n);
	c->out_len += n;
}

static void
client_put_text(struct client *c, const char *text)
{
	char number[24];

	for (; *text; text++) {
		if (!strncmp(text, "{i}", 3) || !strncmp(text, "{j}", 3)) {
			snprintf(number, sizeof(number), "%llu",
			    (unsigned long long)(text[1] == 'i'
				    ? c->number : c->round));
			client_put(c, number, strlen(number));
			text += 2;
		} else {
			client_put(c, text, 1);
		}
	}
	client_put(c, "\r\n", 2);
}

static void
client_put_body(struct client *c, size_t n)
{
	static const char row[] =
	    "The quick brown fox jumps over the lazy dog, and again, and "
	    "once more.\r\n";
	char head[256];
	size_t left;

	snprintf(head, sizeof(head),
	    "From: <load@bench.test>\r\nSubject: load %llu %zu\r\n"
	    "Message-ID: <%llu.%zu@bench.test>\r\n\r\n",
	    (unsigned long long)c->number, c->round,
	    (unsigned long long)c->number, c->round);
	client_put(c, head, strlen(head));
	left = n > strlen(head) ? n - strlen(head) : 0;
	for (; left >= sizeof(row) - 1; left -= sizeof(row) - 1)
		client_put(c, row, sizeof(row) - 1);
	client_put(c, ".\r\n", 3);
	n_bodies++;
}

static void
client_open(struct client *c)
{
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->started = now_s();
	if (connect(c->fd, (const struct sockaddr *)&server, sizeof(server)))
		die("connect");
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->number = n_started++;
	c->step = c->round = c->line_len = c->out_len = c->out_sent = 0;
	c->greeted = false;
}

static void
client_close(struct client *c, bool failed)
{
	close(c->fd);
	c->fd = -1;
	n_done++;
	n_failed += failed;
	samples_add(&sessions, now_s() - c->started);
}

static void
client_put_raw(struct client *c, size_t n)
{
	static const char row[] =
	    "Subject: forty-two octets of a literal...\r\n";
	size_t part;

	for (; n; n -= part) {
		part = n < sizeof(row) - 1 ? n : sizeof(row) - 1;
		client_put(c, row, part);
	}
	client_put(c, "\r\n", 2);
}

/* Plays what needs no answer; true when the script has ended. */
static bool
client_advance(struct client *c)
{
	for (; c->step < n_steps; c->step++) {
		const struct step *s = &steps[c->step];

		if (s->kind == STEP_WAIT)
			return false;
		if (s->kind == STEP_SEND)
			client_put_text(c, s->text);
		else if (s->kind == STEP_BODY)
			client_put_body(c, s->n);
		else if (s->kind == STEP_RAW)
			client_put_raw(c, s->n);
		else if (s->kind == STEP_REPEAT)
			c->loop_at = c->step;
		else if (++c->round < steps[c->loop_at].n)
			c->step = c->loop_at;
	}
	return true;
}

static bool
is_same_kind(const char *line, const char *prefix)
{
	size_t n = strcspn(prefix, " ");

	if (line[0] >= '0' && line[0] <= '9')
		return line[3] == ' ';
	return !strncmp(line, prefix, n) && line[n] == ' ';
}

/* One line of the server: 0 goes on, 1 the script has ended, -1 failed. */
static int
client_line(struct client *c)
{
	const struct step *s = &steps[c->step];

	if (c->step >= n_steps || s->kind != STEP_WAIT)
		return 0;
	if (strncmp(c->line, s->text, strlen(s->text))) {
		if (!is_same_kind(c->line, s->text))
			return 0;
		if (!n_failed)
			fprintf(stderr, "load: wanted '%s', got '%s'\n",
			    s->text, c->line);
		return -1;
	}
	if (!c->greeted)
		samples_add(&banners, now_s() - c->started);
	c->greeted = true;
	c->step++;
	return client_advance(c);
}

static int
client_input(struct client *c)
{
	char block[65536];
	ssize_t n = read(c->fd, block, sizeof(block));
	ssize_t i;
	int end = 0;

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	for (i = 0; i < n && !end; i++) {
		if (block[i] == '\n') {
			c->line[c->line_len] = '\0';
			end = client_line(c);
			c->line_len = 0;
		} else if (c->line_len < sizeof(c->line) - 1) {
			c->line[c->line_len++] = block[i];
		}
	}
	return end;
}

static int
client_output(struct client *c)
{
	ssize_t n = write(
	    c->fd, c->out + c->out_sent, c->out_len - c->out_sent);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	c->out_sent += (size_t)n;
	if (c->out_sent == c->out_len)
		c->out_sent = c->out_len = 0;
	return 0;
}

static void
client_serve(struct client *c, short events)
{
	int end = 0;

	if (events & (POLLIN | POLLHUP | POLLERR))
		end = client_input(c);
	if (!end && c->out_len)
		end = client_output(c);
	if (end)
		client_close(c, end < 0);
}

static void
run(size_t parallel, uint64_t total)
{
	struct pollfd fds[MAX_PARALLEL];
	size_t i;

	while (n_done < total) {
		for (i = 0; i < parallel; i++) {
			struct client *c = &clients[i];

			if (c->fd < 0 && n_started < total)
				client_open(c);
			fds[i].fd = c->fd;
			fds[i].events =
			    (short)(POLLIN | (c->out_len ? POLLOUT : 0));
		}
		if (poll(fds, parallel, 60000) <= 0)
			die("no progress for a minute");
		for (i = 0; i < parallel; i++) {
			if (clients[i].fd >= 0 && fds[i].revents)
				client_serve(&clients[i], fds[i].revents);
		}
	}
}

int
main(int argc, char **argv)
{
	size_t parallel, i;
	uint64_t total;
	double start, spent;

	if (argc != 6) {
		fprintf(stderr,
		    "usage: load ADDRESS PORT PARALLEL CONNECTIONS SCRIPT\n");
		return 64;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
		die(argv[1]);
	parallel = strtoul(argv[3], NULL, 10);
	total = strtoull(argv[4], NULL, 10);
	if (!parallel || parallel > MAX_PARALLEL || !total)
		die("PARALLEL is 1 to 1024, CONNECTIONS at least 1");
	script_read(argv[5]);
	sessions.v = calloc(total, sizeof(double));
	banners.v = calloc(total, sizeof(double));
	sessions.cap = banners.cap = total;
	for (i = 0; i < parallel; i++) {
		clients[i].fd = -1;
		clients[i].out = malloc(OUT_SIZE);
	}
	start = now_s();
	run(parallel, total);
	spent = now_s() - start;
	printf("{\"seconds\": %.3f, \"connections\": %llu, \"failed\": %llu, "
	       "\"connections_s\": %.1f, \"bodies_s\": %.1f, "
	       "\"banner_p50_ms\": %.3f, \"banner_p99_ms\": %.3f, "
	       "\"session_p50_ms\": %.3f, \"session_p99_ms\": %.3f}\n",
	    spent, (unsigned long long)n_done, (unsigned long long)n_failed,
	    (double)n_done / spent, (double)n_bodies / spent,
	    samples_at(&banners, 0.5), samples_at(&banners, 0.99),
	    samples_at(&sessions, 0.5), samples_at(&sessions, 0.99));
	return n_failed ? 1 : 0;
}
