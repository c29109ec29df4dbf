/*
 * Address lists. An address is a group or a mailbox, and a mailbox is
 * `phrase <...>` or `local@domain`; which one it is shows only behind the
 * phrase, so an address is read at most three times from its start, which
 * keeps the whole linear.
 */
#include "mime/address.h"

#include "base/limits.h"
#include "base/vec.h"
#include "mime/scan.h"
#include "base/banned.h"

struct lister {
	struct scan s;
	struct scratch out;     /* strings of the address being read */
	struct facts_address address;
	const struct address_sink *sink;
	bool is_stopped;
};

static struct str
since(const struct lister *l, size_t mark)
{
	return str_make(l->out.p + mark, l->out.len - mark);
}

/* Hands the address out and starts the next one. */
static void
emit(struct lister *l)
{
	if (!l->is_stopped)
		l->is_stopped = !l->sink->add(l->sink->ctx, &l->address);
	l->address = (struct facts_address){ 0 };
	l->out.len = 0;
}

static void
emit_mailbox(struct lister *l)
{
	if (!l->address.mailbox.p)
		l->address.mailbox = STR("MISSING_MAILBOX");
	if (!l->address.host.p)
		l->address.host = STR("MISSING_DOMAIN");
	emit(l);
}

static enum scan_result
local_part(struct lister *l)
{
	size_t mark = l->out.len;
	enum scan_result r;

	if (scan_is_at(&l->s, '"'))
		r = scan_quoted(&l->s, &l->out);
	else
		r = scan_dot_atom(&l->s, &l->out);
	if (r != SCAN_BAD)
		l->address.mailbox = since(l, mark);
	return r;
}

static enum scan_result
domain(struct lister *l)
{
	size_t mark = l->out.len;
	enum scan_result r = scan_domain(&l->s, &l->out);

	if (r != SCAN_BAD)
		l->address.host = since(l, mark);
	return r;
}

/* "@" domain *("," "@" domain) ":" */
static enum scan_result
route(struct lister *l)
{
	size_t mark = l->out.len;
	enum scan_result r = SCAN_MORE;

	while (r == SCAN_MORE && *l->s.p == '@') {
		if (l->out.len > mark)
			scratch_add_char(&l->out, ',');
		scratch_add_char(&l->out, '@');
		r = scan_domain(&l->s, &l->out);
		while (r == SCAN_MORE && *l->s.p == ',') {
			l->s.p++;
			r = scan_skip_cfws(&l->s);
		}
	}
	if (r != SCAN_MORE || *l->s.p != ':') {
		l->address.route = STR("INVALID_ROUTE");
		return SCAN_BAD;
	}
	l->address.route = since(l, mark);
	l->s.p++;
	return scan_skip_cfws(&l->s);
}

/* p stands on '<'. */
static enum scan_result
angle_addr(struct lister *l)
{
	enum scan_result r;

	l->s.p++;
	r = scan_skip_cfws(&l->s);
	if (r == SCAN_MORE && *l->s.p == '@')
		r = route(l);
	if (r != SCAN_MORE)
		return r;
	/* "<>" is the null address: neither part is there. */
	if (*l->s.p != '>') {
		r = local_part(l);
		if (r != SCAN_MORE)
			return r;
		if (*l->s.p == '@') {
			r = domain(l);
			if (r != SCAN_MORE)
				return r;
		}
	}
	if (*l->s.p != '>')
		return SCAN_BAD;
	l->s.p++;
	return scan_skip_cfws(&l->s);
}

/* [phrase] "<" ... ">"; SCAN_BAD: it is not of that form. */
static enum scan_result
name_addr(struct lister *l)
{
	if (scan_phrase(&l->s, &l->out) != SCAN_MORE || *l->s.p != '<')
		return SCAN_BAD;
	if (l->out.len)
		l->address.name = scratch_str(&l->out);
	if (angle_addr(l) == SCAN_BAD)
		l->address.host = STR("SYNTAX_ERROR");
	return l->s.p < l->s.end ? SCAN_MORE : SCAN_END;
}

/* The name may stand in a comment: joe@example.com (Joe) */
static enum scan_result
addr_spec(struct lister *l)
{
	enum scan_result r;
	struct str comment;
	size_t mark;

	l->s.comment = STR_NONE;
	r = local_part(l);
	if (r != SCAN_END && scan_is_at(&l->s, '@'))
		r = domain(l) == SCAN_BAD ? SCAN_BAD
		    : l->s.p < l->s.end	  ? r
					  : SCAN_END;
	comment = l->s.comment;
	if (!comment.len)
		return r;
	mark = l->out.len;
	for (size_t i = 0; i < comment.len; i++) {
		if (comment.p[i] == '\\' && i + 1 < comment.len)
			i++;
		scratch_add_char(&l->out, comment.p[i]);
	}
	l->address.name = since(l, mark);
	return r;
}

static void
go_back(struct lister *l, const char *start)
{
	l->s.p = start;
	l->out.len = 0;
	l->address = (struct facts_address){ 0 };
}

/* Several words without an address: they are a name. */
static enum scan_result
name_alone(struct lister *l)
{
	enum scan_result r = scan_phrase(&l->s, &l->out);

	if (l->out.len)
		l->address.name = scratch_str(&l->out);
	return r;
}

static enum scan_result
mailbox(struct lister *l)
{
	const char *start = l->s.p;
	enum scan_result r = name_addr(l);

	if (r == SCAN_BAD) {
		go_back(l, start);
		r = addr_spec(l);
		if (r == SCAN_MORE && scan_is_atext(*l->s.p) &&
		    !l->address.host.p) {
			go_back(l, start);
			r = name_alone(l);
		}
	}
	emit_mailbox(l);
	return r;
}

/* The mailboxes behind the group's colon. SCAN_MORE: p stands behind ';'. */
static enum scan_result
group_members(struct lister *l)
{
	enum scan_result r = scan_skip_cfws(&l->s);

	while (r == SCAN_MORE && *l->s.p != ';') {
		r = mailbox(l);
		if (r != SCAN_MORE || *l->s.p != ',')
			break;
		l->s.p++;
		r = scan_skip_cfws(&l->s);
	}
	if (r != SCAN_MORE || *l->s.p != ';')
		return SCAN_BAD;
	l->s.p++;
	return scan_skip_cfws(&l->s);
}

/* SCAN_BAD: not a group, nothing was handed out. */
static enum scan_result
group(struct lister *l)
{
	enum scan_result r;

	if (scan_phrase(&l->s, &l->out) != SCAN_MORE || *l->s.p != ':')
		return SCAN_BAD;
	l->s.p++;
	l->address.mailbox = scratch_str(&l->out);
	emit(l);
	r = group_members(l);
	emit(l);
	if (r != SCAN_BAD)
		return r;
	return l->s.p < l->s.end ? SCAN_MORE : SCAN_END;
}

static enum scan_result
address(struct lister *l)
{
	const char *start = l->s.p;
	enum scan_result r = group(l);

	if (r != SCAN_BAD)
		return r;
	if (l->s.p == l->s.end && start == l->s.end)
		return SCAN_END;
	l->s.p = start;
	l->out.len = 0;
	return mailbox(l);
}

void
address_list_parse(
    struct arena *a, struct str value, const struct address_sink *sink)
{
	struct lister l = {
		.s = scan_make(value),
		.out = scratch_new(a, SCRATCH_ROOM(value.len) * 2),
		.sink = sink,
	};
	enum scan_result r = scan_skip_cfws(&l.s);

	while (r == SCAN_MORE && !l.is_stopped) {
		if (address(&l) == SCAN_END || !scan_is_at(&l.s, ','))
			return;
		l.s.p++;
		r = scan_skip_cfws(&l.s);
		if (r == SCAN_BAD)
			emit_mailbox(&l);
	}
}

struct collector {
	struct arena *a;
	VEC(struct facts_address) v;
};

static struct str
dup_or_none(struct arena *a, struct str s)
{
	return s.p ? arena_dup_str(a, s) : STR_NONE;
}

static bool
collect(void *ctx, const struct facts_address *x)
{
	struct collector *c = ctx;
	struct facts_address *to = VEC_ADD(c->a, &c->v);

	to->name = dup_or_none(c->a, x->name);
	to->route = dup_or_none(c->a, x->route);
	to->mailbox = dup_or_none(c->a, x->mailbox);
	to->host = dup_or_none(c->a, x->host);
	return c->v.n < LIMIT_MIME_ADDRESSES;
}

struct facts_addresses
address_list_collect(struct arena *a, struct str value)
{
	struct collector c = { .a = a };
	struct address_sink sink = { collect, &c };

	address_list_parse(a, value, &sink);
	return (struct facts_addresses){ c.v.v, c.v.n };
}
