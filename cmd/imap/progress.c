/* Progress of long commands; see progress.h. */
#include "progress.h"

#include "base/clock.h"
#include "chat.h"

#include "base/banned.h"

static int64_t
next_time(const struct session *s)
{
	return clock_deadline(
	    config_int(s->config, CFG_IMAP_PROGRESS_INTERVAL));
}

enum { CHECK_MS = 100, CHECK_HALF_MS = 1000 };

void
progress_begin(struct session *s)
{
	s->next_progress_ms = next_time(s);
	s->next_check_ms = clock_deadline(CHECK_MS);
	s->cpu_from_ms = clock_cpu_ms();
	s->cut = NULL;
}

/* A tag with ']' would end the response code (RFC 9585 4). */
static void
add_tag(struct session *s, struct buf *b)
{
	if (str_has_char(s->tag, ']'))
		buf_add_cstr(b, "NIL");
	else
		buf_printf(b, "\"%.*s\"", STR_ARG(s->tag));
}

static void
progress_tell(struct session *s, uint64_t done, uint64_t goal)
{
	struct buf b = BUF_INIT;

	s->next_progress_ms = next_time(s);
	add_tag(s, &b);
	if (done < goal)
		buf_printf(&b, " %llu %llu", (unsigned long long)done,
		    (unsigned long long)goal);
	else
		buf_add_cstr(&b, " NIL NIL");
	chat_untagged(
	    s, "OK [INPROGRESS (%.*s)] Still at it", STR_ARG(buf_str(&b)));
	buf_done(&b);
	chat_flush(s);
}

void
progress_step(struct session *s, uint64_t done, uint64_t goal)
{
	if (clock_mono_ms() >= s->next_progress_ms)
		progress_tell(s, done, goal);
}

/*
 * A client that ended its own side may still read (`printf ... | nc`), or be
 * gone: what it is told now brings that to light.
 */
static bool
progress_is_alone(struct session *s)
{
	enum stream_end end = stream_end(s->stream);

	if (end == STREAM_HALF && clock_mono_ms() >= s->next_check_ms) {
		progress_tell(s, 0, 0);
		s->next_check_ms = clock_deadline(CHECK_HALF_MS);
	}
	return end == STREAM_GONE || writer_error(s->writer) != IO_OK;
}

enum rc
progress_check(struct session *s, struct err *err)
{
	if (!s->cut) {
		if (clock_mono_ms() < s->next_check_ms)
			return RC_OK;
		if (progress_is_alone(s)) {
			s->cut = "The client has gone";
			session_enter(s, STATE_LOGOUT);
		} else if (clock_cpu_ms() - s->cpu_from_ms >
		    config_int(s->config, CFG_IMAP_LIMIT_CPU)) {
			s->cut = "That takes too long";
		}
		if (clock_mono_ms() >= s->next_check_ms)
			s->next_check_ms = clock_deadline(CHECK_MS);
	}
	return s->cut ? err_set(err, RC_PERM, "LIMIT", "%s", s->cut) : RC_OK;
}

void
progress_of_db(void *ctx, uint64_t done, uint64_t goal)
{
	progress_step(ctx, done, goal);
}
