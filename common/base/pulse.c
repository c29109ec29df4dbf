/* The pulse of a process; see pulse.h. */
#include "base/pulse.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include "base/clock.h"

#include "base/banned.h"

static struct {
	pulse_fn *fn;
	void *ctx;
	int64_t every_ms;
	int64_t next_ms;
	bool is_beating;
	bool says_stop;
} pulse;

void
pulse_start(pulse_fn *fn, void *ctx, int64_t every_ms)
{
	pulse.fn = fn;
	pulse.ctx = ctx;
	pulse.every_ms = every_ms;
	pulse.next_ms = 0;
	pulse.is_beating = pulse.says_stop = false;
}

bool
pulse_beat(void)
{
	if (!pulse.fn || pulse.is_beating)
		return true;
	if (clock_left_ms(pulse.next_ms) == 0) {
		pulse.is_beating = true;
		pulse.says_stop = !pulse.fn(pulse.ctx);
		pulse.is_beating = false;
		pulse.next_ms = clock_deadline(pulse.every_ms);
	}
	return !pulse.says_stop;
}

int
pulse_cap(int wait_ms)
{
	int left;

	if (!pulse.fn || pulse.is_beating)
		return wait_ms;
	left = clock_left_ms(pulse.next_ms);
	return wait_ms < 0 || left < wait_ms ? left : wait_ms;
}

int
pulse_poll(struct pollfd *v, nfds_t n, int64_t deadline_ms)
{
	int left, got;

	for (;;) {
		if (!pulse_beat()) {
			errno = ECANCELED;
			return -1;
		}
		left = deadline_ms == CLOCK_NEVER
		    ? -1
		    : clock_left_ms(deadline_ms);
		got = poll(v, n, pulse_cap(left));
		if (got > 0 || (got < 0 && errno != EINTR))
			return got;
		if (got == 0 && left >= 0 && clock_left_ms(deadline_ms) == 0)
			return 0;
	}
}

bool
pulse_nap(int64_t ms)
{
	int64_t deadline = clock_deadline(ms);
	int left;

	while (pulse_beat()) {
		left = clock_left_ms(deadline);
		if (left == 0)
			return true;
		clock_sleep(pulse_cap(left));
	}
	return false;
}
