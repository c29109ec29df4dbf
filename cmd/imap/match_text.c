/*
 * SEARCH keys about texts: header fields, bodies, all of a message. Octets
 * of a small message are there whole; of a larger one its header is, and
 * parts are streamed from the blob with an early stop.
 */
#include "match_internal.h"

#include "base/limits.h"
#include "db/blob.h"
#include "mime/decode.h"
#include "mime/encoded_word.h"
#include "mime/grams.h"
#include "mime/header.h"
#include "mime/texts.h"
#include "text/charset.h"

#include "base/banned.h"

enum { WINDOW = 1 << 20, OVERLAP = 65536 }; /* folding takes 20 times it */
enum { AHEAD = 131072 }; /* the next parts' headers are there too */

static bool
has(struct str folded, struct str key)
{
	return str_find(folded, key) < folded.len;
}

/*
 * folded is the scratch arena's, which is empty afterwards: a program may have
 * thousands of keys.
 */
static bool
has_once(struct match *x, struct str folded, struct str key)
{
	bool is_hit = has(folded, key);

	arena_reset(x->scratch);
	return is_hit;
}

static bool
contains(struct match *x, struct str text, struct str key)
{
	struct arena *a = x->scratch;

	return key.len == 0 ||
	    has_once(x, casemap(a, encoded_words_decode(a, text)), key);
}

/* The index says that none of the message's texts has it. */
static bool
is_ruled_out(const struct subject *m, struct str key)
{
	return m->has_document && !grams_may_have(m->grams, key);
}

/* --- header fields ------------------------------------------------------------------ */

static bool
addresses_contain(
    struct match *x, struct facts_addresses list, struct str key)
{
	size_t i;

	for (i = 0; i < list.n; i++) {
		const struct facts_address *a = &list.v[i];
		struct str name = encoded_words_decode(
		    x->scratch, a->name.p ? a->name : STR(""));
		struct str whole = arena_printf(x->scratch, "%.*s <%.*s@%.*s>",
		    STR_ARG(name), STR_ARG(a->mailbox), STR_ARG(a->host));

		if (key.len == 0 ||
		    has_once(x, casemap(x->scratch, whole), key))
			return true;
	}
	return false;
}

/*
 * *ret_known false: the envelope does not tell. It does not have that field,
 * or no address of it, and any field of that name would do.
 */
static bool
envelope_contains(struct match *x, const struct facts_envelope *e,
    struct str field, struct str key, bool *ret_known)
{
	const struct {
		struct str name;
		const struct facts_addresses *list;
		const struct str *text;
	} fields[] = {
		{ STR_INIT("Subject"), NULL, &e->subject },
		{ STR_INIT("From"), &e->from, NULL },
		{ STR_INIT("To"), &e->to, NULL },
		{ STR_INIT("Cc"), &e->cc, NULL },
		{ STR_INIT("Bcc"), &e->bcc, NULL },
		{ STR_INIT("Message-ID"), NULL, &e->message_id },
		{ STR_INIT("In-Reply-To"), NULL, &e->in_reply_to },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (!str_equals_nocase(field, fields[i].name))
			continue;
		*ret_known =
		    !fields[i].list || fields[i].list->n || key.len;
		if (fields[i].list)
			return addresses_contain(x, *fields[i].list, key);
		return fields[i].text->p &&
		    contains(x, *fields[i].text, key);
	}
	*ret_known = false;
	return false;
}

enum truth
judge_header(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	struct header_field f;
	struct str rest = m->header;
	bool known = false, hit;

	if (!m->has_envelope)
		return str_equals_nocase(k->field, STR("Subject")) &&
			is_ruled_out(m, k->text)
		    ? NO
		    : OPEN;
	hit = envelope_contains(x, &m->envelope, k->field, k->text, &known);
	if (known)
		return hit ? YES : NO;
	if (!m->has_octets)
		return OPEN;
	while (header_next(&rest, &f)) {
		if (str_equals_nocase(f.name, k->field) &&
		    (k->text.len == 0 ||
			has_once(x, text_fold_field(x->scratch, f.value),
			    k->text)))
			return YES;
	}
	return NO;
}

static bool
fields_contain(struct match *x, struct str header, struct str key)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		if (has_once(x, text_fold_field(x->scratch, f.whole), key))
			return true;
	}
	return false;
}

struct ahead {
	uint64_t offset;
	struct buf octets;
};

static bool
gather(void *ctx, struct str bytes)
{
	buf_add_str(ctx, bytes);
	return true;
}

/* A range of the blob: a message may have a thousand small ones in a row. */
static struct str
read_range(struct match *x, const struct subject *m, struct ahead *r,
    uint64_t offset, uint64_t size)
{
	uint64_t n = m->facts->size - offset;

	if (size > LIMIT_IMAP_SEARCH_HEADER)
		size = LIMIT_IMAP_SEARCH_HEADER;
	if (offset + size <= m->octets.len)
		return str_slice(m->octets, (size_t)offset, (size_t)size);
	if (offset < r->offset || offset + size > r->offset + r->octets.len) {
		r->offset = offset;
		buf_reset(&r->octets);
		if (n > AHEAD)
			n = size > AHEAD ? size : AHEAD;
		x->rc = blob_read(x->s->p->db, &m->blob, offset, n, gather,
		    &r->octets, x->err);
	}
	return str_slice(buf_str(&r->octets), (size_t)(offset - r->offset),
	    (size_t)size);
}

/* The headers of parts, and of messages inside (RFC 9051 6.4.4). */
static bool
part_headers_contain(
    struct match *x, const struct subject *m, struct str key)
{
	struct ahead r = { 0 };
	bool is_hit = false;
	uint32_t i;

	for (i = 1; i < m->facts->n_parts && !is_hit && x->rc == RC_OK; i++) {
		const struct facts_part *p = &m->facts->parts[i];
		struct str header = read_range(
		    x, m, &r, p->header_offset, p->header_size);

		is_hit = x->rc == RC_OK && fields_contain(x, header, key);
	}
	buf_done(&r.octets);
	return is_hit;
}

/* --- bodies ------------------------------------------------------------------------------ */

struct window {
	const struct facts_part *part;
	struct arena *a;       /* of one window */
	struct decoder decoder;
	struct str key;
	struct buf plain;
	bool is_hit;
};

static void
search_window(struct window *w)
{
	w->is_hit = has(
	    text_fold_body(w->a, w->part, buf_str(&w->plain)), w->key);
	arena_reset(w->a);
	if (w->plain.len > OVERLAP)
		buf_consume(&w->plain, w->plain.len - OVERLAP);
}

static bool
on_octets(void *ctx, struct str bytes)
{
	struct window *w = ctx;

	decoder_push(&w->decoder, bytes, &w->plain);
	if (w->plain.len > WINDOW)
		search_window(w);
	return !w->is_hit;
}

static bool
part_contains(struct match *x, const struct subject *m,
    const struct facts_part *p, struct str key)
{
	struct window w = { .part = p, .key = key };

	if (p->body_size == 0)
		return false;
	w.a = arena_new();
	decoder_init(&w.decoder, decode_kind_of(p->encoding));
	if (p->body_offset + p->body_size <= m->octets.len)
		(void)on_octets(&w, str_slice(m->octets,
		    (size_t)p->body_offset, (size_t)p->body_size));
	else
		x->rc = blob_read(x->s->p->db, &m->blob, p->body_offset,
		    p->body_size, on_octets, &w, x->err);
	if (x->rc == RC_OK && !w.is_hit) {
		decoder_finish(&w.decoder, &w.plain);
		search_window(&w);
	}
	buf_done(&w.plain);
	arena_free(w.a);
	return x->rc == RC_OK && w.is_hit;
}

enum truth
judge_body(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	uint32_t i;

	if (k->text.len == 0)
		return YES;
	if (!m->has_octets)
		return is_ruled_out(m, k->text) ? NO : OPEN;
	for (i = 0; i < m->facts->n_parts; i++) {
		const struct facts_part *p = &m->facts->parts[i];

		if (!text_is_searched(p))
			continue;
		if (part_contains(x, m, p, k->text))
			return YES;
		if (x->rc != RC_OK)
			return OPEN;
	}
	return NO;
}

enum truth
judge_text(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	if (k->text.len == 0)
		return YES;
	/* The prefix is this mailbox's own; the index is the message's. */
	if (!m->has_octets && is_ruled_out(m, k->text))
		return fields_contain(x, m->prefix, k->text) ? YES : NO;
	if (!m->has_octets)
		return OPEN;
	if (fields_contain(x, m->header, k->text) ||
	    part_headers_contain(x, m, k->text))
		return YES;
	return x->rc == RC_OK ? judge_body(x, k, m) : OPEN;
}
