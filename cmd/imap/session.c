/* The life of a session: greeting, commands, end. */
#include "session.h"

#include <assert.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "commands.h"
#include "log/log.h"
#include "net/deflate.h"
#include "net/doorbell.h"
#include "net/tlsconf.h"
#include "progress.h"
#include "notify.h"
#include "wait.h"

#include "base/banned.h"

enum { BUFFER_SIZE = 65536 * 2 + 64, WRITER_SIZE = 32768,
	LINGER_MS = 500 };

void
session_enter(struct session *s, enum state state)
{
	/* To the end from anywhere; else one step on or back. */
	assert(state == STATE_LOGOUT || state == STATE_AUTHENTICATED ||
	    (state == STATE_SELECTED && s->state >= STATE_AUTHENTICATED));
	s->state = state;
}

int64_t
session_deadline(const struct session *s)
{
	if (s->state == STATE_CONNECTED)
		return s->login_deadline_ms;
	return clock_deadline(config_int(s->config, CFG_IMAP_TIMEOUT_IDLE));
}

enum rc
session_open_db(struct session *s, struct err *err)
{
	enum rc rc = program_read_db_config(s->p, err);

	if (rc == RC_PERM) /* ours to mend: logged, not told to a client */
		return err->rc = RC_TEMP;
	return rc;
}

void
session_use_condstore(struct session *s)
{
	if (!s->has_condstore && s->view)
		chat_untagged(s, "OK [HIGHESTMODSEQ %llu] Highest",
		    (unsigned long long)view_told_modseq(s->view));
	s->has_condstore = true;
}

void
session_unselect(struct session *s)
{
	notify_unselected(s);
	view_free(s->view);
	s->view = NULL;
	s->saved.n = 0;
	if (s->state == STATE_SELECTED)
		session_enter(s, STATE_AUTHENTICATED);
}

/*
 * The last words when the ceiling is reached, or the system has no memory:
 * what was asked for is not done, and no other session notices.
 */
static void
session_out_of_memory(void *ctx)
{
	struct session *s = ctx;

	log_begin(LOG_AT_WARN, "out-of-memory");
	log_str("tag", s->tag);
	log_end();
	if (!writer_is_at_line(s->writer))
		writer_add_cstr(s->writer, "\r\n");
	chat_bye(s, "[LIMIT] Out of memory");
	chat_flush(s);
}

static void
session_set_limits(struct session *s)
{
	bool is_login = s->state != STATE_CONNECTED;

	arena_set_limit(s->command_arena,
	    is_login ? LIMIT_IMAP_COMMAND : LIMIT_IMAP_COMMAND_PREAUTH);
	mem_set_ceiling(
	    is_login ? LIMIT_IMAP_MEMORY : LIMIT_IMAP_MEMORY_PREAUTH);
}

void
session_login(struct session *s, struct mailbox *m)
{
	s->user = m;
	account_open(&s->account, m, config_int(s->config, CFG_AUTH_LOOK));
	s->account.is_by_hand = s->h->preauth != NULL;
	session_enter(s, STATE_AUTHENTICATED);
	session_set_limits(s);
	log_begin(LOG_AT_INFO, "login");
	log_str("name", m->address);
	log_num("tls", stream_is_tls(s->stream));
	log_end();
}

bool
session_check_account(struct session *s, bool must_be_fresh)
{
	const char *why = NULL;
	struct err err;

	if (!s->user || (!must_be_fresh && !account_is_due(&s->account)))
		return true;
	if (account_look(&s->account, s->p->db, &why, &err) != RC_OK)
		return true;
	if (why)
		chat_bye(s, why);
	return !why;
}

void
session_stopped(struct session *s)
{
	chat_bye(s, s->vigil.why ? s->vigil.why : "Server shutting down");
}

void
session_ring(struct session *s, const struct uuid *owner)
{
	doorbell_ring_owner(
	    config_str(s->config, CFG_RUNTIME_DIR), owner);
	s->has_changed = true;
	FAULT_POINT("imap-changed");
}

static void
next_command(struct session *s)
{
	struct read_command c = { 0 };

	arena_reset(s->command_arena);
	/* Compressed input may turn out to be nothing yet. */
	if (s->deflate || !reader_has_input(s->reader))
		chat_flush(s);
	if (!wait_for_command(s))
		return;
	switch (read_command(s, &c)) {
	case READ_COMMAND:
		s->n_commands++;
		s->vigil.is_command = true;
		command_run(s, &c);
		s->vigil.is_command = false;
		break;
	case READ_ANSWERED:
		break;
	case READ_END:
		session_enter(s, STATE_LOGOUT);
		break;
	}
}

static bool
start_tls(struct session *s)
{
	struct err err;
	enum io io;

	if (!s->is_tls)
		return true;
	(void)tls_server_refresh(s->h->tls, &err);
	io = stream_start_tls_server(
	    s->stream, s->h->tls, s->login_deadline_ms);
	if (io != IO_OK) {
		log_begin(LOG_AT_INFO, "tls-failed");
		log_cstr("text", stream_error_text(s->stream));
		log_end();
	}
	return io == IO_OK;
}

/* Started by hand for a user: PREAUTH. */
static void
greet(struct session *s)
{
	struct buf b = BUF_INIT;
	struct mailbox *m = NULL;
	struct err err;

	if (s->h->preauth) {
		struct str key = address_key_of(
		    s->arena, str_from_cstr(s->h->preauth));

		if (session_open_db(s, &err) != RC_OK ||
		    mailbox_find(s->p->db, s->arena, key, &m, &err) != RC_OK) {
			log_failure("database", &err);
			chat_bye(s, "[UNAVAILABLE] The database is away");
			return;
		}
		if (!m || m->kind != ADDRESS_MAILBOX) {
			chat_bye(s, "There is no such mailbox");
			return;
		}
		session_login(s, m);
	}
	command_capabilities(s, &b);
	chat_untagged(s, "%s [CAPABILITY %.*s] %.*s M3MTA",
	    m ? "PREAUTH" : "OK", STR_ARG(buf_str(&b)),
	    STR_ARG(s->p->hostname));
	buf_done(&b);
}

const struct server_listener session_listeners[] = {
	{ "imap", 0, false },
	{ "imaps", 0, true },
	{ NULL, 0, false },
};

static void
open_session(struct session *s, struct handler *h, struct connection *c)
{
	const struct server_listener *l =
	    server_find_listener(session_listeners, c->listener);

	*s = (struct session){ .h = h, .p = &h->program,
		.config = &h->program.config, .c = c,
		.is_tls = h->is_tls || (l && l->is_tls), .turn = TURN_NONE };
	s->stream = stream_new_fd(c->in_fd, c->out_fd);
	stream_set_stop_fd(s->stream, c->stop_fd);
	vigil_open(&s->vigil, &s->account, s->p->db,
	    config_str(s->config, CFG_RUNTIME_DIR));
	vigil_watch(&s->vigil, s->stream);
	s->reader = reader_new(s->stream, BUFFER_SIZE);
	s->writer = writer_new(s->stream, WRITER_SIZE,
	    config_int(s->config, CFG_IMAP_TIMEOUT_WRITE));
	s->arena = arena_new();
	s->command_arena = arena_new();
	mem_set_oom_handler(session_out_of_memory, s);
	session_set_limits(s);
	s->login_deadline_ms = clock_deadline(
	    config_int(s->config, CFG_IMAP_TIMEOUT_LOGIN));
	db_on_progress(s->p->db, progress_of_db, s);
	log_new_session(s->id);
	log_set_session(str_make(s->id, sizeof(s->id)), c->peer.address);
	log_begin(LOG_AT_INFO, "connected");
	log_cstr("listener", c->listener);
	log_num("port", c->peer.port);
	log_end();
}

static void
close_session(struct session *s)
{
	stream_set_watch(s->stream, NULL, NULL);
	chat_flush(s);
	if (stream_is_tls(s->stream))
		stream_close_tls(s->stream, clock_deadline(1000));
	stream_linger(s->stream, clock_deadline(LINGER_MS));
	log_begin(LOG_AT_INFO, "disconnected");
	log_num("commands", s->n_commands);
	log_num("octets", (int64_t)writer_total(s->writer));
	log_num("bad", s->n_bad);
	log_end();
	log_set_session(STR(""), STR(""));
	turn_give(&s->turn);
	vigil_close(&s->vigil);
	account_close(&s->account);
	view_free(s->view);
	notify_free(s->notify);
	deflate_free(s->deflate);
	writer_free(s->writer);
	reader_free(s->reader);
	stream_free(s->stream);
	arena_wipe(s->command_arena);
	arena_free(s->command_arena);
	arena_wipe(s->arena);
	arena_free(s->arena);
	mem_set_oom_handler(NULL, NULL);
	mem_set_ceiling(SIZE_MAX);
	db_on_progress(s->p->db, NULL, NULL);
	db_new_session(s->p->db);
}

bool
session_run(struct handler *h, struct connection *c)
{
	struct session s;
	bool is_clean;

	open_session(&s, h, c);
	if (start_tls(&s)) {
		greet(&s);
		while (s.state != STATE_LOGOUT &&
		    writer_error(s.writer) == IO_OK)
			next_command(&s);
	}
	is_clean = writer_error(s.writer) == IO_OK;
	close_session(&s);
	return is_clean;
}
