/* The URLs of CATENATE; see catenate.h. */
#include "catenate.h"

#include "imap/url.h"
#include "mime/facts.h"
#include "mime/header.h"
#include "octets.h"
#include "place.h"

#include "base/banned.h"

uint64_t
cat_part_size(const struct cat_part *p)
{
	return p->text.len + p->range.len;
}

/* --- the message -------------------------------------------------------------------- */

/*
 * The base is the selected mailbox (RFC 4469 3): a name without '/' in front
 * takes the place of its last level (RFC 3986 5.2.3); no name is itself.
 */
static struct str
name_of(struct session *s, const struct imap_url *url)
{
	struct str base =
	    s->view ? place_name(s, &s->view->folder) : STR("");
	size_t slash = str_find_last_char(base, '/');

	if (url->mailbox.len == 0)
		return url->is_relative ? base : STR("");
	if (!url->is_relative || slash == base.len)
		return url->mailbox;
	return arena_join(s->command_arena, str_slice(base, 0, slash + 1),
	    url->mailbox);
}

struct found {
	struct arena *a;
	bool is_there;
	struct message m;
};

static bool
on_message(void *ctx, size_t index, const struct message *m)
{
	struct found *f = ctx;

	(void)index;
	f->is_there = true;
	f->m = *m;
	f->m.prefix = arena_dup_str(f->a, m->prefix);
	f->m.facts = arena_dup_str(f->a, m->facts);
	return false;
}

static enum rc
find_message(struct session *s, const struct imap_url *url,
    struct found *ret, struct err *err)
{
	struct folder *f;
	struct entry e;
	struct str name;
	bool found = false;
	enum rc rc;

	if (!command_mailbox_name(s, name_of(s, url), &name))
		return RC_OK;
	rc = command_find(s, name, &f, err);
	if (rc != RC_OK || !f ||
	    (url->uidvalidity && url->uidvalidity != f->uidvalidity))
		return rc;
	rc = store_find_entry(
	    s->p->db, &f->owner, &f->id, url->uid, &e, &found, err);
	if (rc != RC_OK || !found)
		return rc;
	return message_read_many(s->p->db, &f->owner, &e.message, 1,
	    MESSAGE_HEAD | MESSAGE_FACTS, on_message, ret, err);
}

/* --- its octets ---------------------------------------------------------------------- */

static bool
gather(void *ctx, struct str piece)
{
	buf_add_str(ctx, piece);
	return true;
}

/* Fields of a header are picked out of it, as FETCH does. */
static enum rc
select_fields(struct session *s, const struct section *section,
    struct cat_part *p, struct err *err)
{
	bool is_not = section->text == SECTION_HEADER_NOT;
	struct buf header = BUF_INIT, out = BUF_INIT;
	enum rc rc;

	rc = blob_read(s->p->db, &p->range.blob, p->range.offset,
	    p->range.len, gather, &header, err);
	if (rc == RC_OK) {
		(void)header_select(p->text, section->fields,
		    section->n_fields, is_not, &out);
		if (header_select(buf_str(&header), section->fields,
			section->n_fields, is_not, &out))
			buf_add_cstr(&out, "\r\n");
		p->text = arena_dup_str(s->command_arena, buf_str(&out));
		p->range.len = 0;
	}
	buf_done(&out);
	buf_done(&header);
	return rc;
}

static void
cut(struct cat_part *p, const struct section *s)
{
	uint64_t size = cat_part_size(p), skip = s->offset, length = s->length;

	skip = skip < size ? skip : size;
	length = length < size - skip ? length : size - skip;
	if (skip >= p->text.len) {
		p->range.offset += skip - p->text.len;
		p->range.len = length;
		p->text = STR("");
		return;
	}
	p->text = str_slice(p->text, (size_t)skip,
	    length < SIZE_MAX ? (size_t)length : SIZE_MAX);
	p->range.len = length - p->text.len;
}

/* *ret_found false: the message has no such section. */
static enum rc
find_octets(struct session *s, const struct message *m,
    const struct section *section, struct cat_part *ret, bool *ret_found,
    struct err *err)
{
	const struct facts_part *part;
	struct facts facts;
	struct octets o;
	enum rc rc = RC_OK;

	if (!facts_decode(s->command_arena, m->facts, &facts))
		return err_set(err, RC_TEMP, "", "facts of a message");
	part = facts_part_find(&facts, section->part, section->n_part);
	if (!part)
		return RC_OK;
	o = octets_of(&facts, part, section);
	if (o.kind == OCTETS_NONE)
		return RC_OK;
	*ret = (struct cat_part){
		.text = o.with_prefix ? m->prefix : STR(""),
		.range = { m->blob, o.from, o.size },
	};
	if (o.kind == OCTETS_FIELDS)
		rc = select_fields(s, section, ret, err);
	if (section->is_partial)
		cut(ret, section);
	*ret_found = true;
	return rc;
}

enum rc
catenate_find(struct session *s, struct str text, struct cat_part *ret_part,
    bool *ret_found, struct err *err)
{
	struct found found = { .a = s->command_arena };
	struct imap_url url;
	enum rc rc;

	*ret_found = false;
	if (!imap_url_parse(s->command_arena, text, &url))
		return RC_OK;
	rc = find_message(s, &url, &found, err);
	if (rc != RC_OK || !found.is_there)
		return rc;
	return find_octets(
	    s, &found.m, &url.section, ret_part, ret_found, err);
}

enum rc
catenate_read(struct session *s, const struct cat_part *p, blob_sink *sink,
    void *ctx, struct err *err)
{
	if (p->text.len && !sink(ctx, p->text))
		return RC_OK;
	if (p->range.len == 0)
		return RC_OK;
	return blob_read(s->p->db, &p->range.blob, p->range.offset,
	    p->range.len, sink, ctx, err);
}
