/* The life of a session: greeting, commands, end. */
#include "session.h"

#include <assert.h>

#include "base/clock.h"
#include "base/limits.h"
#include "commands.h"
#include "log/log.h"
#include "mail/hook.h"
#include "net/tlsconf.h"
#include "policy.h"

#include "base/banned.h"

enum { BUFFER_SIZE = 65536, WRITE_TIMEOUT_MS = 60000, LINGER_MS = 500 };

void
session_enter(struct session *s, enum state state)
{
	/* Forward one step at a time; back to the start of a transaction. */
	assert(state <= s->state + 1 || state == STATE_HELLO);
	s->state = state;
}

void
session_reset(struct session *s)
{
	arena_reset(s->txn_arena);
	s->txn = (struct transaction){ 0 };
	if (s->state > STATE_HELLO)
		session_enter(s, STATE_HELLO);
}

enum rc
session_open_db(struct session *s, struct err *err)
{
	enum rc rc = program_read_db_config(s->p, err);
	struct guard g = session_guard(s);
	bool may = true;

	if (rc == RC_PERM) /* ours to mend: logged, not told to a client */
		return err->rc = RC_TEMP;
	if (rc != RC_OK || s->is_counted)
		return rc;
	rc = guard_rate(
	    &g, CFG_LIMIT_CONNECTIONS, STR(""), 1, &may, err);
	if (rc == RC_OK && !may)
		return err_set(err, RC_PERM, "4.7.0",
		    "Too many connections from your address, try again later");
	s->is_counted = rc == RC_OK;
	return rc;
}

void
session_login(struct session *s, struct mailbox *m)
{
	s->login = m;
	account_open(&s->account, m, config_int(s->config, CFG_AUTH_LOOK));
}

bool
session_check_account(struct session *s)
{
	const char *why = NULL;
	struct err err;

	if (!s->login)
		return true;
	if (account_look(&s->account, s->p->db, &why, &err) != RC_OK) {
		chat_temporary(s, &err);
		return false;
	}
	if (why)
		chat_close(s, 421, "4.7.0", "%.*s %s",
		    STR_ARG(s->p->hostname), why);
	return !why;
}

void
session_stopped(struct session *s)
{
	if (s->vigil.why)
		chat_close(s, 421, "4.7.0", "%.*s %s",
		    STR_ARG(s->p->hostname), s->vigil.why);
	else
		chat_close(s, 421, "4.3.2", "%.*s shutting down",
		    STR_ARG(s->p->hostname));
}

struct guard
session_guard(const struct session *s)
{
	return (struct guard){ s->p->db, s->command_arena, s->config,
		s->c->peer.address };
}

int64_t
session_deadline(const struct session *s, enum config_key timeout)
{
	int64_t d = clock_deadline(config_int(s->config, timeout));

	return d < s->deadline_ms ? d : s->deadline_ms;
}

void
session_count_error(struct session *s)
{
	s->n_errors++;
	if (!s->is_ending &&
	    s->n_errors > config_int(s->config, CFG_SMTP_LIMIT_ERRORS))
		chat_close(s, 421, "4.7.0", "%.*s too many errors",
		    STR_ARG(s->p->hostname));
}

/* --- reading ---------------------------------------------------------------------- */

static void
end_by(struct session *s, enum io io)
{
	if (io == IO_TIMEOUT)
		chat_close(s, 421, "4.4.2", "%.*s timed out",
		    STR_ARG(s->p->hostname));
	else if (io == IO_STOPPED)
		session_stopped(s);
	else if (reader_gave_up(s->reader))
		chat_close(s, 500, "5.5.2", "Line too long");
	s->is_ending = true;
}

/* False: the line was answered already. */
static bool
check_line(struct session *s, const struct line *l, size_t max)
{
	if (l->end == LINE_LF) {
		s->n_bare_lf++;
		chat_reply(s, 500, "5.5.2", "Lines end with CR LF");
		s->is_ending |= s->n_bare_lf > 1;
	} else if (l->is_long) {
		chat_reply(s, 500, max > LIMIT_SMTP_LINE ? "5.5.6" : "5.5.2",
		    "Line too long");
	} else if (l->has_nul || l->has_cr) {
		chat_reply(s, 500, "5.5.2",
		    "Control characters in a command");
	} else {
		return true;
	}
	session_count_error(s);
	return false;
}

static bool
is_out_of_commands(struct session *s)
{
	s->n_commands++;
	if (s->n_commands <= config_int(s->config, CFG_SMTP_LIMIT_COMMANDS))
		return false;
	chat_close(s, 421, "4.7.0", "%.*s too many commands",
	    STR_ARG(s->p->hostname));
	return true;
}

bool
session_line(struct session *s, size_t max, struct line *ret_line)
{
	enum io io;

	if (!reader_has_input(s->reader))
		chat_flush(s);
	io = reader_line(s->reader, max, LIMIT_SMTP_LINE_DISCARD,
	    session_deadline(s, CFG_SMTP_TIMEOUT_COMMAND), ret_line);
	if (io == IO_OK)
		return check_line(s, ret_line, max);
	end_by(s, io);
	return false;
}

static void
next_command(struct session *s)
{
	struct line l;

	arena_reset(s->command_arena);
	if (!session_line(s, LIMIT_SMTP_LINE, &l) || is_out_of_commands(s))
		return;
	s->vigil.is_command = true;
	command_run(s, l.text);
	s->vigil.is_command = false;
}

/* --- the start -------------------------------------------------------------------- */

/* A client that talks before the greeting does not read it (a robot). */
static bool
talks_early(struct session *s)
{
	int64_t wait = config_int(s->config, CFG_SMTP_EARLY_TALK);
	bool unused;

	if (s->role != ROLE_MX || !s->c->peer.is_socket || s->is_tls)
		return false;
	if (wait == 0)
		return stream_has_input(s->stream);
	return stream_wait(
		   s->stream, -1, clock_deadline(wait), &unused) == IO_OK;
}

static bool
start_tls(struct session *s)
{
	struct err err;
	enum io io;

	if (!s->is_tls)
		return true;
	(void)tls_server_refresh(s->h->tls, &err);
	io = stream_start_tls_server(s->stream, s->h->tls,
	    session_deadline(s, CFG_SMTP_TIMEOUT_COMMAND));
	if (io == IO_OK)
		return true;
	log_begin(LOG_AT_INFO, "tls-failed");
	log_cstr("text", stream_error_text(s->stream));
	log_end();
	return false;
}

static void
greet(struct session *s)
{
	if (talks_early(s)) {
		chat_close(s, 554, "", "%.*s you talk before the greeting",
		    STR_ARG(s->p->hostname));
		return;
	}
	if (!policy_passes(s, "connect", STR(""), NULL)) {
		s->is_ending = true;
		return;
	}
	chat_reply(s, 220, "", "%.*s %s M3MTA", STR_ARG(s->p->hostname),
	    s->role == ROLE_LMTP ? "LMTP" : "ESMTP");
}

const struct server_listener session_listeners[] = {
	{ "smtp", ROLE_MX, false },
	{ "submission", ROLE_SUBMISSION, false },
	{ "submissions", ROLE_SUBMISSION, true },
	{ "lmtp", ROLE_LMTP, false },
	{ NULL, 0, false },
};

/*
 * The name of the socket decides, unless an option did. It is a session's
 * own: a child serves connections of all of its sockets.
 */
static void
session_take_role(struct session *s, const char *listener)
{
	const struct server_listener *l =
	    server_find_listener(session_listeners, listener);

	s->role = s->h->role;
	s->is_tls = s->h->is_tls;
	if (!s->h->is_role_given && l) {
		s->role = (enum role)l->role;
		s->is_tls |= l->is_tls;
	}
}

/* The last words when the ceiling is reached, or there is no memory. */
static void
session_out_of_memory(void *ctx)
{
	struct session *s = ctx;

	log_begin(LOG_AT_WARN, "out-of-memory");
	log_end();
	chat_close(s, 421, "4.3.2", "%.*s out of memory",
	    STR_ARG(s->p->hostname));
	chat_flush(s);
}

static void
open_session(struct session *s, struct handler *h, struct connection *c)
{
	*s = (struct session){ .h = h, .p = &h->program,
		.config = &h->program.config, .c = c };
	session_take_role(s, c->listener);
	s->stream = stream_new_fd(c->in_fd, c->out_fd);
	stream_set_stop_fd(s->stream, c->stop_fd);
	vigil_open(&s->vigil, &s->account, s->p->db,
	    config_str(s->config, CFG_RUNTIME_DIR));
	vigil_watch(&s->vigil, s->stream);
	s->reader = reader_new(s->stream, BUFFER_SIZE);
	s->writer = writer_new(s->stream, BUFFER_SIZE, WRITE_TIMEOUT_MS);
	s->arena = arena_new();
	s->txn_arena = arena_new();
	arena_set_limit(s->txn_arena, LIMIT_SMTP_TRANSACTION);
	s->command_arena = arena_new();
	mem_set_oom_handler(session_out_of_memory, s);
	mem_set_ceiling(LIMIT_SMTP_MEMORY);
	s->deadline_ms = clock_deadline(
	    config_int(s->config, CFG_SMTP_TIMEOUT_SESSION));
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
	log_num("messages", s->n_messages);
	log_num("errors", s->n_errors);
	log_end();
	log_set_session(STR(""), STR(""));
	hooks_free(s->hooks);
	vigil_close(&s->vigil);
	account_close(&s->account);
	writer_free(s->writer);
	reader_free(s->reader);
	stream_free(s->stream);
	arena_wipe(s->command_arena);
	arena_free(s->command_arena);
	arena_wipe(s->txn_arena);
	arena_free(s->txn_arena);
	arena_wipe(s->arena);
	arena_free(s->arena);
	mem_set_oom_handler(NULL, NULL);
	mem_set_ceiling(SIZE_MAX);
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
		while (!s.is_ending && writer_error(s.writer) == IO_OK)
			next_command(&s);
	}
	is_clean = writer_error(s.writer) == IO_OK;
	close_session(&s);
	return is_clean;
}
