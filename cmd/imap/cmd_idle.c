/*
 * IDLE (RFC 2177): waits on the doorbell of this owner on this host, and
 * polls in between for changes made elsewhere. After NOTIFY it tells of what
 * that asked for, and of nothing else (RFC 5465 4).
 */
#include "commands.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/doorbell.h"
#include "notify.h"
#include "wait.h"

#include "base/banned.h"

static void
look(struct session *s)
{
	struct err err;
	enum rc rc;

	if (!session_check_account(s, false))
		return;
	rc = s->notify ? notify_sync(s, true, true, &err)
	    : s->view  ? view_sync(s, true, &err)
		       : RC_OK;
	wait_looked(s, rc, &err);
}

static void
end_idle(struct session *s)
{
	struct line l;
	enum io io = reader_line(
	    s->reader, 1024, 65536, session_deadline(s), &l);

	if (io == IO_STOPPED)
		session_stopped(s);
	else if (io == IO_TIMEOUT)
		chat_bye(s, "Autologout: idle for too long");
	if (io != IO_OK)
		session_enter(s, STATE_LOGOUT);
	else if (str_equals_nocase(l.text, STR("DONE"))) {
		/* It waited, and that is done, even if this look fails. */
		s->has_changed = true;
		command_done(s, true, "Done");
	} else
		chat_bad(s, "DONE is wanted");
}

/* A day of looks must not fill the command's arena: only the tag stays. */
static void
idle(struct session *s, struct doorbell *bell)
{
	int64_t end_ms =
	    clock_deadline(config_int(s->config, CFG_IMAP_TIMEOUT_IDLE));
	char tag[LIMIT_IMAP_TAG];
	size_t len = s->tag.len < sizeof(tag) ? s->tag.len : sizeof(tag);

	memcpy(tag, s->tag.p, len);
	s->tag = str_make(tag, len);
	if (s->notify)
		(void)notify_listen(s);
	do {
		arena_reset(s->command_arena);
		look(s);
	} while (s->state != STATE_LOGOUT &&
	    wait_for_change(s, bell, false, end_ms) == WAKE_LOOK);
	if (s->state != STATE_LOGOUT)
		end_idle(s);
	s->tag = STR("");
}

void
cmd_idle(struct session *s, const struct read_command *c)
{
	struct doorbell *bell = NULL;
	struct err err;

	(void)c;
	/* Without a doorbell the poll does it. */
	if (!notify_bell(s))
		(void)doorbell_open_owner(
		    config_str(s->config, CFG_RUNTIME_DIR),
		    s->view ? &s->view->folder.owner : &s->user->owner, &bell,
		    &err);
	writer_add_cstr(s->writer, "+ idling\r\n");
	idle(s, bell ? bell : notify_bell(s));
	doorbell_close(bell);
}
