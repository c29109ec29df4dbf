/* Programs without a shell; see exec.h. */
#include "base/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pulse.h"

#include "base/banned.h"

enum { NAP_MS = 5, NOT_FOUND = 127 };

static void
limit(int what, uint64_t value)
{
	struct rlimit r = { value, value };

	(void)setrlimit((__rlimit_resource_t)what, &r);
}

/* In the child: nothing of ours but the two descriptors and stderr. */
static void
become(const struct exec_options *o)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;
	int i;

	setpgid(0, 0);
	for (i = 1; i < NSIG; i++)
		(void)sigaction(i, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(o->in_fd, STDIN_FILENO) < 0 ||
	    dup2(o->out_fd, STDOUT_FILENO) < 0 || chdir("/") != 0)
		_exit(NOT_FOUND);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	limit(RLIMIT_CORE, 0);
	if (o->memory)
		limit(RLIMIT_AS, o->memory);
	if (o->output)
		limit(RLIMIT_FSIZE, o->output);
	execve(o->argv[0], o->argv, o->envp);
	_exit(NOT_FOUND);
}

pid_t
exec_start(const struct exec_options *o)
{
	pid_t pid = fork();

	if (pid == 0)
		become(o);
	return pid;
}

/* False: it still runs at the deadline, or the pulse said stop. */
static bool
wait_until(pid_t pid, int64_t deadline_ms, int *ret_status)
{
	pid_t done;

	for (;;) {
		done = waitpid(pid, ret_status, WNOHANG);
		if (done == pid || (done < 0 && errno != EINTR))
			return true;
		if (clock_left_ms(deadline_ms) == 0 || !pulse_nap(NAP_MS))
			return false;
	}
}

static void
kill_group(pid_t pid)
{
	int unused;

	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &unused, 0) < 0 && errno == EINTR)
		;
}

enum exec_end
exec_run(const struct exec_options *o, int *ret_code)
{
	pid_t pid = exec_start(o);
	int status = 0;

	*ret_code = 0;
	if (pid < 0)
		return EXEC_NOT_RUN;
	if (!wait_until(pid, clock_deadline(o->timeout_ms), &status)) {
		kill_group(pid);
		return pulse_beat() ? EXEC_TIMEOUT : EXEC_STOPPED;
	}
	(void)kill(-pid, SIGKILL); /* what it left behind */
	if (WIFSIGNALED(status)) {
		*ret_code = WTERMSIG(status);
		return EXEC_KILLED;
	}
	*ret_code = WEXITSTATUS(status);
	return EXEC_EXITED;
}

void
exec_end(pid_t pid, int64_t patience_ms)
{
	int status;

	if (!wait_until(pid, clock_deadline(patience_ms), &status))
		kill_group(pid);
}
