/* Places at destinations and hosts; see places.h. */
#include "places.h"

#include "base/clock.h"
#include "base/pulse.h"
#include "base/rnd.h"
#include "log/log.h"
#include "mda.h"

#include "base/banned.h"

/* Between two looks for room: many may wait for the same. */
enum { PLACE_FIRST_MS = 20, PLACE_LAST_MS = 640 };

static enum rc
place_ask(struct mda *m, struct str key, enum slot_answer *ret,
    struct err *err)
{
	return slot_take(m->db, key, m->worker,
	    config_int(m->config, CFG_REMOTE_CONCURRENCY),
	    config_int(m->config, CFG_MDA_LEASE), ret, err);
}

enum rc
place_take(struct mda *m, struct str destination, int64_t wait_ms,
    enum slot_answer *ret, struct err *err)
{
	int64_t deadline = clock_deadline(wait_ms), nap_ms = PLACE_FIRST_MS;
	enum rc rc;

	for (;;) {
		rc = place_ask(m, destination, ret, err);
		if (rc == RC_OK && *ret == SLOT_GRANTED)
			m->places.destination = destination;
		if (rc != RC_OK || *ret != SLOT_BUSY ||
		    clock_left_ms(deadline) == 0 ||
		    !pulse_nap(nap_ms / 2 + rnd_below((uint32_t)nap_ms)))
			return rc;
		if (nap_ms < PLACE_LAST_MS)
			nap_ms *= 2;
	}
}

/* In brackets: no name of a destination looks like it. */
enum rc
place_take_address(struct mda *m, struct str address, enum slot_answer *ret,
    struct err *err)
{
	struct str key = arena_printf(m->a, "host [%.*s]", STR_ARG(address));
	enum rc rc = place_ask(m, key, ret, err);

	if (rc == RC_OK && *ret == SLOT_GRANTED)
		m->places.address = key;
	return rc;
}

static void
place_give_one(struct mda *m, struct str *key, enum slot_end end)
{
	struct err err;

	if (key->len &&
	    slot_give(m->db, *key, m->worker, end,
		config_int(m->config, CFG_REMOTE_DEAD_WAIT), &err) != RC_OK)
		log_failure("limits", &err);
	*key = STR("");
}

void
place_give_address(struct mda *m)
{
	place_give_one(m, &m->places.address, SLOT_END_NOTHING);
}

void
place_give(struct mda *m, enum slot_end end)
{
	place_give_address(m);
	place_give_one(m, &m->places.destination, end);
}

void
places_keep(struct mda *m)
{
	int64_t lease = config_int(m->config, CFG_MDA_LEASE);
	struct err unused;

	if (m->places.destination.len)
		(void)slot_keep(m->db, m->places.destination, m->worker,
		    lease, &unused);
	if (m->places.address.len)
		(void)slot_keep(
		    m->db, m->places.address, m->worker, lease, &unused);
}
