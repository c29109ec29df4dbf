/*
 * Fault points (debug builds). The environment is read at the first hit; a
 * name that the environment does not mention costs one comparison.
 */
#include "base/fault.h"

#ifdef M3_FAULT

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"
#include "base/banned.h"

static uint64_t fault_hits;

static void
fault_act(struct str action, uint64_t n, bool has_n)
{
	if (str_equals(action, STR("sleep")))
		clock_sleep((int64_t)n);
	else if (str_equals(action, STR("exit")))
		_exit(has_n ? (int)n : 0);
	else if (++fault_hits >= (has_n ? n : 1))
		kill(getpid(), SIGKILL);
}

void
fault_hit(const char *name)
{
	struct str rest = str_from_cstr(getenv("M3MTA_FAULT"));
	struct str item;

	while (rest.len && str_split_char(&rest, ',', &item)) {
		struct str part = STR_NONE;
		struct str action = STR("kill");
		uint64_t n = 0;
		bool has_n = false;

		str_split_char(&item, ':', &part);
		if (!str_equals(part, str_from_cstr(name)))
			continue;
		if (str_split_char(&item, ':', &part))
			action = part;
		if (str_split_char(&item, ':', &part))
			has_n = num_parse_u64(part, UINT32_MAX, &n);
		fault_act(action, n, has_n);
	}
}

int64_t
fault_clock_ms(void)
{
	const char *path = getenv("M3MTA_CLOCK");
	FILE *f = path ? fopen(path, "r") : NULL;
	char text[32] = "";

	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return strtoll(text, NULL, 10);
}

#else

/* ISO C wants a translation unit to declare something. */
extern int fault_unused;

#endif
