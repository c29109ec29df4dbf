/*
 * IDLE (RFC 2177): waits on the doorbell of this owner on this host, and
 * polls in between for changes made elsewhere. The database connection is
 * given back while nothing happens.
 */
#include "commands.h"

#include "base/clock.h"
#include "net/doorbell.h"

#include "base/banned.h"

enum { KEEP_DB_MS = 5000 }; /* a busy mailbox does not reconnect each time */

/* True: go on waiting. */
static bool
wait_once(struct session *s, struct doorbell *bell, int64_t end_ms)
{
	int64_t poll_ms = config_int(s->config, CFG_IMAP_IDLE_POLL);
	int64_t deadline = clock_deadline(poll_ms);
	bool rang = false;
	uint64_t unused;
	struct err err;
	enum io io;

	chat_flush(s);
	if (reader_has_input(s->reader))
		return false;
	io = stream_wait(s->stream, bell ? doorbell_fd(bell) : -1,
	    clock_deadline(KEEP_DB_MS), &rang);
	if (io == IO_TIMEOUT) {
		db_disconnect(s->p->db);
		io = stream_wait(s->stream, bell ? doorbell_fd(bell) : -1,
		    deadline < end_ms ? deadline : end_ms, &rang);
	}
	if (rang)
		doorbell_read(bell, &unused);
	else if (io != IO_TIMEOUT)
		return false;
	if (clock_mono_ms() >= end_ms) {
		chat_bye(s, "Autologout: idle for too long");
		return false;
	}
	if (s->view && view_sync(s, true, &err) != RC_OK) {
		chat_bye(s, "[UNAVAILABLE] The database is away");
		return false;
	}
	return s->state != STATE_LOGOUT;
}

static void
end_idle(struct session *s)
{
	struct line l;
	enum io io = reader_line(
	    s->reader, 1024, 65536, session_deadline(s), &l);

	if (io == IO_STOPPED)
		chat_bye(s, "Server shutting down");
	else if (io == IO_TIMEOUT)
		chat_bye(s, "Autologout: idle for too long");
	if (io != IO_OK)
		session_enter(s, STATE_LOGOUT);
	else if (str_equals_nocase(l.text, STR("DONE")))
		command_done(s, true, "Done");
	else
		chat_bad(s, "DONE is wanted");
}

void
cmd_idle(struct session *s, const struct read_command *c)
{
	int64_t end_ms =
	    clock_deadline(config_int(s->config, CFG_IMAP_TIMEOUT_IDLE));
	struct doorbell *bell = NULL;
	struct err err;
	bool goes_on = true;

	(void)c;
	/* Without a doorbell the poll does it. */
	(void)doorbell_open_owner(config_str(s->config, CFG_RUNTIME_DIR),
	    s->view ? &s->view->folder.owner : &s->user->owner, &bell, &err);
	writer_add_cstr(s->writer, "+ idling\r\n");
	if (s->view && view_sync(s, true, &err) != RC_OK) {
		chat_bye(s, "[UNAVAILABLE] The database is away");
		goes_on = false;
	}
	while (goes_on)
		goes_on = wait_once(s, bell, end_ms);
	if (s->state != STATE_LOGOUT)
		end_idle(s);
	doorbell_close(bell);
}
