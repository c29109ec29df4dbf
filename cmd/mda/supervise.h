/*
 * The first process: it has the workers, does nothing itself, and so can
 * always hear a signal. Told to end it tells all, and kills after a while
 * what is stuck (a database that does not answer): within 20 s nothing is
 * left. When a worker dies in the loop, all end, and who started the program
 * starts it again.
 */
#ifndef M3_CMD_MDA_SUPERVISE_H
#define M3_CMD_MDA_SUPERVISE_H

#include <sys/types.h>

#include "mda.h"

struct crew {
	pid_t pids[64];
	struct couriers *couriers[64]; /* of each worker */
	int n;
};

/*
 * Until all workers have ended. The exit code: that of the first worker with
 * one; dies of the signal that a worker died of.
 */
int supervise(struct crew *crew, int stop_fd, bool is_loop);

#endif
