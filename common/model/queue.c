/* What is asked of a queue document by itself; see queue.h. */
#include "model/queue.h"

#include "base/banned.h"

uint32_t
notify_merge(uint32_t a, uint32_t b)
{
	if (a == b)
		return a;
	if (a == 0)
		a = NOTIFY_FAILURE | NOTIFY_DELAY;
	if (b == 0)
		b = NOTIFY_FAILURE | NOTIFY_DELAY;
	a |= b;
	return a == NOTIFY_NEVER ? a : a & ~(uint32_t)NOTIFY_NEVER;
}

bool
notify_has_failure(uint32_t notify)
{
	return notify == 0 || (notify & NOTIFY_FAILURE) != 0;
}
