/* Turns of the processes of a host; see turn.h. */
#include "net/turn.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rnd.h"

#include "base/banned.h"

enum { TURN_TRIES = 4 };

static void
turn_open(struct turn *t, struct str runtime_dir)
{
	char path[192];

	snprintf(path, sizeof(path), "%.*s/looks", STR_ARG(runtime_dir));
	t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The lock is the open file's (not the process's), and ends with it. */
static bool
turn_lock(int fd, uint32_t at)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = at, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool
turn_take(struct turn *t, struct str runtime_dir)
{
	uint32_t at = rnd_below(LIMIT_TURNS), i;

	if (t->is_mine)
		return true;
	if (t->fd < 0)
		turn_open(t, runtime_dir);
	if (t->fd < 0)
		return true;
	for (i = 0; i < TURN_TRIES && !t->is_mine; i++)
		t->is_mine = turn_lock(t->fd, (at + i) % LIMIT_TURNS);
	return t->is_mine;
}

void
turn_give(struct turn *t)
{
	if (t->fd >= 0)
		close(t->fd);
	*t = TURN_NONE;
}
