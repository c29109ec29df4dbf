/* Waiting; see wait.h. */
#include "wait.h"

#include "base/clock.h"
#include "net/doorbell.h"
#include "notify.h"

#include "base/banned.h"

enum {
	ACCOUNT_MS = 60000, /* however rare the polls, see account.h */
	KEEP_DB_MS = 5000, /* a busy mailbox does not reconnect each time */
	PACE_MS = 50,      /* looks are that far apart: bursts are one */
};

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
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
	int64_t poll_ms = clock_deadline(earlier(
	    config_int(s->config, CFG_IMAP_IDLE_POLL), ACCOUNT_MS));
	enum io io;

	if (is_too_soon(s, end_ms, &io))
		return io;
	io = stream_wait(s->stream, fd,
	    earlier(earlier(clock_deadline(KEEP_DB_MS), poll_ms), end_ms),
	    ret_rang);
	if (io != IO_TIMEOUT)
		return io;
	db_disconnect(s->p->db);
	return stream_wait(s->stream, fd, earlier(poll_ms, end_ms), ret_rang);
}

enum wake
wait_for_change(struct session *s, struct doorbell *bell, int64_t end_ms)
{
	bool rang = false;
	uint64_t unused;
	enum io io;

	chat_flush(s);
	if (reader_has_input(s->reader))
		return WAKE_INPUT;
	io = wait_both(s, bell, end_ms, &rang);
	if (clock_mono_ms() >= end_ms && io == IO_TIMEOUT) {
		chat_bye(s, "Autologout: idle for too long");
		return WAKE_END;
	}
	if (rang)
		(void)doorbell_read(bell, &unused);
	else if (io != IO_TIMEOUT)
		return WAKE_INPUT;
	s->next_look_ms = clock_deadline(PACE_MS);
	return WAKE_LOOK;
}

bool
wait_for_command(struct session *s)
{
	int64_t end_ms = session_deadline(s);
	enum wake wake = WAKE_LOOK;
	struct err err;

	while (wake == WAKE_LOOK && notify_is_waiting(s)) {
		if (!notify_listen(s))
			wake = wait_for_change(s, notify_bell(s), end_ms);
		if (wake != WAKE_LOOK)
			break;
		arena_reset(s->command_arena);
		s->is_uid = false;
		if (session_check_account(s, false) &&
		    notify_sync(s, notify_wants_expunge_now(s), true, &err) !=
		    RC_OK)
			chat_bye(s, "[UNAVAILABLE] The database is away");
		chat_flush(s);
		if (s->state == STATE_LOGOUT)
			return false;
	}
	return wake != WAKE_END;
}
