/* The checks of addresses and networks among the settings. */
#ifndef M3_MODEL_CONFIG_HOSTS_H
#define M3_MODEL_CONFIG_HOSTS_H

#include "model/config.h"

/*
 * Networks are addresses or CIDR; spam.server is a numeric address with or
 * without a port, or a path. RC_PERM: one is not, the text names it.
 */
enum rc config_check_hosts(const struct config *c, struct err *err);

#endif
