/*
 * Reports of success that somebody outside asked for (NOTIFY=SUCCESS): with
 * a made-up sender they go wherever he wants, to a host that never answers
 * for example. So as many wait at a time as report.success.outside says, for
 * the network that the mail came from; more are logged, counted and not made.
 */
#ifndef M3_CMD_MDA_SUCCESS_H
#define M3_CMD_MDA_SUCCESS_H

#include "mda.h"

/* May the report with this id be made about item? RC_TEMP: the database. */
enum rc success_may_report(struct mda *m, const struct queue_item *item,
    const struct oid *report, bool *ret_may, struct err *err);
/* The item is done: if it was such a report, its place is free. */
void success_end(struct mda *m, const struct queue_item *item);

#endif
