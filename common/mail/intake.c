/* The header of mail that comes in; see intake.h. */
#include "mail/intake.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/limits.h"
#include "text/date.h"

#include "base/banned.h"

/* What a line is, as far as its first octets say. */
enum intake_line {
	LINE_UNKNOWN,
	LINE_FIELD,        /* "name:" is there */
	LINE_CONTINUATION,
	LINE_EMPTY,
	LINE_TEXT,         /* nothing that a header has */
};

enum intake_state { AT_START, IN_LINE, IN_BODY };

struct intake {
	struct intake_options o;
	enum intake_state state;
	struct buf line;     /* its start, while it is LINE_UNKNOWN */
	bool is_name_over;   /* a blank stood behind the name */
	bool is_left_out;    /* the field that is being read */
	bool has_lines;      /* one was taken before */
	bool has_date;
	bool has_id;
};

struct intake *
intake_new(struct arena *a, const struct intake_options *o)
{
	struct intake *u = ARENA_NEW(a, struct intake);

	u->o = *o;
	return u;
}

void
intake_free(struct intake *u)
{
	if (u)
		buf_done(&u->line);
}

/* --- fields ----------------------------------------------------------------- */

/*
 * Bcc and Resent-Bcc name those that the others shall not see. Return-Path is
 * written at delivery (RFC 5321 4.4). Content-Length is of a mailbox file,
 * and programs that believe it cut the message.
 */
static const struct str never[] = { STR_INIT("Bcc"), STR_INIT("Resent-Bcc"),
	STR_INIT("Return-Path"), STR_INIT("Content-Length") };

static bool
intake_leaves_out(const struct intake *u, struct str name)
{
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(*never); i++) {
		if (str_equals_nocase(name, never[i]))
			return true;
	}
	return u->o.is_judged_here &&
	    str_starts_with_nocase(name, STR("X-Spam-"));
}

static void
intake_take_field(struct intake *u)
{
	struct str name = str_trim(
	    str_slice(buf_str(&u->line), 0, u->line.len - 1));

	u->is_left_out = intake_leaves_out(u, name);
	u->has_date |= str_equals_nocase(name, STR("Date"));
	u->has_id |= str_equals_nocase(name, STR("Message-ID"));
}

static void
intake_add_missing(struct intake *u, intake_sink *sink, void *ctx)
{
	struct buf b = BUF_INIT;
	char text[OID_HEX];

	if (u->o.is_submission && !u->has_date) {
		buf_add_cstr(&b, "Date: ");
		date_print_rfc5322(&b, u->o.now_s, 0);
		buf_add_cstr(&b, "\r\n");
	}
	if (u->o.is_submission && !u->has_id)
		buf_printf(&b, "Message-ID: <%.*s@%.*s>\r\n",
		    STR_ARG(oid_format(&u->o.id, text)),
		    STR_ARG(u->o.hostname));
	if (b.len)
		sink(ctx, buf_str(&b));
	buf_done(&b);
}

/* --- lines ------------------------------------------------------------------- */

/* By the octet that was added last; those before left it open. */
static enum intake_line
intake_judge(struct intake *u)
{
	const char *p = u->line.p;
	size_t n = u->line.len;
	char c = p[n - 1];

	if (c == '\n')
		return n == 1 || (n == 2 && p[0] == '\r') ? LINE_EMPTY
							  : LINE_TEXT;
	if (n == 1 && ascii_is_blank(c))
		return u->has_lines ? LINE_CONTINUATION : LINE_TEXT;
	if (n == 1 && c == '\r')
		return LINE_UNKNOWN;
	if (c == ':' && n > 1 && p[0] != '\r')
		return LINE_FIELD;
	if (ascii_is_blank(c))
		u->is_name_over = true;
	else if (!ascii_is_graph(c) || u->is_name_over || c == ':' ||
	    p[0] == '\r')
		return LINE_TEXT;
	if (n < LIMIT_HEADER_NAME)
		return LINE_UNKNOWN;
	/* No line may be as long; what hides in it goes all the same. */
	if (!u->is_name_over)
		return LINE_TEXT;
	return intake_leaves_out(u, str_trim(buf_str(&u->line))) ? LINE_FIELD
								  : LINE_TEXT;
}

/* The first line of a message that was in a mailbox file: "From a@b ...". */
static bool
intake_is_mailbox_line(const struct intake *u)
{
	struct str s = buf_str(&u->line);

	while (s.len && s.p[0] == '>')
		s = str_tail(s, 1);
	return !u->has_lines && str_starts_with(s, STR("From "));
}

static void
intake_emit_line(struct intake *u, intake_sink *sink, void *ctx)
{
	if (!u->is_left_out)
		sink(ctx, buf_str(&u->line));
	buf_reset(&u->line);
	u->is_name_over = false;
	u->has_lines = true;
}

/* What was held back, now that it is known. */
static void
intake_take_line(struct intake *u, enum intake_line kind, intake_sink *sink,
    void *ctx)
{
	u->state = IN_LINE;
	if (kind == LINE_FIELD) {
		intake_take_field(u);
	} else if (kind == LINE_TEXT && intake_is_mailbox_line(u)) {
		u->is_left_out = false;
		sink(ctx, STR("X-Mailbox-Line: "));
	} else if (kind != LINE_CONTINUATION) {
		u->is_left_out = false;
		intake_add_missing(u, sink, ctx);
		if (kind == LINE_TEXT)
			sink(ctx, STR("\r\n"));
		u->state = IN_BODY;
	}
	intake_emit_line(u, sink, ctx);
}

/* The rest of a line; octets taken. */
static size_t
intake_pass(struct intake *u, struct str bytes, intake_sink *sink, void *ctx)
{
	size_t end = str_find_char(bytes, '\n');
	size_t n = end < bytes.len ? end + 1 : end;

	if (!u->is_left_out)
		sink(ctx, str_slice(bytes, 0, n));
	if (end < bytes.len)
		u->state = AT_START;
	return n;
}

void
intake_push(struct intake *u, struct str bytes, intake_sink *sink, void *ctx)
{
	enum intake_line kind;
	bool is_whole;

	while (bytes.len && u->state != IN_BODY) {
		if (u->state == IN_LINE) {
			bytes = str_tail(
			    bytes, intake_pass(u, bytes, sink, ctx));
			continue;
		}
		buf_add_char(&u->line, bytes.p[0]);
		is_whole = bytes.p[0] == '\n';
		bytes = str_tail(bytes, 1);
		kind = intake_judge(u);
		if (kind == LINE_UNKNOWN)
			continue;
		intake_take_line(u, kind, sink, ctx);
		if (is_whole && u->state == IN_LINE)
			u->state = AT_START;
	}
	if (bytes.len)
		sink(ctx, bytes);
}

void
intake_finish(struct intake *u, intake_sink *sink, void *ctx)
{
	if (u->state == AT_START && u->line.len)
		intake_take_line(u, LINE_TEXT, sink, ctx);
	if (u->state == IN_BODY)
		return;
	if (u->state == IN_LINE && !u->is_left_out)
		sink(ctx, STR("\r\n"));
	intake_add_missing(u, sink, ctx);
	u->state = IN_BODY;
}
