/*
 * What header fields say about a part. A table names the fields; text fields
 * are kept as they are, the others have a parser. Of a Content-* field that
 * comes twice the first counts; of an envelope's text field the last, and
 * its address fields add up (as Dovecot does, so that clients see the same).
 */
#include <stddef.h>

#include "mime/address.h"
#include "mime/params.h"
#include "mime/parse_internal.h"
#include "base/ascii.h"
#include "base/banned.h"

enum { DELIVERED_TO_MAX = 8192 };

/* Encoded octets of a string besides its own; see facts.c. */
#define STR_COST  3
#define ADDR_COST 4

bool
mime_spend(struct mime_parser *p, size_t cost)
{
	if (cost > p->budget) {
		p->is_cut = true;
		return false;
	}
	p->budget -= cost;
	return true;
}

struct str
mime_keep(struct mime_parser *p, struct str s)
{
	if (!s.p || !mime_spend(p, s.len + STR_COST))
		return STR_NONE;
	return arena_dup_str(p->a, s);
}

/* Parameters, copied out of the scratch arena; all or none of them. */
static struct facts_params
keep_params(struct mime_parser *p, struct facts_params params)
{
	struct facts_param *v;
	size_t cost = 0;

	for (size_t i = 0; i < params.n; i++)
		cost += params.v[i].name.len + params.v[i].value.len +
		    2 * STR_COST;
	if (!params.n || !mime_spend(p, cost))
		return (struct facts_params){ 0 };
	v = ARENA_ARRAY(p->a, params.n, struct facts_param);
	for (size_t i = 0; i < params.n; i++) {
		v[i].name = arena_dup_str(p->a, params.v[i].name);
		v[i].value = arena_dup_str(p->a, params.v[i].value);
	}
	return (struct facts_params){ v, params.n };
}

/*
 * A value without type or subtype is no value: the part is then text/plain,
 * as if the field were not there (RFC 2045 5.2). What follows the subtype
 * may be broken.
 */
static void
parse_type(struct mime_parser *p, struct facts_part *part, struct str value)
{
	struct scan s = scan_make(value);
	struct scratch out = scratch_new(p->scratch, SCRATCH_ROOM(value.len));
	enum scan_result r = scan_skip_cfws(&s);
	size_t len;

	p->is_mime = true;
	if (part->type.p)
		return;
	part->type = STR("text");
	part->subtype = STR("plain");
	if (r == SCAN_MORE)
		r = scan_token(&s, &out);
	if (r != SCAN_MORE || *s.p != '/' || out.len == 0)
		return;
	s.p++;
	len = out.len;
	if (scan_skip_cfws(&s) != SCAN_MORE)
		return;
	r = scan_token(&s, &out);
	if (out.len == len)
		return;
	part->type = mime_keep(p, str_make(out.p, len));
	part->subtype = mime_keep(p, str_make(out.p + len, out.len - len));
	if (r != SCAN_MORE)
		return;
	part->params = keep_params(p, params_parse(p->scratch, &s));
}

static void
parse_encoding(struct mime_parser *p, struct facts_part *part, struct str value)
{
	struct scan s = scan_make(value);
	struct scratch out = scratch_new(p->scratch, SCRATCH_ROOM(value.len));

	if (part->encoding.p || scan_skip_cfws(&s) != SCAN_MORE)
		return;
	if (scan_token(&s, &out) == SCAN_END && out.len)
		part->encoding = mime_keep(p, scratch_str(&out));
}

static void
parse_disposition(
    struct mime_parser *p, struct facts_part *part, struct str value)
{
	struct scan s = scan_make(value);
	struct scratch out = scratch_new(p->scratch, SCRATCH_ROOM(value.len));
	enum scan_result r;

	if (part->disposition.p || scan_skip_cfws(&s) == SCAN_BAD)
		return;
	r = scan_token(&s, &out);
	if (r == SCAN_BAD)
		return;
	part->disposition = mime_keep(p, scratch_str(&out));
	if (r != SCAN_MORE)
		return;
	part->disposition_params = keep_params(p, params_parse(p->scratch, &s));
}

/* Kept as tags with ',' between them. */
static void
parse_language(struct mime_parser *p, struct facts_part *part, struct str value)
{
	struct scan s = scan_make(value);
	struct scratch out = scratch_new(p->scratch, SCRATCH_ROOM(value.len));
	enum scan_result r = scan_skip_cfws(&s);

	if (part->language.p)
		return;
	while (r == SCAN_MORE) {
		r = scan_atom(&s, false, &out);
		if (r != SCAN_MORE || *s.p != ',')
			break;
		s.p++;
		r = scan_skip_cfws(&s);
		if (r == SCAN_MORE && scan_is_atext(*s.p))
			scratch_add_char(&out, ',');
	}
	if (out.len)
		part->language = mime_keep(p, scratch_str(&out));
}

static void
count_received(
    struct mime_parser *p, struct facts_part *part, struct str value)
{
	(void)value;
	if (part->parent == FACTS_NO_PART)
		p->received++;
}

/* For the detection of loops; a few are enough. */
static void
note_delivered_to(
    struct mime_parser *p, struct facts_part *part, struct str value)
{
	struct str line = str_trim(value);
	char *room = p->delivered_to_room;
	size_t at = p->delivered_to.len;

	if (part->parent != FACTS_NO_PART || line.len == 0 ||
	    at + line.len >= DELIVERED_TO_MAX)
		return;
	if (!room)
		room = p->delivered_to_room =
		    arena_alloc(p->a, DELIVERED_TO_MAX);
	memcpy(room + at, line.p, line.len);
	room[at + line.len] = '\n';
	p->delivered_to = str_make(room, at + line.len + 1);
}

static void
note_mime_version(
    struct mime_parser *p, struct facts_part *part, struct str value)
{
	(void)part;
	(void)value;
	p->is_mime = true;
}

/* --- addresses --------------------------------------------------------- */

struct collector {
	struct mime_parser *p;
	VEC(struct facts_address) v;
};

static bool
add_address(void *ctx, const struct facts_address *x)
{
	struct collector *c = ctx;
	struct facts_address kept;
	size_t cost = ADDR_COST * STR_COST + x->name.len + x->route.len +
	    x->mailbox.len + x->host.len;

	if (c->v.n >= LIMIT_MIME_ADDRESSES || !mime_spend(c->p, cost)) {
		c->p->is_cut = true;
		return false;
	}
	kept = *x;
	for (size_t i = 0; i < 4; i++) {
		struct str *const s[] = { &kept.name, &kept.route,
			&kept.mailbox, &kept.host };

		if (s[i]->p)
			*s[i] = arena_dup_str(c->p->a, *s[i]);
	}
	VEC_PUSH(c->p->a, &c->v, kept);
	return true;
}

/*
 * A field that comes again adds to the first. The room of an array follows
 * from its length, since a vec grows from 8 by doubling: so the array that
 * is there goes on growing, and 10^5 To fields cost no copies.
 */
static size_t
room_of(size_t n)
{
	size_t room = n ? 8 : 0;

	while (room < n)
		room *= 2;
	return room;
}

static void
parse_addresses(
    struct mime_parser *p, struct facts_addresses *list, struct str value)
{
	struct collector c = { .p = p };
	struct address_sink sink = { add_address, &c };

	if (p->budget < 64)
		return;
	if (list->n) {
		c.v.n = list->n;
		c.v.cap = room_of(list->n);
		memcpy(&c.v.v, &list->v, sizeof(c.v.v));
	}
	address_list_parse(p->scratch, value, &sink);
	*list = (struct facts_addresses){ c.v.v, c.v.n };
}

/* --- the table --------------------------------------------------------- */

enum kind { PART_TEXT, PART_PARSED, ENVELOPE_TEXT, ENVELOPE_ADDRESSES };

struct row {
	struct str name;
	enum kind kind;
	size_t offset;
	void (*parse)(struct mime_parser *, struct facts_part *, struct str);
};

#define PART(name, field) \
	{ STR_INIT(name), PART_TEXT, offsetof(struct facts_part, field), NULL }
#define PARSED(name, parse) { STR_INIT(name), PART_PARSED, 0, parse }
#define TEXT(name, field)                \
	{ STR_INIT(name), ENVELOPE_TEXT, \
		offsetof(struct facts_envelope, field), NULL }
#define ADDR(name, field)                     \
	{ STR_INIT(name), ENVELOPE_ADDRESSES, \
		offsetof(struct facts_envelope, field), NULL }

static const struct row rows[] = {
	PARSED("Received", count_received),
	PARSED("Delivered-To", note_delivered_to),
	ADDR("From", from),
	ADDR("Sender", sender),
	ADDR("Reply-To", reply_to),
	ADDR("To", to),
	ADDR("Cc", cc),
	ADDR("Bcc", bcc),
	TEXT("Date", date),
	TEXT("Subject", subject),
	TEXT("Message-ID", message_id),
	TEXT("In-Reply-To", in_reply_to),
	TEXT("References", references),
	PARSED("MIME-Version", note_mime_version),
	PARSED("Content-Type", parse_type),
	PARSED("Content-Transfer-Encoding", parse_encoding),
	PARSED("Content-Disposition", parse_disposition),
	PARSED("Content-Language", parse_language),
	PART("Content-ID", id),
	PART("Content-Description", description),
	PART("Content-MD5", md5),
	PART("Content-Location", location),
};

static const struct row *
find_row(struct str name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].name.len == name.len &&
		    str_equals_nocase(rows[i].name, name))
			return &rows[i];
	}
	return NULL;
}

static void
field_known(struct mime_parser *p, const struct row *row, struct str value)
{
	struct facts_part *part = mime_current(p);
	char *base = row->kind >= ENVELOPE_TEXT ? (char *)p->envelope
						: (char *)part;
	void *to = base ? base + row->offset : NULL;
	struct str *text = to;

	if (row->kind == PART_PARSED)
		row->parse(p, part, value);
	else if (!to)
		return;
	else if (row->kind == ENVELOPE_ADDRESSES)
		parse_addresses(p, to, value);
	else if (row->kind == ENVELOPE_TEXT)
		*text = mime_keep(p, str_trim(value));
	else if (!text->p)
		*text = mime_keep(p, value);
}

/* Blanks behind the colon go, but only those of the first line. */
static struct str
value_of(const struct mime_parser *p, size_t colon)
{
	size_t at = colon + 1;
	size_t first = p->field_first < p->field_len ? p->field_first
						     : p->field_len;

	while (at < first && ascii_is_blank(p->field[at]))
		at++;
	return str_make(p->field + at, p->field_len - at);
}

void
mime_field_done(struct mime_parser *p)
{
	struct str field = str_make(p->field, p->field_len);
	size_t colon = str_find_char(field, ':');
	const struct row *row = NULL;

	if (colon < field.len)
		row = find_row(str_trim(str_slice(field, 0, colon)));
	if (row) {
		if (p->field_len == LIMIT_MIME_FIELD)
			p->is_cut = true;
		p->scratch = arena_new();
		field_known(p, row, value_of(p, colon));
		arena_free(p->scratch);
	}
	p->field_len = 0;
}

/* Without MIME-Version and Content-Type the other fields do not count. */
static void
forget_mime(struct facts_part *part)
{
	struct str *const v[] = { &part->type, &part->subtype, &part->id,
		&part->description, &part->encoding, &part->md5,
		&part->disposition, &part->language, &part->location };

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		*v[i] = STR_NONE;
	part->params.n = 0;
	part->disposition_params.n = 0;
}

static bool
is_in_digest(const struct mime_parser *p, const struct facts_part *part)
{
	const struct facts_part *parent;

	if (part->parent == FACTS_NO_PART)
		return false;
	parent = &p->parts.v[part->parent];
	return parent->is_multipart &&
	    str_equals_nocase(parent->subtype, STR("digest"));
}

void
mime_header_done(struct mime_parser *p)
{
	struct facts_part *part = mime_current(p);

	if (!p->is_mime)
		forget_mime(part);
	if (!part->type.p) {
		bool in_digest = is_in_digest(p, part);

		part->type = in_digest ? STR("message") : STR("text");
		part->subtype = in_digest ? STR("rfc822") : STR("plain");
	}
	part->is_multipart = part->subtype.p &&
	    str_equals_nocase(part->type, STR("multipart"));
	part->is_message = str_equals_nocase(part->type, STR("message")) &&
	    (str_equals_nocase(part->subtype, STR("rfc822")) ||
		str_equals_nocase(part->subtype, STR("global")));
}
