/* The ladder of waits between attempts (`retry.durations`). */
#ifndef M3_MAIL_RETRY_H
#define M3_MAIL_RETRY_H

#include "model/config.h"

struct retry_step {
	int64_t wait_ms;  /* with its random part */
	bool notifies;    /* the sender gets a delay notice now */
};

/*
 * After the attempt with this number (from 0). Behind the last rung the
 * last wait is used again, without a notice.
 */
struct retry_step retry_after(const struct config *c, uint32_t attempt);

#endif
