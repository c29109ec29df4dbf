/*
 * A pulse: what a process must do now and then while it waits for somebody
 * else (renew its leases, look whether it was told to end). Every wait for
 * a descriptor or a program beats it; without pulse_start nothing happens.
 */
#ifndef M3_BASE_PULSE_H
#define M3_BASE_PULSE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* False: whatever is waited for is not worth it any more. */
typedef bool pulse_fn(void *ctx);

/* fn is called when every_ms have passed; NULL: no pulse. It does not beat
 * inside of its own call. */
void pulse_start(pulse_fn *fn, void *ctx, int64_t every_ms);
/* Beats when it is time. False: stop; so it is until a beat says true. */
bool pulse_beat(void);
/* At most this long until the next beat. */
int pulse_cap(int wait_ms);
/*
 * poll(2) until a monotonic deadline (CLOCK_NEVER: none), over signals.
 * 0: the time is over; -1 with ECANCELED: the pulse said stop.
 */
int pulse_poll(struct pollfd *v, nfds_t n, int64_t deadline_ms);
/* Sleeps. False: the pulse said stop. */
bool pulse_nap(int64_t ms);

#endif
