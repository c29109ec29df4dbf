/* Reading a command; see read.h. */
#include "read.h"

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

enum { BLOCK = 65536, DRAIN_MAX = 1 << 26 };

struct gathering {
	struct session *s;
	VEC(struct command_piece) pieces;
	size_t octets;
	size_t n_literals;
	struct str before;  /* the first line */
	struct pending_literal pending;
};

/* How the lists around a message literal are opened and closed. */
static const struct {
	struct str open;
	struct str close;
} places[] = {
	[PLACE_PLAIN] = { STR_INIT(""), STR_INIT("") },
	[PLACE_UTF8] = { STR_INIT(" UTF8 ("), STR_INIT(")") },
	[PLACE_CATENATE] = { STR_INIT(" CATENATE ("), STR_INIT(")") },
	[PLACE_CATENATE_UTF8] = { STR_INIT(" CATENATE (UTF8 ("),
	    STR_INIT("))") },
};

static size_t
budget(const struct session *s)
{
	return s->state == STATE_CONNECTED ? LIMIT_IMAP_LINE_PREAUTH
					   : LIMIT_IMAP_LINE;
}

enum io
read_literal(struct session *s, uint64_t size,
    void (*sink)(void *ctx, struct str block), void *ctx)
{
	struct str block;
	enum io io = IO_OK;

	while (size > 0 && io == IO_OK) {
		io = reader_block(s->reader, size < BLOCK ? (size_t)size : BLOCK,
		    session_deadline(s), &block);
		if (io != IO_OK)
			break;
		if (sink)
			sink(ctx, block);
		size -= block.len;
		reader_consume(s->reader, block.len);
	}
	if (io == IO_STOPPED)
		session_stopped(s);
	return io;
}

/* In read_more the tag is known; else the first line may have a good one. */
static enum read_result
refuse(struct session *s, struct str line, const char *text)
{
	size_t end = str_find_char(line, ' ');
	struct command_piece piece = { .line = str_slice(line, 0, end) };
	struct command_text c;

	if (s->tag.len == 0) {
		(void)command_parse(s->command_arena, &piece, 1, &c);
		s->tag = c.tag;
	}
	chat_bad(s, text);
	return READ_ANSWERED;
}

static struct str
first_line(const struct gathering *g, struct str line)
{
	return g->pieces.n ? g->pieces.v[0].line : line;
}

/*
 * What follows a refused line without being asked for: the literal, the rest
 * of its line, and what that ends with. When nobody knows where it ends, the
 * connection does.
 */
static enum read_result
drain(struct session *s, struct literal_spec l, uint64_t max)
{
	uint64_t total = 0;
	struct line rest;

	while (l.kind == LITERAL_NONSYNC && s->state != STATE_LOGOUT) {
		total += l.size;
		if (total > max)
			break;
		if (read_literal(s, l.size, NULL, NULL) != IO_OK ||
		    reader_line(s->reader, LIMIT_IMAP_LINE, DRAIN_MAX,
			session_deadline(s), &rest) != IO_OK)
			return READ_END;
		l = literal_of(rest.text);
		if (rest.is_long)
			l.kind = LITERAL_LOST;
	}
	if (l.kind != LITERAL_NONSYNC && l.kind != LITERAL_LOST)
		return READ_ANSWERED;
	chat_bye(s, "Literal too big");
	return READ_END;
}

void
read_drop(struct session *s, const struct pending_literal *p)
{
	struct literal_spec l = { .kind = LITERAL_NONSYNC, .size = p->size };

	if (p->is_there && !p->is_sync &&
	    drain(s, l, UINT32_MAX) == READ_END)
		session_enter(s, STATE_LOGOUT);
}

static enum read_result
refuse_literal(struct gathering *g, const struct literal_spec *l,
    struct str line, const char *text)
{
	(void)refuse(g->s, first_line(g, line), text);
	return drain(g->s, *l, DRAIN_MAX);
}

static void
keep(void *ctx, struct str block)
{
	buf_add_str(ctx, block);
}

/* "name (" at the end: the list, when its name is right. */
static const struct arg *
last_list(const struct arg *v, size_t n, struct str name)
{
	return n >= 2 && v[n - 1].type == ARG_LIST &&
		arg_is_atom(&v[n - 2], name)
	    ? &v[n - 1]
	    : NULL;
}

static bool
is_empty_list(const struct arg *list)
{
	return list && list->n == 0;
}

/* The command, closed for this place, ends with it. */
static bool
is_at_place(const struct command_text *c, enum literal_place place)
{
	size_t before = str_equals_nocase(c->name, STR("REPLACE")) ? 2 : 1;
	const struct arg *v = c->args, *list;
	size_t n = c->n;

	if (n < before)
		return false;
	if (place == PLACE_PLAIN)
		return true;
	if (place == PLACE_UTF8)
		return is_empty_list(last_list(v, n, STR("UTF8")));
	list = last_list(v, n, STR("CATENATE"));
	if (!list || list->n == 0)
		return false;
	if (place == PLACE_CATENATE)
		return arg_is_atom(&list->v[list->n - 1], STR("TEXT"));
	return is_empty_list(last_list(list->v, list->n, STR("UTF8")));
}

/* By its first words; only these two have literals that are messages. */
static bool
read_is_append(const struct gathering *g, struct str line)
{
	struct command_text c;

	return g->s->state != STATE_CONNECTED &&
	    !command_parse_name(first_line(g, line), &c) &&
	    (str_equals_nocase(c.name, STR("APPEND")) ||
		str_equals_nocase(c.name, STR("REPLACE")));
}

/* all[n - 1] ends where the literal begins. */
static bool
read_find_place(struct arena *a, struct command_piece *all, size_t n,
    enum literal_place *ret_place)
{
	struct str before = all[n - 1].line;
	struct command_text c;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		all[n - 1].line = arena_join(a, before, places[i].close);
		if (!command_parse(a, all, n, &c) &&
		    is_at_place(&c, (enum literal_place)i)) {
			*ret_place = (enum literal_place)i;
			return true;
		}
	}
	return false;
}

/*
 * APPEND or REPLACE that has its mailbox: the message comes next. What is
 * parsed to find that out is thrown away.
 */
static bool
is_message_next(struct gathering *g, const struct literal_spec *l,
    enum literal_place *ret_place)
{
	struct command_piece *all;
	size_t n = g->pieces.n;
	struct arena *a;
	bool is_next;

	if (!read_is_append(g, l->before))
		return false;
	a = arena_new();
	arena_set_limit(a, LIMIT_IMAP_COMMAND);
	all = ARENA_ARRAY(a, n + 1, struct command_piece);
	if (n)
		memcpy(all, g->pieces.v, n * sizeof(*all));
	all[n].line = l->before;
	is_next =
	    read_find_place(a, all, n + 1, ret_place);
	arena_free(a);
	return is_next;
}

static enum read_result
take_literal(struct gathering *g, const struct literal_spec *l,
    struct command_piece *piece)
{
	struct session *s = g->s;
	struct buf b = BUF_INIT;
	enum io io;

	if (++g->n_literals > LIMIT_IMAP_LITERALS)
		return refuse_literal(
		    g, l, piece->line, "Too many literals");
	if (l->size > budget(s) - g->octets)
		return refuse_literal(g, l, piece->line, "Literal too big");
	g->octets += l->size;
	if (l->kind == LITERAL_SYNC)
		chat_continue(s, "OK");
	io = read_literal(s, l->size, keep, &b);
	piece->has_literal = true;
	piece->is_literal8 = l->is_literal8;
	piece->literal = arena_dup_str(s->command_arena, buf_str(&b));
	buf_done(&b);
	return io == IO_OK ? READ_COMMAND : READ_END;
}

/* NULL, or what is wrong with a line that is not too long. */
static const char *
check_line(const struct line *l, const struct literal_spec *literal)
{
	if (l->end == LINE_LF)
		return "Lines end with CR LF";
	if (l->has_nul || l->has_cr)
		return "NUL or CR in a command";
	if (literal->kind == LITERAL_BAD || literal->kind == LITERAL_LOST)
		return "Bad literal";
	return NULL;
}

static enum read_result
end_of_input(struct session *s, enum io io)
{
	if (io == IO_TIMEOUT)
		chat_bye(s, "Autologout: idle for too long");
	else if (io == IO_STOPPED)
		session_stopped(s);
	else if (reader_gave_up(s->reader))
		chat_bye(s, "Command too long");
	return READ_END;
}

/* One line, with what follows from its literal. *ret_last: no literal. */
static enum read_result
take_line(struct gathering *g, bool *ret_last)
{
	struct session *s = g->s;
	struct command_piece piece = { 0 };
	enum read_result r = READ_COMMAND;
	enum literal_place place;
	struct literal_spec l;
	const char *wrong;
	struct line line;
	enum io io;

	io = reader_line(s->reader, budget(s), LIMIT_IMAP_LINE * 2,
	    session_deadline(s), &line);
	if (io != IO_OK)
		return end_of_input(s, io);
	g->octets += line.text.len;
	if (line.is_long || g->octets > budget(s)) {
		refuse(s, first_line(g, line.text), "Command too long");
		chat_bye(s, "Command too long");
		return READ_END;
	}
	l = literal_of(line.text);
	if ((wrong = check_line(&line, &l)) != NULL)
		return refuse_literal(g, &l, line.text, wrong);
	line.text = arena_join(
	    s->command_arena, g->pieces.n ? STR("") : g->before, line.text);
	l = literal_of(line.text);
	piece.line = l.kind == LITERAL_NONE ? line.text : l.before;
	*ret_last = l.kind == LITERAL_NONE;
	if (l.kind != LITERAL_NONE && is_message_next(g, &l, &place)) {
		g->pending = (struct pending_literal){ true, place,
			l.kind == LITERAL_SYNC, l.is_literal8, l.size };
		piece.line = arena_join(
		    s->command_arena, l.before, places[place].close);
		*ret_last = true;
	} else if (l.kind != LITERAL_NONE) {
		r = take_literal(g, &l, &piece);
	}
	if (r == READ_COMMAND)
		VEC_PUSH(s->command_arena, &g->pieces, piece);
	return r;
}

/* It has no end of line, and its client waits for ever. */
static bool
is_client_hello(struct session *s)
{
	struct str start;

	return s->state == STATE_CONNECTED && !s->speaks_imap &&
	    reader_block(s->reader, 1, session_deadline(s), &start) ==
		IO_OK &&
	    start.p[0] == 0x16;
}

enum read_result
read_command(struct session *s, struct read_command *ret)
{
	struct gathering g = { .s = s };
	enum read_result r = READ_COMMAND;
	const char *wrong;
	bool is_last = false;

	s->tag = STR("");
	if (is_client_hello(s)) {
		chat_bad(s, "TLS begins with STARTTLS here");
		chat_bye(s, "No IMAP");
		return READ_END;
	}
	while (r == READ_COMMAND && !is_last) {
		r = take_line(&g, &is_last);
		/* iOS sends an empty line before a tag. */
		if (r == READ_COMMAND && is_last && g.pieces.n == 1 &&
		    g.pieces.v[0].line.len == 0)
			return READ_ANSWERED;
	}
	if (r != READ_COMMAND)
		return r;
	wrong = command_parse(
	    s->command_arena, g.pieces.v, g.pieces.n,
	    &ret->text);
	s->tag = ret->text.tag;
	if (wrong) {
		chat_bad(s, wrong);
		return READ_ANSWERED;
	}
	ret->pending = g.pending;
	return READ_COMMAND;
}

enum read_result
read_more(struct session *s, enum literal_place place,
    const struct arg **ret_v, size_t *ret_n,
    struct pending_literal *ret_pending)
{
	struct gathering g = { .s = s };
	struct command_text c;
	enum read_result r = READ_COMMAND;
	const char *wrong;
	bool is_last = false;
	struct str tag = s->tag;

	g.before = arena_join(
	    s->command_arena, STR("x APPEND y"), places[place].open);
	while (r == READ_COMMAND && !is_last)
		r = take_line(&g, &is_last);
	s->tag = tag;
	if (r != READ_COMMAND)
		return r;
	wrong = command_parse(
	    s->command_arena, g.pieces.v, g.pieces.n, &c);
	if (!wrong && (c.n == 0 || !str_equals(c.args[0].s, STR("y"))))
		wrong = "A blank is missing";
	if (wrong) {
		chat_bad(s, wrong);
		read_drop(s, &g.pending);
		return READ_ANSWERED;
	}
	*ret_v = c.args + 1;
	*ret_n = c.n - 1;
	*ret_pending = g.pending;
	return READ_COMMAND;
}
