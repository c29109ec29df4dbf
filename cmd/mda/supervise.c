/* The first process of m3mta-mda; see supervise.h. */
#include "supervise.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exits.h"
#include "log/log.h"

#include "base/banned.h"

enum { KILL_MS = 16000, LOOK_MS = 500 };

struct watch {
	struct crew *crew;
	bool is_loop;
	bool is_stopping;
	bool was_told;        /* by a signal to us */
	int64_t kill_ms;
	int code;
	int signal_number;    /* that a worker died of */
};

static void
supervise_signal(const struct watch *w, int signal_number)
{
	int i;

	for (i = 0; i < w->crew->n; i++) {
		if (w->crew->pids[i] > 0)
			kill(w->crew->pids[i], signal_number);
		couriers_signal(w->crew->couriers[i], signal_number);
	}
}

static void
supervise_stop(struct watch *w)
{
	if (w->is_stopping)
		return;
	w->is_stopping = true;
	w->kill_ms = clock_deadline(KILL_MS);
	supervise_signal(w, SIGTERM);
}

static void
supervise_take_end(struct watch *w, pid_t pid, int status)
{
	if (WIFSIGNALED(status)) {
		log_begin(LOG_AT_ERROR, "worker-died");
		log_num("pid", pid);
		log_num("signal", WTERMSIG(status));
		log_end();
		w->signal_number = WTERMSIG(status);
	} else if (w->code == 0) {
		w->code = WEXITSTATUS(status);
	}
	if (w->is_loop)
		supervise_stop(w);
}

/* Also couriers whose worker is dead come to us. */
static void
supervise_reap(struct watch *w)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < w->crew->n && w->crew->pids[i] != pid; i++)
			;
		if (i == w->crew->n) {
			couriers_forget(w->crew->couriers, w->crew->n, pid);
			couriers_log_end(pid, status);
			continue;
		}
		w->crew->pids[i] = 0;
		supervise_take_end(w, pid, status);
	}
}

static bool
supervise_has_any(const struct watch *w)
{
	int i;

	for (i = 0; i < w->crew->n; i++) {
		if (w->crew->pids[i] > 0 ||
		    couriers_has_orphans(w->crew->couriers[i]))
			return true;
	}
	return false;
}

/* A crew that is not complete is none: who started us tries again. */
static void
supervise_check_crew(struct watch *w)
{
	int i;

	for (i = 0; i < w->crew->n; i++) {
		if (w->crew->pids[i] > 0)
			continue;
		log_begin(LOG_AT_ERROR, "fork-failed");
		log_end();
		w->code = EXIT_TEMPORARY;
		supervise_stop(w);
	}
}

/* As the worker did, so that who started us sees what happened. */
static void
supervise_die(int signal_number)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	struct rlimit none = { 0, 0 };
	sigset_t set;

	(void)setrlimit(RLIMIT_CORE, &none);
	sigaction(signal_number, &plain, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), signal_number);
}

int
supervise(struct crew *crew, int stop_fd, bool is_loop)
{
	struct watch w = { .crew = crew, .is_loop = is_loop };
	struct pollfd p[2] = { { stop_fd, POLLIN, 0 }, { -1, POLLIN, 0 } };
	struct signalfd_siginfo unused;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	p[1].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	supervise_check_crew(&w);
	supervise_reap(&w);
	while (supervise_has_any(&w)) {
		(void)poll(p, 2, w.is_stopping ? LOOK_MS : -1);
		while (read(p[1].fd, &unused, sizeof(unused)) > 0)
			;
		supervise_reap(&w);
		if (p[0].revents) {
			p[0].fd = -1; /* it stays readable */
			w.was_told = true;
			supervise_stop(&w);
		}
		if (w.is_stopping && clock_left_ms(w.kill_ms) == 0)
			supervise_signal(&w, SIGKILL);
	}
	close(p[1].fd);
	if (w.signal_number && !w.was_told)
		supervise_die(w.signal_number);
	return w.code;
}
