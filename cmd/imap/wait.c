/* Waiting; see wait.h. */
#include "wait.h"

#include "base/clock.h"
#include "base/rnd.h"
#include "log/log.h"
#include "net/doorbell.h"
#include "notify.h"

#include "base/banned.h"

enum {
	KEEP_DB_MS = 5000,    /* a busy mailbox does not reconnect each time */
	PACE_MS = 50,         /* looks are that far apart: bursts are one */
	TURN_MS = 40,         /* between two tries for a turn, the first */
	TURN_MAX_MS = 640,
	RETRY_MS = 1000,      /* after a look that failed, the first */
	RETRY_DOUBLINGS = 6,  /* up to a minute */
};

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Half to one and a half of it: who failed together comes back apart. */
static int64_t
wait_spread(int64_t ms)
{
	return ms / 2 + rnd_below((uint32_t)ms);
}

/* What rings right behind a look waits a little. *ret_io: IO_OK = input. */
static bool
is_too_soon(struct session *s, int64_t end_ms, enum io *ret_io)
{
	bool unused;

	if (clock_mono_ms() >= s->next_look_ms)
		return false;
	*ret_io = stream_wait(
	    s->stream, -1, earlier(s->next_look_ms, end_ms), &unused);
	return *ret_io != IO_TIMEOUT;
}

static enum io
wait_both(
    struct session *s, struct doorbell *bell, int64_t end_ms, bool *ret_rang)
{
	int fd = bell ? doorbell_fd(bell) : -1;
	/* However rare the polls, the account is looked at. */
	int64_t poll_ms = earlier(s->account.wait_ms,
	    clock_deadline(config_int(s->config, CFG_IMAP_IDLE_POLL)));
	enum io io;

	if (is_too_soon(s, end_ms, &io))
		return io;
	if (s->n_failed_looks)
		return IO_TIMEOUT;
	io = stream_wait(s->stream, fd,
	    earlier(earlier(clock_deadline(KEEP_DB_MS), poll_ms), end_ms),
	    ret_rang);
	if (io != IO_TIMEOUT)
		return io;
	db_disconnect(s->p->db);
	return stream_wait(s->stream, fd, earlier(poll_ms, end_ms), ret_rang);
}

/*
 * A message to many mailboxes rings thousands at once; each has to connect.
 * The ring is kept until there is a turn.
 */
static enum io
wait_turn(struct session *s, int64_t end_ms)
{
	struct str dir = config_str(s->config, CFG_RUNTIME_DIR);
	int64_t ms = TURN_MS;
	enum io io = IO_TIMEOUT;
	bool unused;

	s->has_waited_turn = false;
	while (io == IO_TIMEOUT && clock_mono_ms() < end_ms &&
	    !turn_take(&s->turn, dir)) {
		s->has_waited_turn = true;
		io = stream_wait(s->stream, -1,
		    earlier(clock_mono_ms() + wait_spread(ms), end_ms),
		    &unused);
		ms = earlier(2 * ms, TURN_MAX_MS);
	}
	return io;
}

enum wake
wait_for_change(
    struct session *s, struct doorbell *bell, bool is_due, int64_t end_ms)
{
	enum io io = IO_TIMEOUT;
	bool rang = is_due;
	uint64_t unused;

	chat_flush(s);
	if (reader_has_input(s->reader))
		return WAKE_INPUT;
	if (!is_due || s->n_failed_looks)
		io = wait_both(s, bell, end_ms, &rang);
	if (rang || io == IO_TIMEOUT)
		io = wait_turn(s, end_ms);
	if (clock_mono_ms() >= end_ms && io == IO_TIMEOUT) {
		chat_bye(s, "Autologout: idle for too long");
		return WAKE_END;
	}
	if (io != IO_TIMEOUT) {
		turn_give(&s->turn);
		return WAKE_INPUT;
	}
	if (bell)
		(void)doorbell_read(bell, &unused);
	s->next_look_ms = clock_mono_ms() + PACE_MS;
	return WAKE_LOOK;
}

void
wait_looked(struct session *s, enum rc rc, const struct err *err)
{
	unsigned n = s->n_failed_looks;

	turn_give(&s->turn);
	/* Where others wait, connections are few. */
	if (s->has_waited_turn)
		db_disconnect(s->p->db);
	s->has_waited_turn = false;
	if (rc == RC_OK && !(s->view && s->view->owed_fetch)) {
		s->n_failed_looks = 0;
		return;
	}
	if (rc != RC_OK)
		log_failure("look", err);
	s->n_failed_looks = n + 1;
	s->next_look_ms = clock_mono_ms() +
	    wait_spread(RETRY_MS << (n < RETRY_DOUBLINGS ? n
							  : RETRY_DOUBLINGS));
}

bool
wait_for_command(struct session *s)
{
	int64_t end_ms = session_deadline(s);
	enum wake wake = WAKE_LOOK;
	struct err err;
	enum rc rc;

	while (wake == WAKE_LOOK && notify_is_waiting(s)) {
		wake = wait_for_change(
		    s, notify_bell(s), notify_listen(s), end_ms);
		if (wake != WAKE_LOOK)
			break;
		arena_reset(s->command_arena);
		s->is_uid = false;
		if (session_check_account(s, false)) {
			rc = notify_sync(
			    s, notify_wants_expunge_now(s), true, &err);
			wait_looked(s, rc, &err);
		}
		chat_flush(s);
		if (s->state == STATE_LOGOUT)
			return false;
	}
	return wake != WAKE_END;
}
