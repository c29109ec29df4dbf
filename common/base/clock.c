/*
 * The only reader of the system's clocks. The monotonic one also counts the
 * time that the machine was asleep: a lease runs out meanwhile.
 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

#include "base/fault.h"

#include "base/banned.h"

static int64_t fake_mono_ms = -1;
static int64_t fake_wall_ms = -1;

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return fake_mono_ms >= 0 ? fake_mono_ms : read_clock(CLOCK_BOOTTIME);
}

int64_t
clock_cpu_ms(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t
clock_wall_ms(void)
{
	return fake_wall_ms >= 0 ? fake_wall_ms
				 : read_clock(CLOCK_REALTIME) + fault_clock_ms();
}

int64_t
clock_deadline(int64_t ms)
{
	int64_t deadline;

	if (__builtin_add_overflow(clock_mono_ms(), ms, &deadline))
		return CLOCK_NEVER;
	return deadline;
}

int
clock_left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_mono_ms();

	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void
clock_set_fake(int64_t mono_ms, int64_t wall_ms)
{
	fake_mono_ms = mono_ms;
	fake_wall_ms = wall_ms;
}

void
clock_sleep(int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	if (ms > 0)
		nanosleep(&t, NULL);
}
