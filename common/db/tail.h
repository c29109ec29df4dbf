/* Appending to the tail of a folder, for deliveries and APPEND. */
#ifndef M3_DB_TAIL_H
#define M3_DB_TAIL_H

#include "db/store_internal.h"

/*
 * The pipeline that appends n entries to a folder document, atomically: it
 * takes uids and modseq and keeps the counters. The server computes uid and
 * modseq; those of `v` are not read. `change` is initialised, the caller's.
 */
void tail_append(bson_t *change, const struct entry *v, size_t n);

#endif
