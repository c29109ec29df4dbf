/* The waiting of a session; see vigil.h. */
#include "mail/vigil.h"

#include "base/clock.h"
#include "base/rnd.h"

#include "base/banned.h"

enum {
	KEEP_MS = 5000,       /* a busy client does not make it reconnect */
	KEEP_LOOK_MS = 700,   /* after a look of ours; see db_disconnect */
	TURN_MS = 500,        /* between two tries for a turn, half to all */
};

void
vigil_open(struct vigil *v, struct account *account, struct db *db,
    struct str runtime_dir)
{
	*v = (struct vigil){ .account = account, .db = db,
		.runtime_dir = runtime_dir, .turn = TURN_NONE };
}

void
vigil_close(struct vigil *v)
{
	turn_give(&v->turn);
}

/* A look that fails says nothing: the next one comes. */
static void
vigil_look(struct vigil *v)
{
	struct err unused;

	if (!turn_take(&v->turn, v->runtime_dir)) {
		v->again_ms = clock_deadline(
		    TURN_MS / 2 + rnd_below(TURN_MS / 2));
		return;
	}
	v->again_ms = 0;
	(void)account_look(v->account, v->db, &v->why, &unused);
	turn_give(&v->turn);
	v->give_ms = clock_deadline(KEEP_LOOK_MS);
}

static bool
vigil_step(void *ctx, bool is_new, int64_t *ret_next_ms)
{
	struct vigil *v = ctx;
	int64_t now = clock_mono_ms(), look_ms;

	if (is_new)
		v->give_ms = clock_deadline(KEEP_MS);
	look_ms = v->account->mailbox ? v->account->wait_ms : CLOCK_NEVER;
	if (now >= look_ms && now >= v->again_ms) {
		vigil_look(v);
		look_ms = v->account->wait_ms;
	}
	if (v->again_ms > look_ms)
		look_ms = v->again_ms;
	if (!v->is_command && now >= v->give_ms) {
		db_disconnect(v->db);
		v->give_ms = CLOCK_NEVER;
	}
	*ret_next_ms = !v->is_command && v->give_ms < look_ms ? v->give_ms
							      : look_ms;
	return v->why == NULL;
}

void
vigil_watch(struct vigil *v, struct stream *s)
{
	stream_set_watch(s, vigil_step, v);
}
