/*
 * UIDBATCHES (RFC 10022): ranges of uids that cut the mailbox into batches of
 * so many messages, the newest first. The map is in memory, so each batch is
 * exact; ranges touch each other, and the last one ends with 1.
 */
#include "commands.h"

#include "base/limits.h"
#include "base/num.h"

#include "base/banned.h"

struct batches {
	uint32_t size;
	uint32_t from;       /* batches from 1; 0: all */
	uint32_t to;
};

static bool
parse_nz(struct str text, uint32_t *ret)
{
	return num_parse_u32(text, ret) && *ret > 0 && text.p[0] != '0';
}

/* NULL, or what is wrong. */
static const char *
parse(const struct read_command *c, struct batches *b)
{
	const struct arg *v = c->text.args;
	struct str rest, first;

	if (v[0].type != ARG_ATOM || !parse_nz(v[0].s, &b->size))
		return "A batch size is wanted";
	if (c->text.n < 2)
		return NULL;
	rest = v[1].s;
	if (v[1].type != ARG_ATOM || !str_has_char(rest, ':') ||
	    !str_split_char(&rest, ':', &first) ||
	    !parse_nz(first, &b->from) || !parse_nz(rest, &b->to))
		return "A range of batches is wanted";
	if (b->from > b->to)
		return "[CLIENTBUG] The range of batches is turned round";
	return NULL;
}

/*
 * Asking again makes sense when half a batch came or went (3.1.1); until
 * then there are so many commands, to walk a big mailbox by ranges.
 */
static bool
is_asked_too_often(struct view *v, const struct batches *b)
{
	uint32_t come = v->folder.uidnext - v->batches.uidnext;
	uint32_t gone =
	    v->batches.exists + come - v->folder.exists;

	if (v->batches.n == 0 || come > b->size / 2 || gone > b->size / 2) {
		v->batches.n = 0;
		v->batches.uidnext = v->folder.uidnext;
		v->batches.exists = v->folder.exists;
	}
	return v->batches.n++ >= LIMIT_IMAP_BATCHES;
}

static bool
is_too_many(const struct batches *b)
{
	return b->from &&
	    (uint64_t)(b->to - b->from + 1) * b->size >
	    LIMIT_IMAP_BATCH_SPAN;
}

static void
tell(struct session *s, const struct batches *b)
{
	const struct view *v = s->view;
	uint32_t hi = 0, uid = 0, batch = 1, n = 0;
	struct buf out = BUF_INIT;
	size_t i = v->n_announced;

	while (i-- > 0 && (!b->to || batch <= b->to)) {
		if (v->v[i].is_gone)
			continue;
		if (n == b->size) {
			/* The one before it ends a batch. */
			if (batch >= b->from)
				buf_printf(&out, "%s%u:%u",
				    out.len ? "," : " ", hi, uid);
			hi = uid - 1;
			n = 0;
			batch++;
		}
		uid = v->v[i].e.uid;
		hi = hi ? hi : uid;
		n++;
	}
	if (n && i == SIZE_MAX && batch >= b->from &&
	    (!b->to || batch <= b->to))
		buf_printf(&out, "%s%u:1", out.len ? "," : " ", hi);
	writer_add_cstr(s->writer, "* UIDBATCHES (TAG ");
	chat_string(s, s->tag);
	writer_add_cstr(s->writer, ")");
	writer_add_str(s->writer, buf_str(&out));
	writer_add_cstr(s->writer, "\r\n");
	buf_done(&out);
}

void
cmd_uidbatches(struct session *s, const struct read_command *c)
{
	struct batches b = { 0 };
	const char *wrong = parse(c, &b);
	struct err err;

	if (wrong)
		chat_bad(s, wrong);
	else if (b.size < LIMIT_IMAP_BATCH_MIN)
		chat_no(s, "[TOOFEW] A batch has at least %d messages",
		    LIMIT_IMAP_BATCH_MIN);
	else if (is_too_many(&b))
		chat_no(s, "[TOOMANY] At most %d messages at a time",
		    LIMIT_IMAP_BATCH_SPAN);
	else if (view_load(s, &err) != RC_OK)
		chat_failure(s, &err);
	else if (is_asked_too_often(s->view, &b))
		chat_no(s, "[LIMIT] The mailbox has not changed so much");
	else {
		tell(s, &b);
		command_done(s, s->is_uid, "Batches told");
	}
}
