/* Random bytes; nothing is kept, so a fork never repeats its parent. */
#include "base/rnd.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/banned.h"

void
rnd_fill(void *p, size_t len)
{
	char *at = p;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* A system without getrandom is no system to serve mail on. */
		if (n <= 0)
			abort();
		at += n;
		len -= (size_t)n;
	}
}

uint32_t
rnd_below(uint32_t below)
{
	uint32_t n;
	uint32_t limit;

	assert(below > 0);
	limit = UINT32_MAX - UINT32_MAX % below;
	do
		rnd_fill(&n, sizeof(n));
	while (n >= limit);
	return n % below;
}
