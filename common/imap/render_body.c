/*
 * BODY and BODYSTRUCTURE; see render.h. The tree is walked by its links
 * without recursion: begin a part, go down, and end parts on the way to the
 * next sibling.
 */
#include "imap/render.h"

#include "base/banned.h"

struct renderer {
	struct buf *out;
	const struct facts *f;
	bool extended;
	bool utf8;
};

static void
add_string(struct renderer *r, struct str s)
{
	buf_add_char(r->out, ' ');
	render_nstring(r->out, s, r->utf8);
}

static bool
is_text(const struct facts_part *part)
{
	return str_equals_nocase(part->type, STR("text"));
}

/* Text without a charset is US-ASCII (RFC 2045 5.2), and clients are told. */
static void
add_params(struct renderer *r, struct facts_params list, bool with_charset)
{
	for (size_t i = 0; i < list.n; i++) {
		if (str_equals(list.v[i].name, STR("charset")))
			with_charset = false;
	}
	if (!list.n && !with_charset) {
		buf_add_cstr(r->out, " NIL");
		return;
	}
	buf_add_cstr(r->out, " (");
	for (size_t i = 0; i < list.n; i++) {
		if (i)
			buf_add_char(r->out, ' ');
		render_nstring(r->out, list.v[i].name, r->utf8);
		add_string(r, list.v[i].value);
	}
	if (with_charset) {
		buf_add_cstr(r->out, list.n ? " " : "");
		buf_add_cstr(r->out, "\"charset\" \"us-ascii\"");
	}
	buf_add_char(r->out, ')');
}

static void
add_language(struct renderer *r, struct str tags)
{
	struct str tag;
	const char *before = " (";

	if (!tags.p) {
		buf_add_cstr(r->out, " NIL");
		return;
	}
	while (str_split_char(&tags, ',', &tag)) {
		buf_add_cstr(r->out, before);
		render_nstring(r->out, tag, r->utf8);
		before = " ";
	}
	buf_add_char(r->out, ')');
}

/* Disposition, language, location: the end of every extended form. */
static void
add_extension(struct renderer *r, const struct facts_part *part)
{
	if (!part->disposition.p) {
		buf_add_cstr(r->out, " NIL");
	} else {
		buf_add_cstr(r->out, " (");
		render_nstring(r->out, part->disposition, r->utf8);
		add_params(r, part->disposition_params, false);
		buf_add_char(r->out, ')');
	}
	add_language(r, part->language);
	add_string(r, part->location);
}

/*
 * RFC 3501 gives the form with an envelope to RFC822 only, and parsers of
 * clients that know no more refuse the whole answer: before ENABLE
 * message/global is a simple part.
 */
static bool
render_is_simple(const struct renderer *r, const struct facts_part *part)
{
	return !part->is_message ||
	    (!r->utf8 &&
		str_equals_nocase(part->subtype, STR("global")));
}

static void
add_type(struct renderer *r, const struct facts_part *part)
{
	bool global = str_equals_nocase(part->subtype, STR("global"));

	if (part->is_message) {
		buf_add_cstr(r->out, global ? "\"message\" \"global\""
					    : "\"message\" \"rfc822\"");
		return;
	}
	render_nstring(r->out, part->type.p ? part->type : STR("text"),
	    r->utf8);
	add_string(r, part->subtype.p ? part->subtype
		: is_text(part)	      ? STR("plain")
				      : STR("unknown"));
}

/* Up to where the children stand. */
static void
begin_part(struct renderer *r, const struct facts_part *part)
{
	buf_add_char(r->out, '(');
	if (part->is_multipart)
		return;
	add_type(r, part);
	add_params(r, part->params, !part->is_message && is_text(part));
	add_string(r, part->id);
	add_string(r, part->description);
	add_string(r, part->encoding.p ? part->encoding : STR("7bit"));
	buf_add_char(r->out, ' ');
	buf_add_u64(r->out, part->body_size);
	if (!render_is_simple(r, part)) {
		buf_add_char(r->out, ' ');
		render_envelope(r->out,
		    r->f->parts[part->first_child].envelope, r->utf8);
		buf_add_char(r->out, ' ');
	}
}

/* A multipart without parts is not allowed: it gets an empty one. */
static void
end_multipart(struct renderer *r, const struct facts_part *part)
{
	if (part->first_child == FACTS_NO_PART) {
		buf_add_cstr(r->out, "(\"text\" \"plain\" (\"charset\" "
				     "\"us-ascii\") NIL NIL \"7bit\" 0 0");
		buf_add_cstr(r->out, r->extended ? " NIL NIL NIL NIL)" : ")");
	}
	add_string(r, part->subtype);
	if (!r->extended)
		return;
	add_params(r, part->params, false);
	add_extension(r, part);
}

static void
end_part(struct renderer *r, const struct facts_part *part)
{
	if (part->is_multipart) {
		end_multipart(r, part);
	} else {
		if (!render_is_simple(r, part) || is_text(part)) {
			buf_add_char(r->out, ' ');
			buf_add_u64(r->out, part->lines);
		}
		if (r->extended) {
			add_string(r, part->md5);
			add_extension(r, part);
		}
	}
	buf_add_char(r->out, ')');
}

void
render_body(
    struct buf *out, const struct facts *f, bool extended, bool utf8)
{
	struct renderer r = { out, f, extended, utf8 };
	uint32_t i = 0;

	for (;;) {
		begin_part(&r, &f->parts[i]);
		if (f->parts[i].first_child != FACTS_NO_PART &&
		    (f->parts[i].is_multipart ||
			!render_is_simple(&r, &f->parts[i]))) {
			i = f->parts[i].first_child;
			continue;
		}
		for (;;) {
			end_part(&r, &f->parts[i]);
			if (f->parts[i].parent == FACTS_NO_PART)
				return;
			if (f->parts[i].next != FACTS_NO_PART)
				break;
			i = f->parts[i].parent;
		}
		i = f->parts[i].next;
	}
}
