/*
 * Fault points: named places at which a test can kill or hold the process.
 * Compiled in only by `make FAULT=1`; else FAULT_POINT is nothing.
 * M3MTA_FAULT="name:kill[:N]" kills with SIGKILL at the N-th pass (default 1),
 * "name:sleep:MS" waits, "name:exit:CODE" exits. Several are joined by ','.
 * The names are listed in ARCHITECTURE.md beside the crash table.
 */
#ifndef M3_BASE_FAULT_H
#define M3_BASE_FAULT_H

#include <stdint.h>

#ifdef M3_FAULT
void fault_hit(const char *name);
#define FAULT_POINT(name) fault_hit(name)
/* How wrong this host's clock is: the number in the file M3MTA_CLOCK, which
 * may change at any time. */
int64_t fault_clock_ms(void);
#else
#define FAULT_POINT(name) ((void)0)
#define fault_clock_ms() INT64_C(0)
#endif

#endif
