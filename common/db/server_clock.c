/*
 * The server's clock as this process knows it: what the server said last,
 * and what the monotonic clock has counted since. The host's wall clock has
 * no part in it, so it may be wrong and it may be set while we run.
 */
#include "base/clock.h"
#include "db/db_internal.h"

#include "base/banned.h"

enum { SERVER_CLOCK_MS = 60000 }; /* then it is asked again */

static bool
server_clock_is_old(const struct db *db)
{
	return clock_mono_ms() - db->clock_mono_ms >= SERVER_CLOCK_MS;
}

void
db_note_time(struct db *db, int64_t server_ms)
{
	if (server_ms == 0)
		return;
	db->clock_mono_ms = clock_mono_ms();
	db->clock_server_ms = server_ms;
	db->has_clock = true;
}

/* Half of the round trip has passed since the server looked. */
static enum rc
server_clock_ask(struct db *db, struct err *err)
{
	int64_t before = clock_mono_ms(), server_ms;
	enum rc rc = db_server_time(db, &server_ms, err);

	if (rc != RC_OK)
		return rc;
	db_note_time(db, server_ms + (clock_mono_ms() - before) / 2);
	return RC_OK;
}

int64_t
db_time(const struct db *db)
{
	if (!db->has_clock)
		return clock_wall_ms();
	return db->clock_server_ms + clock_mono_ms() - db->clock_mono_ms;
}

enum rc
db_now(struct db *db, int64_t *ret_ms, struct err *err)
{
	struct err unused;
	enum rc rc = RC_OK;

	if (!db->has_clock)
		rc = server_clock_ask(db, err);
	else if (server_clock_is_old(db) && !db->in_txn)
		(void)server_clock_ask(db, &unused);
	if (rc == RC_OK)
		*ret_ms = db_time(db);
	return rc;
}
