/*
 * The boundary machine. Octets are taken line by line; only lines that begin
 * with "--" while a multipart is open are kept (their first MIME_HEAD
 * octets) until it is known whether they are a boundary. Everything else is
 * counted where it lies. A line begins a new part when it begins with a
 * boundary (RFC 2046 5.1.2: a prefix is enough); of several that fit the
 * longest counts, the innermost first. The line end before a boundary
 * belongs to the boundary.
 */
#include "mime/parse_internal.h"

#include <assert.h>

#include "base/ascii.h"
#include "base/banned.h"

/* Encoded octets of a part without its strings; see facts.c. */
#define PART_COST 128

static bool
open_part(struct mime_parser *p, bool has_envelope)
{
	uint32_t index = (uint32_t)p->parts.n;
	struct facts_part *part;

	if (p->depth > LIMIT_MIME_DEPTH || index >= LIMIT_MIME_PARTS ||
	    !mime_spend(p, PART_COST)) {
		p->is_cut = true;
		return false;
	}
	part = VEC_ADD(p->a, &p->parts);
	part->parent = p->depth ? p->open[p->depth - 1] : FACTS_NO_PART;
	part->first_child = FACTS_NO_PART;
	part->next = FACTS_NO_PART;
	part->header_offset = p->at;
	p->envelope =
	    has_envelope ? ARENA_NEW(p->a, struct facts_envelope) : NULL;
	part->envelope = p->envelope;
	if (p->depth) {
		uint32_t *last = &p->last_child[p->depth - 1];

		if (*last == FACTS_NO_PART)
			p->parts.v[part->parent].first_child = index;
		else
			p->parts.v[*last].next = index;
		*last = index;
	}
	p->last_child[p->depth] = FACTS_NO_PART;
	p->open[p->depth++] = index;
	p->in_header = true;
	p->is_mime = part->parent != FACTS_NO_PART && !has_envelope;
	p->last_newline = 0;
	p->field_len = 0;
	return true;
}

struct mime_parser *
mime_parser_new(struct arena *a)
{
	struct mime_parser *p = ARENA_NEW(a, struct mime_parser);

	p->a = a;
	p->budget = LIMIT_MIME_FACTS - 1024;
	open_part(p, true);
	return p;
}

/* Ends the parts above `level`; their bodies end at `end`. */
static void
close_parts(
    struct mime_parser *p, uint32_t level, uint64_t end, uint64_t newlines)
{
	if (p->preview.is_open && p->depth > level)
		mime_preview_end(p);
	while (p->depth > level) {
		struct facts_part *part = mime_current(p);

		part->body_size = end - part->body_offset;
		part->lines = newlines - part->lines;
		p->depth--;
	}
}

static void
begin_body(struct mime_parser *p, uint64_t offset, uint64_t newlines)
{
	struct facts_part *part = mime_current(p);

	part->header_size = offset - part->header_offset;
	part->body_offset = offset;
	part->lines = newlines;
	p->last_newline = 0;
	p->in_header = false;
}

static void
push_boundary(struct mime_parser *p)
{
	const struct facts_part *part = mime_current(p);
	struct str text = STR_NONE;

	for (size_t i = 0; i < part->params.n && !text.p; i++) {
		if (str_equals(part->params.v[i].name, STR("boundary")))
			text = part->params.v[i].value;
	}
	if (text.p)
		p->bounds[p->n_bounds++] = (struct boundary){
			str_slice(text, 0, LIMIT_MIME_BOUNDARY), p->depth - 1
		};
}

/* A part that may not have children becomes opaque. */
static void
make_opaque(struct facts_part *part)
{
	part->is_multipart = false;
	part->is_message = false;
	part->type = STR("application");
	part->subtype = STR("octet-stream");
}

/*
 * The header of the current part ended before `offset`. is_whole: by an
 * empty line, else by a boundary or the end of the message.
 */
static void
end_header(
    struct mime_parser *p, uint64_t offset, uint64_t newlines, bool is_whole)
{
	struct facts_part *part;

	mime_field_done(p);
	mime_header_done(p);
	begin_body(p, offset, newlines);
	part = mime_current(p);
	if (part->is_multipart) {
		if (p->depth > LIMIT_MIME_DEPTH) {
			p->is_cut = true;
			make_opaque(part);
		} else if (is_whole) {
			push_boundary(p);
		}
	} else if (part->is_message) {
		if (!open_part(p, true))
			make_opaque(mime_current(p));
		else
			mime_current(p)->header_offset = offset;
	} else if (is_whole) {
		mime_preview_begin(p);
	}
}

/* Headers that a boundary or the end cuts off may open inner messages. */
static void
cut_headers(struct mime_parser *p, uint64_t offset, uint64_t newlines)
{
	while (p->in_header)
		end_header(p, offset, newlines, false);
}

static bool
is_better(const struct boundary *b, const struct boundary *best,
    struct str line)
{
	return (!best || b->text.len > best->text.len) &&
	    str_starts_with(line, b->text);
}

/* line: behind "--", without its line end. */
static const struct boundary *
find_boundary(const struct mime_parser *p, struct str line)
{
	const struct boundary *best = NULL;
	bool has_dashes = line.len > 2 && str_ends_with(line, STR("--"));

	for (uint32_t i = p->n_bounds; i-- > 0;) {
		if (!is_better(&p->bounds[i], best, line))
			continue;
		best = &p->bounds[i];
		if (best->text.len == line.len ||
		    (has_dashes && best->text.len == line.len - 2))
			break;
	}
	return best;
}

/* The line at line_at is b's: ends what is open above its multipart. */
static void
meet_boundary(struct mime_parser *p, const struct boundary *b, bool is_last)
{
	uint64_t end = p->line_at - p->last_newline;
	uint64_t newlines = p->newlines - (p->last_newline ? 1 : 0);
	uint32_t level = b->level;
	uint32_t index = (uint32_t)(b - p->bounds);

	cut_headers(p, end, newlines);
	close_parts(p, level + 1, end, newlines);
	p->opens_part = !is_last;
	p->n_bounds = is_last ? index : index + 1;
}

static void
boundary_line_done(struct mime_parser *p)
{
	p->state = LINE_START;
	if (p->opens_part && !open_part(p, false))
		p->n_bounds--; /* the rest is an epilogue */
}

/* Octets of a header line, with its LF when it ends here. */
static void
take_header(struct mime_parser *p, const char *s, size_t len)
{
	size_t room = LIMIT_MIME_FIELD - p->field_len;
	size_t n = len < room ? len : room;
	size_t need = p->field_len + n;

	if (need > p->field_cap) {
		size_t cap = p->field_cap ? p->field_cap * 2 : 1024;
		char *bigger;

		while (cap < need)
			cap *= 2;
		bigger = arena_alloc(p->a, cap);
		if (p->field_len)
			memcpy(bigger, p->field, p->field_len);
		p->field = bigger;
		p->field_cap = cap;
	}
	if (n)
		memcpy(p->field + p->field_len, s, n);
	p->field_len = need;
	p->at += len;
}

static void
header_line_done(struct mime_parser *p, char before)
{
	unsigned newline = before == '\r' ? 2 : 1;

	p->newlines++;
	p->last_newline = newline;
	p->state = LINE_START;
	if (p->at - p->line_at == newline) {
		p->field_len -= newline < p->field_len ? newline
						       : p->field_len;
		end_header(p, p->at, p->newlines, true);
		return;
	}
	/* A field that reached its limit has lost its line end. */
	if (p->field_len < LIMIT_MIME_FIELD) {
		assert(p->field_len >= newline);
		p->field_len -= newline;
	}
	if (p->field_first == SIZE_MAX)
		p->field_first = p->field_len;
}

static const char *
feed_header(struct mime_parser *p, const char *s, const char *end)
{
	const char *lf = memchr(s, '\n', (size_t)(end - s));
	const char *stop = lf ? lf + 1 : end;
	char before = lf && lf > s ? lf[-1] : p->last;

	take_header(p, s, (size_t)(stop - s));
	p->last = stop[-1];
	if (lf)
		header_line_done(p, before);
	return stop;
}

/* The first octet of a line that is no boundary. */
static void
begin_line(struct mime_parser *p, char first)
{
	if (!p->in_header) {
		p->state = LINE_BODY;
		return;
	}
	p->state = LINE_HEADER;
	if (p->field_len && ascii_is_blank(first))
		return;
	/* An empty line ends the header, and its field with it. */
	mime_field_done(p);
	p->field_len = 0;
	p->field_first = SIZE_MAX;
}

/*
 * Lines of a body up to one that could be a boundary. When none can be, all
 * that is left are newlines to count.
 */
static const char *
feed_body(struct mime_parser *p, const char *s, const char *end)
{
	const char *q = s;
	const char *lf = NULL;

	p->state = LINE_BODY;
	while (q < end) {
		const char *hit = memchr(q, '\n', (size_t)(end - q));

		if (!hit) {
			q = end;
			break;
		}
		lf = hit;
		q = hit + 1;
		p->newlines++;
		if (q < end && *q == '-' && p->n_bounds) {
			p->state = LINE_START;
			break;
		}
		if (q == end)
			p->state = LINE_START;
	}
	if (lf)
		p->last_newline =
		    (lf > s ? lf[-1] : p->last) == '\r' ? 2 : 1;
	if (p->preview.is_open)
		mime_preview_add(p, s, (size_t)(q - s));
	p->at += (uint64_t)(q - s);
	p->last = q[-1];
	return q;
}

static const char *
feed_boundary(struct mime_parser *p, const char *s, const char *end)
{
	const char *lf = memchr(s, '\n', (size_t)(end - s));
	const char *stop = lf ? lf + 1 : end;

	p->at += (uint64_t)(stop - s);
	p->last = stop[-1];
	if (lf) {
		p->last_newline =
		    stop - s > 1 && lf[-1] == '\r' ? 2 : 1;
		p->newlines++;
		boundary_line_done(p);
	}
	return stop;
}

/* The kept octets are no boundary: they go the usual way. */
static void
replay_head(struct mime_parser *p)
{
	const char *s = p->head;
	const char *end = s + p->head_len;

	p->head_len = 0;
	begin_line(p, '-');
	if (p->in_header)
		s = feed_header(p, s, end);
	else
		s = feed_body(p, s, end);
	assert(s == end);
}

/* Enough of the line is there to tell. */
static void
decide_head(struct mime_parser *p)
{
	struct str line = str_make(p->head, p->head_len);
	const struct boundary *b = NULL;
	struct str rest;

	if (str_ends_with(line, STR("\n")))
		line.len--;
	if (str_ends_with(line, STR("\r")))
		line.len--;
	if (str_starts_with(line, STR("--")))
		b = find_boundary(p, str_make(line.p + 2, line.len - 2));
	if (!b) {
		replay_head(p);
		return;
	}
	rest = str_tail(line, 2 + b->text.len);
	meet_boundary(p, b, str_starts_with(rest, STR("--")));
	p->state = LINE_BOUNDARY;
	feed_boundary(p, p->head, p->head + p->head_len);
	p->head_len = 0;
}

static const char *
feed_head(struct mime_parser *p, const char *s, const char *end)
{
	size_t want = MIME_HEAD - p->head_len;
	size_t n = (size_t)(end - s) < want ? (size_t)(end - s) : want;
	const char *lf = memchr(s, '\n', n);

	if (lf)
		n = (size_t)(lf - s) + 1;
	memcpy(p->head + p->head_len, s, n);
	p->head_len += n;
	if (lf || p->head_len == MIME_HEAD ||
	    (p->head_len > 1 && p->head[1] != '-'))
		decide_head(p);
	return s + n;
}

static void
start_line(struct mime_parser *p, char first)
{
	p->line_at = p->at;
	if (first == '-' && p->n_bounds)
		p->state = LINE_HEAD;
	else
		begin_line(p, first);
}

void
mime_parser_push(struct mime_parser *p, struct str bytes)
{
	static const char *(*const feed[])(
	    struct mime_parser *, const char *, const char *) = {
		[LINE_HEAD] = feed_head,
		[LINE_HEADER] = feed_header,
		[LINE_BODY] = feed_body,
		[LINE_BOUNDARY] = feed_boundary,
	};
	const char *s = bytes.p;
	const char *end = s + bytes.len;

	while (bytes.len && s < end) {
		if (p->state == LINE_START)
			start_line(p, *s);
		s = feed[p->state](p, s, end);
	}
}

const struct facts *
mime_parser_finish(struct mime_parser *p)
{
	struct facts *f = ARENA_NEW(p->a, struct facts);

	if (p->state == LINE_HEAD && p->head_len)
		decide_head(p);
	cut_headers(p, p->at, p->newlines);
	close_parts(p, 0, p->at, p->newlines);
	f->parts = p->parts.v;
	f->n_parts = (uint32_t)p->parts.n;
	f->is_cut = p->is_cut;
	f->received = p->received;
	f->delivered_to = p->delivered_to;
	f->size = p->at;
	f->preview = p->preview.text;
	return f;
}
