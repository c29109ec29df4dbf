/* Remote delivery. */
#include "remote.h"

#include "base/banned.h"

/* Sending to other systems is not built yet: such mail waits. */
enum rc
remote_deliver(struct mda *m, struct job *jobs, size_t n, struct err *err)
{
	size_t i, k;

	(void)err;
	for (i = 0; i < n; i++) {
		for (k = 0; k < jobs[i].item->n_recipients; k++) {
			struct verdict *v = &jobs[i].verdicts[k];

			if (v->fate == FATE_REMOTE)
				verdict_retry(m, v, 451, "4.4.0",
				    STR("This version cannot send to other "
					"systems yet"));
		}
	}
	return RC_OK;
}
