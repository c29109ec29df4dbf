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

void
progress_begin(struct session *s)
{
	s->next_progress_ms = next_time(s);
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

void
progress_step(struct session *s, uint64_t done, uint64_t goal)
{
	struct buf b = BUF_INIT;

	if (clock_mono_ms() < s->next_progress_ms)
		return;
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
progress_of_db(void *ctx, uint64_t done, uint64_t goal)
{
	progress_step(ctx, done, goal);
}
