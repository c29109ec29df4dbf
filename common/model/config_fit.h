/*
 * Settings that are each allowed but do not go together: the lease of a claim
 * and the times that the work on it may take. Daemons run with them;
 * `m3mta config check` says what does not fit.
 */
#ifndef M3_MODEL_CONFIG_FIT_H
#define M3_MODEL_CONFIG_FIT_H

#include "base/vec.h"
#include "model/config.h"

/* How long an entry of `filters` may run. */
int64_t config_filter_timeout_ms(const struct config_record *filter);

typedef VEC(struct str) config_misfits;

/* Of m3mta-mda's configuration; one line of text each, in the arena. */
void config_fit(
    const struct config *c, struct arena *a, config_misfits *ret_misfits);

#endif
