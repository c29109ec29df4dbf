/*
 * The places that a courier holds (db/slots.h): one among the sessions to
 * its destination, one among those to the address that it is connected to.
 * Names cost nothing; so what has many names and one host is one.
 */
#ifndef M3_CMD_MDA_PLACES_H
#define M3_CMD_MDA_PLACES_H

#include "db/slots.h"

struct mda;

struct places {
	struct str destination; /* "" = none */
	struct str address;
};

/* Waits up to wait_ms for one. RC_TEMP: the database. */
enum rc place_take(struct mda *m, struct str destination, int64_t wait_ms,
    enum slot_answer *ret, struct err *err);
/* One at an address, for who has one at the destination; does not wait. */
enum rc place_take_address(struct mda *m, struct str address,
    enum slot_answer *ret, struct err *err);
void place_give_address(struct mda *m);
/* Both. */
void place_give(struct mda *m, enum slot_end end);
/* Their leases, with those of the jobs. */
void places_keep(struct mda *m);

#endif
