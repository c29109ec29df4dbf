/*
 * The two clocks. Deadlines are absolute monotonic milliseconds and are
 * passed down; the wall clock is only for stamps. Tests turn both by hand.
 */
#ifndef M3_BASE_CLOCK_H
#define M3_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that does not come */

int64_t clock_mono_ms(void);
int64_t clock_cpu_ms(void); /* that this process has used */
int64_t clock_wall_ms(void);  /* since 1970-01-01 UTC */
/* now + ms, saturating at CLOCK_NEVER. */
int64_t clock_deadline(int64_t ms);
/* Milliseconds until the deadline, 0 when it has passed, at most INT_MAX. */
int clock_left_ms(int64_t deadline_ms);

/* Tests only: both clocks stand still at these values; -1, -1 lets them go. */
void clock_set_fake(int64_t mono_ms, int64_t wall_ms);

/* Sleeps; a signal ends it early. 0 and less: not at all. */
void clock_sleep(int64_t ms);

#endif
