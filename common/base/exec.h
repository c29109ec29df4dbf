/*
 * Runs a program without a shell: an argument list, an environment of its
 * own, limits of time, memory and output, its own process group.
 */
#ifndef M3_BASE_EXEC_H
#define M3_BASE_EXEC_H

#include <stdint.h>
#include <sys/types.h>

struct exec_options {
	char *const *argv;     /* argv[0] is an absolute path; ends with NULL */
	char *const *envp;     /* ends with NULL */
	int in_fd;             /* becomes standard input */
	int out_fd;            /* becomes standard output */
	int64_t timeout_ms;    /* exec_run: then it and its group are killed */
	uint64_t memory;       /* octets of address space, 0 = no limit */
	uint64_t output;       /* octets of one file that it writes, 0 = none */
};

enum exec_end {
	EXEC_EXITED,    /* *ret_code is its exit code */
	EXEC_KILLED,    /* by a signal, *ret_code is the signal */
	EXEC_TIMEOUT,
	EXEC_NOT_RUN,   /* fork failed; an exec that fails exits 127 */
	EXEC_STOPPED,   /* killed since the pulse said stop (base/pulse.h) */
};

/* Starts it and does not wait. -1: fork failed. */
pid_t exec_start(const struct exec_options *o);
/* Starts it and waits for its end. */
enum exec_end exec_run(const struct exec_options *o, int *ret_code);
/* Ends a started program: waits, then kills its group. */
void exec_end(pid_t pid, int64_t patience_ms);

#endif
