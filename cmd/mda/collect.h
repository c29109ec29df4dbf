/*
 * Octets that nothing refers to any more are collected beside the deliveries:
 * by a child, in one of all hosts at a time, every gc.interval.
 */
#ifndef M3_CMD_MDA_COLLECT_H
#define M3_CMD_MDA_COLLECT_H

#include "mda.h"

/* Starts a child when it is time; returns at once. Errors are logged. */
void collect_begin(struct mda *m);
/* Ends the child, wherever it is: it can die at any point. */
void collect_end(struct mda *m);

#endif
