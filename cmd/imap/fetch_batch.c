/*
 * The answers of FETCH, a batch of messages at a time. An answer is a list
 * of pieces: text that is ready, and ranges of the message that are streamed
 * from the blob. Nothing is parsed again: sections come from the stored part
 * tree.
 */
#include "fetch.h"
#include "octets.h"

#include "imap/render.h"
#include "mime/decode.h"
#include "mime/facts.h"
#include "mime/header.h"
#include "text/date.h"

#include "base/banned.h"

/* --- pieces ------------------------------------------------------------------------ */

static void
end_piece(struct fetch *f, struct piece p)
{
	p.text = arena_dup_str(f->a, buf_str(&f->text));
	buf_reset(&f->text);
	VEC_PUSH(f->a, &f->pieces, p);
}

static void
add_literal(struct buf *b, uint64_t size)
{
	buf_printf(b, "{%llu}\r\n", (unsigned long long)size);
}

/* A range of the message, prefix and blob, cut by a partial fetch. */
static void
add_range(struct fetch *f, const struct target *t, const struct section *s,
    uint64_t from, uint64_t size, bool with_prefix)
{
	uint64_t prefix = with_prefix ? t->m.prefix.len : 0;
	uint64_t skip = 0, total = prefix + size, head;

	if (s->is_partial) {
		skip = s->offset < total ? s->offset : total;
		total -= skip;
		total = total < s->length ? total : s->length;
	}
	add_literal(&f->text, total);
	head = skip < prefix ? prefix - skip : 0;
	head = head < total ? head : total;
	if (head)
		buf_add_str(&f->text,
		    str_slice(t->m.prefix, (size_t)skip, (size_t)head));
	skip = skip > prefix ? skip - prefix : 0;
	if (total > head)
		end_piece(f, (struct piece){ .has_range = true,
				 .range = { t->m.blob, from + skip,
				     total - head } });
}

/* Octets that must be read before their answer is known. */
static void
add_gathered(struct fetch *f, const struct target *t,
    const struct section *s, uint64_t from, uint64_t size, bool with_prefix,
    struct str encoding)
{
	end_piece(f, (struct piece){ .has_range = true,
			 .range = { t->m.blob, from, size },
			 .section = s,
			 .head = with_prefix ? t->m.prefix : STR(""),
			 .encoding = encoding });
}

/* --- sections ------------------------------------------------------------------------- */

static void
add_nil(struct fetch *f)
{
	buf_add_cstr(&f->text, "NIL");
}

static void
add_part_section(struct fetch *f, const struct target *t,
    const struct section *s, const struct facts_part *p)
{
	struct octets o = octets_of(&t->facts, p, s);

	if (o.kind == OCTETS_NONE)
		add_nil(f);
	else if (o.kind == OCTETS_RANGE)
		add_range(f, t, s, o.from, o.size, o.with_prefix);
	else
		add_gathered(
		    f, t, s, o.from, o.size, o.with_prefix, STR(""));
}

static void
add_binary(struct fetch *f, const struct target *t, const struct section *s,
    const struct facts_part *p)
{
	if (decode_kind_of(p->encoding) == DECODE_UNKNOWN) {
		f->has_unknown_cte = true;
		add_nil(f);
	} else if (s->n_part == 0)
		add_gathered(f, t, s, 0, t->facts.size, true, STR(""));
	else
		add_gathered(f, t, s, p->body_offset, p->body_size, false,
		    p->is_multipart ? STR("") : p->encoding);
}

/* A blank, but not behind the parenthesis that opens the answer. */
static void
add_name(struct buf *b, struct str name)
{
	if (b->len == 0 || b->p[b->len - 1] != '(')
		buf_add_char(b, ' ');
	buf_add_str(b, name);
	buf_add_char(b, ' ');
}

static void
add_section(
    struct fetch *f, const struct target *t, const struct section *s)
{
	const struct facts_part *p =
	    facts_part_find(&t->facts, s->part, s->n_part);

	add_name(&f->text, s->label);
	if (!p && s->coding == CODING_BINARY_SIZE)
		buf_add_char(&f->text, '0');
	else if (!p)
		add_nil(f);
	else if (s->coding != CODING_RAW)
		add_binary(f, t, s, p);
	else
		add_part_section(f, t, s, p);
}

/* --- items ------------------------------------------------------------------------------ */

static void
add_facts_items(struct fetch *f, const struct target *t)
{
	unsigned items = f->atts.items;
	bool utf8 = f->s->has_utf8;

	if (items & FETCH_ENVELOPE) {
		add_name(&f->text, STR("ENVELOPE"));
		render_envelope(&f->text, t->facts.parts[0].envelope, utf8);
	}
	if (items & FETCH_BODY) {
		add_name(&f->text, STR("BODY"));
		render_body(&f->text, &t->facts, false, utf8);
	}
	if (items & FETCH_BODYSTRUCTURE) {
		add_name(&f->text, STR("BODYSTRUCTURE"));
		render_body(&f->text, &t->facts, true, utf8);
	}
	if (items & FETCH_PREVIEW) {
		add_name(&f->text, STR("PREVIEW"));
		render_nstring(&f->text,
		    t->facts.preview.p ? t->facts.preview : STR(""), utf8);
	}
}

static void
add_nil_item(struct buf *b, struct str name)
{
	add_name(b, name);
	buf_add_cstr(b, "NIL");
}

static void
add_date(struct buf *b, const char *name, int64_t s)
{
	add_name(b, str_from_cstr(name));
	buf_add_char(b, '"');
	date_print_imap(b, s, 0);
	buf_add_char(b, '"');
}

static void
add_entry_items(struct fetch *f, const struct target *t)
{
	struct seen *m = &f->s->view->v[t->index];
	unsigned items = f->atts.items;
	struct buf *b = &f->text;
	char text[OID_HEX];

	if (items & FETCH_UID) {
		add_name(b, STR("UID"));
		buf_add_u64(b, m->e.uid);
	}
	if (items & FETCH_FLAGS) {
		add_name(b, STR("FLAGS"));
		view_add_flags(b, f->s->view, m);
		m->is_dirty = false;
	}
	if (items & FETCH_INTERNALDATE)
		add_date(b, "INTERNALDATE", m->e.date_s);
	if (items & FETCH_SAVEDATE)
		add_date(b, "SAVEDATE", m->e.saved_s);
	if (items & FETCH_SIZE) {
		add_name(b, STR("RFC822.SIZE"));
		buf_add_u64(b, m->e.size);
	}
	if (items & FETCH_MODSEQ) {
		add_name(b, STR("MODSEQ"));
		buf_printf(b, "(%llu)", (unsigned long long)m->e.modseq);
	}
	if (items & FETCH_EMAILID) {
		add_name(b, STR("EMAILID"));
		buf_printf(
		    b, "(%.*s)", STR_ARG(oid_format(&t->m.blob, text)));
	}
	if (items & FETCH_THREADID)
		add_nil_item(b, STR("THREADID"));
}

static void
add_target(struct fetch *f, const struct target *t)
{
	const struct seen *m = &f->s->view->v[t->index];
	size_t i;

	/* Gone, with its octets or before anything was known of it. */
	if ((f->fields && (!t->is_there || !t->has_facts)) ||
	    (m->is_gone && oid_is_zero(&m->e.message))) {
		f->has_missing = true;
		return;
	}
	view_add_fetch(&f->text, f->s, t->index);
	add_entry_items(f, t);
	if (f->fields & MESSAGE_FACTS)
		add_facts_items(f, t);
	for (i = 0; i < f->atts.n_sections; i++)
		add_section(f, t, &f->atts.sections[i]);
	buf_add_cstr(&f->text, ")\r\n");
}

/* --- reading a batch -------------------------------------------------------------------------- */

static bool
on_message(void *ctx, size_t index, const struct message *m)
{
	struct fetch *f = ctx;
	struct target *t = &f->targets[index];

	t->is_there = true;
	t->m = *m;
	t->m.prefix = arena_dup_str(f->a, m->prefix);
	t->m.facts = arena_dup_str(f->a, m->facts);
	t->has_facts = !(f->fields & MESSAGE_FACTS) ||
	    facts_decode(f->a, t->m.facts, &t->facts);
	return true;
}

static enum rc
read_messages(struct fetch *f, struct err *err)
{
	const struct view *v = f->s->view;
	struct oid *ids = ARENA_ARRAY(f->a, f->n_targets, struct oid);
	size_t i;

	if (!f->fields)
		return RC_OK;
	for (i = 0; i < f->n_targets; i++)
		ids[i] = v->v[f->targets[i].index].e.message;
	return message_read_many(f->s->p->db, &v->folder.owner, ids,
	    f->n_targets, f->fields, on_message, f, err);
}

/* --- writing a batch --------------------------------------------------------------------------- */

static void
write_selected(struct fetch *f, const struct piece *p)
{
	bool is_not = p->section->text == SECTION_HEADER_NOT;
	struct buf out = BUF_INIT;
	struct str all;

	(void)header_select(p->head, p->section->fields,
	    p->section->n_fields, is_not, &out);
	if (header_select(buf_str(&f->gathered), p->section->fields,
		p->section->n_fields, is_not, &out))
		buf_add_cstr(&out, "\r\n");
	all = buf_str(&out);
	if (p->section->is_partial)
		all = str_slice(all, (size_t)p->section->offset,
		    (size_t)p->section->length);
	writer_printf(f->s->writer, "{%zu}\r\n", all.len);
	writer_add_str(f->s->writer, all);
	buf_done(&out);
}

static void
write_binary(struct fetch *f, const struct piece *p)
{
	struct str plain = arena_join(f->a, p->head, buf_str(&f->gathered));

	plain = decode_all(f->a, p->encoding, plain);
	if (p->section->coding == CODING_BINARY_SIZE) {
		writer_printf(f->s->writer, "%zu", plain.len);
		return;
	}
	if (p->section->is_partial)
		plain = str_slice(plain, (size_t)p->section->offset,
		    (size_t)p->section->length);
	writer_printf(f->s->writer, "%s{%zu}\r\n",
	    str_has_char(plain, '\0') ? "~" : "", plain.len);
	writer_add_str(f->s->writer, plain);
}

static void
end_gathered(struct fetch *f, const struct piece *p)
{
	if (p->section->coding == CODING_RAW)
		write_selected(f, p);
	else
		write_binary(f, p);
	buf_reset(&f->gathered);
}

/* Ends the range that was being written, goes on to the next. */
static void
advance(struct fetch *f, size_t to)
{
	while (f->at < to) {
		const struct piece *p = &f->pieces.v[f->at++];

		if (p->section)
			end_gathered(f, p);
		if (f->at < f->pieces.n)
			writer_add_str(
			    f->s->writer, f->pieces.v[f->at].text);
	}
}

static bool
on_octets(void *ctx, size_t index, struct str bytes)
{
	struct fetch *f = ctx;

	advance(f, index);
	if (f->pieces.v[index].section)
		buf_add_str(&f->gathered, bytes);
	else
		writer_add_str(f->s->writer, bytes);
	return writer_error(f->s->writer) == IO_OK;
}

static enum rc
write_batch(struct fetch *f, struct err *err)
{
	size_t n = f->pieces.n, i;
	struct blob_range *ranges = ARENA_ARRAY(f->a, n, struct blob_range);
	enum rc rc;

	if (n == 0)
		return RC_OK;
	for (i = 0; i < n; i++)
		ranges[i] = f->pieces.v[i].range;
	f->at = 0;
	writer_add_str(f->s->writer, f->pieces.v[0].text);
	rc = blob_read_many(f->s->p->db, ranges, n, on_octets, f, err);
	if (rc == RC_OK)
		advance(f, n);
	return rc;
}

enum rc
fetch_batch(struct fetch *f, const uint32_t *v, size_t n, struct err *err)
{
	size_t i;
	enum rc rc;

	arena_reset(f->a);
	f->pieces.v = NULL;
	f->pieces.n = f->pieces.cap = 0;
	buf_reset(&f->text);
	f->targets = ARENA_ARRAY(f->a, n, struct target);
	f->n_targets = n;
	for (i = 0; i < n; i++)
		f->targets[i].index = v[i];
	if ((rc = read_messages(f, err)) != RC_OK)
		return rc;
	for (i = 0; i < n; i++)
		add_target(f, &f->targets[i]);
	if ((rc = write_batch(f, err)) == RC_OK)
		writer_add_str(f->s->writer, buf_str(&f->text));
	return rc;
}
