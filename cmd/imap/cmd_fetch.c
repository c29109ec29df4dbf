/*
 * FETCH (RFC 3501 6.4.5): in batches of messages, each with one query for
 * facts and few for octets. An answer is a list of pieces: text that is
 * ready, and ranges of the message that are streamed from the blob. Nothing
 * is parsed again: sections come from the stored part tree.
 */
#include "commands.h"
#include "octets.h"
#include "progress.h"
#include "qresync.h"

#include "base/num.h"
#include "db/blob.h"
#include "imap/fetch_att.h"
#include "imap/render.h"
#include "imap/search.h"
#include "mime/decode.h"
#include "mime/facts.h"
#include "mime/header.h"
#include "text/date.h"

#include "base/banned.h"

enum { BATCH = 256, FACTS_ITEMS = FETCH_ENVELOPE | FETCH_BODY |
	FETCH_BODYSTRUCTURE | FETCH_PREVIEW };

/* One message of a batch. */
struct target {
	size_t index;             /* in the view */
	bool is_there;            /* its document was found */
	struct message m;
	struct facts facts;
	bool has_facts;
};

/* A piece of the answer. */
struct piece {
	struct str text;          /* before the octets of the range */
	bool has_range;
	struct blob_range range;
	/* Octets that are changed on their way are gathered first. */
	const struct section *section;
	struct str head;          /* prefix octets that belong to them */
	struct str encoding;
};

struct fetch {
	struct session *s;
	struct fetch_atts atts;
	struct str set;           /* as it was given */
	struct selection sel;
	uint64_t changed_since;
	bool has_changed_since;
	bool wants_vanished;      /* ... and what was expunged since then */
	unsigned fields;          /* of the messages documents */
	struct arena *a;          /* of one batch */
	struct target *targets;
	size_t n_targets;
	VEC(struct piece) pieces;
	struct buf text;          /* of the piece being made */
	struct buf gathered;
	size_t at;                /* piece that is being written */
	bool has_missing;
	bool has_unknown_cte;
};

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
		    t->facts.preview.p ? t->facts.preview : STR(""), true);
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
	size_t i;

	if (f->fields && (!t->is_there || !t->has_facts)) {
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

static enum rc
fetch_batch(struct fetch *f, const size_t *v, size_t n, struct err *err)
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

/* --- the command ----------------------------------------------------------------------------------- */

/* (PARTIAL 1:100) of UID FETCH (RFC 9394 3.3): the window of what is there. */
static const char *
take_partial(struct fetch *f, struct str text)
{
	struct search_program p = { .is_extended = false };
	struct search_part part;
	const char *wrong = search_parse_partial(text, &p.partial);
	size_t i, n = 0;

	if (wrong || !f->s->is_uid)
		return "PARTIAL is for UID FETCH, with a range";
	for (i = 0; i < f->sel.n; i++) {
		if (!f->s->view->v[f->sel.v[i]].is_gone)
			f->sel.v[n++] = f->sel.v[i];
	}
	part = search_part_of(&p, n);
	f->sel.v += part.from;
	f->sel.n = part.n;
	return NULL;
}

/* CHANGEDSINCE n, VANISHED (RFC 7162 3.1.4.1, 3.2.6), PARTIAL lo:hi. */
static const char *
take_modifiers(struct fetch *f, const struct arg *list)
{
	const struct arg *v = list->v;
	size_t i;

	if (list->type != ARG_LIST || list->n == 0)
		return "Modifiers stand in parentheses";
	for (i = 0; i < list->n; i++) {
		bool has_value = i + 1 < list->n && arg_is_text(&v[i + 1]);
		const char *wrong = NULL;

		if (arg_is_atom(&v[i], STR("CHANGEDSINCE")) && has_value) {
			if (!num_parse_u64(
				v[++i].s, INT64_MAX, &f->changed_since))
				wrong = "Bad modseq";
			f->has_changed_since = true;
		} else if (arg_is_atom(&v[i], STR("VANISHED"))) {
			f->wants_vanished = true;
		} else if (arg_is_atom(&v[i], STR("PARTIAL")) && has_value) {
			wrong = take_partial(f, v[++i].s);
		} else {
			wrong = "Unknown modifier";
		}
		if (wrong)
			return wrong;
	}
	if (f->wants_vanished &&
	    (!f->has_changed_since || !f->s->is_uid || !f->s->has_qresync))
		return "VANISHED needs UID FETCH, CHANGEDSINCE and QRESYNC";
	return NULL;
}

/* False: answered. */
static bool
take_modifier(struct fetch *f, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	size_t n = c->text.n, i = 2;
	const char *wrong;

	if (i < n && arg_is_atom(&v[1], STR("PREVIEW")) && fetch_is_lazy(&v[i]))
		i++;
	if (i == n)
		return true;
	wrong = i + 1 < n ? "Too many arguments" : take_modifiers(f, &v[i]);
	if (wrong) {
		chat_bad(f->s, wrong);
		return false;
	}
	if (f->has_changed_since) {
		f->s->has_condstore = true;
		f->atts.items |= FETCH_MODSEQ;
	}
	return true;
}

static void
keep_changed(struct fetch *f)
{
	size_t i, n = 0;

	for (i = 0; i < f->sel.n; i++) {
		if (f->s->view->v[f->sel.v[i]].e.modseq > f->changed_since)
			f->sel.v[n++] = f->sel.v[i];
	}
	f->sel.n = n;
}

static bool
sets_seen(const struct fetch *f)
{
	size_t i;

	for (i = 0; i < f->atts.n_sections; i++) {
		if (!f->atts.sections[i].is_peek &&
		    f->atts.sections[i].coding != CODING_BINARY_SIZE)
			return !f->s->view->is_read_only &&
			    f->s->view->rights & RIGHT_SEEN;
	}
	return false;
}

/* Reading a body sets \Seen; the new flags are in the same answer. */
static enum rc
set_seen(struct fetch *f, struct err *err)
{
	struct store_flags change = { STORE_ADD, FLAG_SEEN, NULL, 0,
		UINT64_MAX, 0 };
	struct session *s = f->s;
	struct selection unseen = { 0 };
	uint32_t *modified;
	uint64_t modseq;
	size_t n, i;
	enum rc rc;

	unseen.v = ARENA_ARRAY(s->command_arena, f->sel.n, size_t);
	for (i = 0; i < f->sel.n; i++) {
		if (!(s->view->v[f->sel.v[i]].e.flags & FLAG_SEEN))
			unseen.v[unseen.n++] = f->sel.v[i];
	}
	if (unseen.n == 0)
		return RC_OK;
	f->atts.items |= FETCH_FLAGS;
	rc = store_flags(s->p->db, s->command_arena, &s->view->folder.owner,
	    &s->view->folder.id, view_uids(s, &unseen), &change, &modseq,
	    &modified, &n, err);
	if (rc == RC_OK)
		rc = view_update(s, err);
	if (rc == RC_OK)
		session_ring(s, &s->view->folder.owner);
	return rc;
}

static unsigned
needed_fields(const struct fetch *f)
{
	unsigned fields = 0;

	if (f->atts.items & FACTS_ITEMS || f->atts.n_sections)
		fields = MESSAGE_FACTS;
	if (f->atts.n_sections || f->atts.items & FETCH_EMAILID)
		fields |= MESSAGE_HEAD;
	return fields;
}

void
fetch_tell(struct session *s, const struct fetch_atts *atts,
    const struct selection *sel)
{
	struct fetch f = { .s = s, .atts = *atts };
	enum rc rc = RC_OK;
	struct err err;
	size_t i, len;

	if ((s->has_qresync || s->is_rev2) && !s->has_uidonly)
		f.atts.items |= FETCH_UID;
	f.fields = needed_fields(&f);
	f.a = arena_new();
	for (i = 0; rc == RC_OK && i < sel->n; i += len) {
		len = sel->n - i < BATCH ? sel->n - i : BATCH;
		rc = fetch_batch(&f, sel->v + i, len, &err);
	}
	/* An answer may be cut in its middle: only the end is safe. */
	if (rc != RC_OK && f.pieces.n && f.at < f.pieces.n)
		session_enter(s, STATE_LOGOUT);
	else if (rc != RC_OK)
		chat_bye(s, "[UNAVAILABLE] The database is away");
	buf_done(&f.text);
	buf_done(&f.gathered);
	arena_free(f.a);
}

static bool
prepare(struct fetch *f, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	struct session *s = f->s;
	const char *wrong;
	struct err err;

	if (view_load(s, &err) != RC_OK) {
		chat_failure(s, &err);
		return false;
	}
	f->set = v[0].s;
	wrong = arg_is_text(&v[0])
	    ? view_select(s, v[0].s, s->is_uid, true, &f->sel)
	    : "Bad set";
	if (!wrong)
		wrong = fetch_atts_parse(s->command_arena, &v[1], &f->atts);
	if (wrong) {
		chat_bad(s, wrong);
		return false;
	}
	if (s->is_uid && !s->has_uidonly)
		f->atts.items |= FETCH_UID;
	if (f->atts.items & FETCH_MODSEQ)
		s->has_condstore = true;
	return take_modifier(f, c);
}

static enum rc
run(struct fetch *f, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i, len;

	if (f->wants_vanished)
		rc = qresync_tell_vanished(
		    f->s, f->set, f->changed_since, err);
	if (f->changed_since)
		keep_changed(f);
	if (rc == RC_OK && sets_seen(f))
		rc = set_seen(f, err);
	f->fields = needed_fields(f);
	for (i = 0; rc == RC_OK && i < f->sel.n; i += len) {
		len = f->sel.n - i < BATCH ? f->sel.n - i : BATCH;
		if (i)
			progress_step(f->s, i, f->sel.n);
		rc = fetch_batch(f, f->sel.v + i, len, err);
		if (writer_error(f->s->writer) != IO_OK)
			break;
	}
	return rc;
}

void
cmd_fetch(struct session *s, const struct read_command *c)
{
	struct fetch f = { .s = s };
	struct err err;

	if (!prepare(&f, c))
		return;
	f.a = arena_new();
	if (run(&f, &err) != RC_OK) {
		/* An answer may be cut in its middle: only the end is safe. */
		chat_failure(s, &err);
		if (f.pieces.n && f.at < f.pieces.n)
			session_enter(s, STATE_LOGOUT);
	} else if (f.has_unknown_cte) {
		chat_no(s, "[UNKNOWN-CTE] Cannot decode that");
	} else if (f.has_missing) {
		chat_no(s, "[EXPUNGEISSUED] Some messages are gone");
	} else {
		command_done(s, s->is_uid, "Fetched");
	}
	buf_done(&f.text);
	buf_done(&f.gathered);
	arena_free(f.a);
}
