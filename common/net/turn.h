/*
 * Turns: of all processes of this host only so many do a thing at a time, as
 * when a message rings thousands of waiting sessions at once. A turn is a
 * lock on a byte of a file in the runtime directory, so who dies gives his
 * back. Where there can be no file, nobody has to wait.
 */
#ifndef M3_NET_TURN_H
#define M3_NET_TURN_H

#include <stdbool.h>

#include "base/str.h"

struct turn {
	int fd;        /* kept open between tries; -1: no file (yet) */
	bool is_mine;
};

#define TURN_NONE ((struct turn){ .fd = -1, .is_mine = false })

/*
 * False: all turns are taken, so far as was looked (TURN_TRIES of them);
 * somebody who waits tries again after a while.
 */
bool turn_take(struct turn *t, struct str runtime_dir);
/* Also of one that was not taken; closes its file. */
void turn_give(struct turn *t);

#endif
