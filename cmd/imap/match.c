/* Evaluation of SEARCH programs; see match.h. */
#include "match_internal.h"

#include <stdlib.h>

#include "base/limits.h"
#include "db/blob.h"
#include "mime/facts.h"
#include "progress.h"
#include "text/date.h"

#include "base/banned.h"

enum { BATCH = 1000 };
enum { OPEN_MAX = 8 << 20 }; /* octets of what is open at a time */
enum { WHOLE_MAX = 131072 }; /* a message up to this is read in one go */

/* --- numbers and dates ---------------------------------------------------------------------- */

static int64_t
day_of(int64_t s)
{
	return s / 86400 - (s % 86400 < 0);
}

/* The date as it is written, without regard to its zone (RFC 3501). */
static enum truth
judge_sent(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	int64_t s, day;
	int zone;

	(void)x;
	if (!m->has_envelope)
		return OPEN;
	if (!m->envelope.date.p ||
	    !date_parse_rfc5322(m->envelope.date, &s, &zone))
		return NO;
	day = day_of(s + zone * 60) - (int64_t)k->number;
	return (k->type == SEARCH_SENTBEFORE ? day < 0
		   : k->type == SEARCH_SENTON ? day == 0
					      : day >= 0)
	    ? YES
	    : NO;
}

static bool
has_keyword(const struct match *x, const struct subject *m, struct str word)
{
	bool unused;

	return m->m->e.flags &
	    folder_keyword_bits(&x->view->folder, &word, 1, &unused);
}

static bool
in_set(const struct search_key *k, const struct subject *m)
{
	return seqset_has(&k->set, k->type == SEARCH_UID
		? m->m->e.uid
		: (uint32_t)m->index + 1);
}

/* Keys that the map decides. */
static bool
judge_entry(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	const struct entry *e = &m->m->e;
	int64_t n = (int64_t)k->number;

	switch (k->type) {
	case SEARCH_SEQ:
	case SEARCH_UID:
		return in_set(k, m);
	case SEARCH_FLAG:
		return (e->flags & k->number) == k->number;
	case SEARCH_KEYWORD:
		return has_keyword(x, m, k->text);
	case SEARCH_RECENT:
		return view_is_recent(x->view, e->uid);
	case SEARCH_BEFORE:
		return day_of(e->date_s) < n;
	case SEARCH_ON:
		return day_of(e->date_s) == n;
	case SEARCH_SINCE:
		return day_of(e->date_s) >= n;
	case SEARCH_SAVEDBEFORE:
		return day_of(e->saved_s) < n;
	case SEARCH_SAVEDON:
		return day_of(e->saved_s) == n;
	case SEARCH_SAVEDSINCE:
		return day_of(e->saved_s) >= n;
	case SEARCH_LARGER:
		return e->size > k->number;
	case SEARCH_SMALLER:
		return e->size < k->number;
	case SEARCH_OLDER:
		return x->now_s - e->date_s >= n;
	case SEARCH_YOUNGER:
		return x->now_s - e->date_s <= n;
	case SEARCH_MODSEQ:
		return e->modseq >= k->number;
	case SEARCH_AND:
	case SEARCH_OR:
	case SEARCH_NOT:
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
	case SEARCH_HEADER:
	case SEARCH_BODY:
	case SEARCH_TEXT:
	case SEARCH_EMAILID:
		break;
	}
	return false;
}

/* --- the tree (its depth was limited when it was parsed) ---------------------------------------- */

static enum truth judge(
    struct match *x, const struct search_key *k, const struct subject *m);

static enum truth
judge_all(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	bool is_or = k->type == SEARCH_OR;
	enum truth result = is_or ? NO : YES, t;
	size_t i;

	for (i = 0; i < k->n; i++) {
		t = judge(x, &k->v[i], m);
		if (t == (is_or ? YES : NO) || x->rc != RC_OK)
			return t;
		if (t == OPEN)
			result = OPEN;
	}
	return result;
}

static enum truth
judge_emailid(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	char text[OID_HEX];

	(void)x;
	if (!m->has_document)
		return OPEN;
	return str_equals(oid_format(&m->blob, text), k->text) ? YES : NO;
}

static enum truth
judge_not(
    struct match *x, const struct search_key *k, const struct subject *m)
{
	enum truth t = judge(x, &k->v[0], m);

	return t == OPEN ? OPEN : t == YES ? NO : YES;
}

/* What the map alone cannot decide. */
static judge_fn *const judges[SEARCH_EMAILID + 1] = {
	[SEARCH_AND] = judge_all,
	[SEARCH_OR] = judge_all,
	[SEARCH_NOT] = judge_not,
	[SEARCH_HEADER] = judge_header,
	[SEARCH_BODY] = judge_body,
	[SEARCH_TEXT] = judge_text,
	[SEARCH_SENTBEFORE] = judge_sent,
	[SEARCH_SENTON] = judge_sent,
	[SEARCH_SENTSINCE] = judge_sent,
	[SEARCH_EMAILID] = judge_emailid,
};

/*
 * A program may have thousands of keys and each may read all of a message,
 * so that it can be cut short between any two of them.
 */
static enum truth
judge(struct match *x, const struct search_key *k, const struct subject *m)
{
	if (x->rc == RC_OK)
		x->rc = progress_check(x->s, x->err);
	if (x->rc != RC_OK)
		return OPEN;
	if (judges[k->type])
		return judges[k->type](x, k, m);
	return judge_entry(x, k, m) ? YES : NO;
}

/* Once, not for each message: a set may have thousands of ranges. */
static void
resolve_sets(struct match *x, struct search_key *k)
{
	uint32_t n = (uint32_t)x->view->n_announced;
	size_t i;

	for (i = 0; i < k->n; i++)
		resolve_sets(x, &k->v[i]);
	if (k->type != SEARCH_SEQ && k->type != SEARCH_UID)
		return;
	if (k->set.is_saved) {
		k->type = SEARCH_UID;
		k->set = view_saved(x->s);
		return;
	}
	if (k->type == SEARCH_UID)
		n = n ? x->view->v[n - 1].e.uid : 0;
	seqset_resolve(x->s->command_arena, &k->set, n, &k->set);
}

/* --- batches of what is open ------------------------------------------------------------------------ */

/* What the facts did not decide; copies live in the batch's arena. */
struct candidate {
	size_t at;             /* in the batch */
	struct message m;
	struct facts facts;
};

struct batch {
	struct match *x;
	struct arena *a;
	size_t v[BATCH];       /* indices in the view */
	struct oid ids[BATCH];
	enum truth truth[BATCH];
	size_t n;
	unsigned fields;       /* of the documents that are read */
	size_t n_indexed;      /* messages of this batch with an index */
	VEC(struct candidate) open;
	/* While their octets come in: */
	size_t reading;        /* in open */
	struct buf octets;
};

static bool
keep_open(struct batch *b, size_t at, const struct message *m)
{
	struct candidate c = { .at = at, .m = *m };

	c.m.prefix = arena_dup_str(b->a, m->prefix);
	c.m.facts = arena_dup_str(b->a, m->facts);
	if (!facts_decode(b->a, c.m.facts, &c.facts))
		return false;
	VEC_PUSH(b->a, &b->open, c);
	return true;
}

static struct subject
subject_of(const struct batch *b, size_t at, const struct message *m)
{
	return (struct subject){ .index = b->v[at],
		.m = &b->x->view->v[b->v[at]],
		.has_document = b->fields & MESSAGE_HEAD,
		.prefix = m->prefix, .grams = m->grams, .blob = m->blob };
}

/* Judged by the index, if there is one. */
static bool
on_grams(void *ctx, size_t at, const struct message *message)
{
	struct batch *b = ctx;
	struct subject m = subject_of(b, at, message);

	arena_reset(b->x->a);
	b->truth[at] = judge(b->x, b->x->root, &m);
	b->n_indexed += message->grams.p != NULL;
	return b->x->rc == RC_OK;
}

/* Judged by the envelope where it lies; only what is open then is copied. */
static bool
on_facts(void *ctx, size_t at, const struct message *message)
{
	struct batch *b = ctx;
	struct match *x = b->x;
	struct subject m = subject_of(b, at, message);
	enum truth t = NO;

	arena_reset(x->a);
	m.has_envelope =
	    facts_decode_envelope(x->a, message->facts, &m.envelope);
	if (m.has_envelope)
		t = judge(x, x->root, &m);
	if (t == OPEN && !keep_open(b, at, message))
		t = NO;
	b->truth[at] = t;
	return x->rc == RC_OK && !arena_is_over(b->a);
}

/* octets: of the blob's start, at least the header. */
static enum rc
judge_octets(struct batch *b, const struct candidate *c, struct str octets)
{
	struct match *x = b->x;
	size_t index = b->v[c->at];
	struct subject m = { .index = index, .m = &x->view->v[index],
		.has_document = true, .prefix = c->m.prefix,
		.has_envelope = true,
		.envelope = *c->facts.parts[0].envelope, .has_octets = true,
		.octets = octets, .facts = &c->facts, .blob = c->m.blob };

	arena_reset(x->a);
	m.header = arena_join(x->a, c->m.prefix,
	    str_slice(octets, 0, (size_t)c->facts.parts[0].header_size));
	b->truth[c->at] = judge(x, x->root, &m);
	return x->rc;
}

/* A message without an empty line is a header, however long. */
static uint64_t
octets_wanted(const struct batch *b, const struct candidate *c)
{
	uint64_t header = c->facts.parts[0].header_size;

	if (b->x->needs & NEEDS_BODY && c->facts.size <= WHOLE_MAX)
		return c->facts.size;
	return header < LIMIT_IMAP_SEARCH_HEADER ? header
						 : LIMIT_IMAP_SEARCH_HEADER;
}

/* By number, not by place: documents come in no particular order. */
static void
step(const struct batch *b, size_t n_judged)
{
	progress_step(
	    b->x->s, b->v[0] + n_judged, b->x->view->n_announced);
}

/* One candidate at a time has its octets in memory. */
static void
judge_up_to(struct batch *b, size_t end)
{
	while (b->reading < end && b->x->rc == RC_OK) {
		const struct candidate *c = &b->open.v[b->reading++];

		step(b, b->reading);
		(void)judge_octets(b, c, buf_str(&b->octets));
		buf_reset(&b->octets);
	}
}

static bool
on_first_octets(void *ctx, size_t index, struct str piece)
{
	struct batch *b = ctx;

	judge_up_to(b, index);
	buf_add_str(&b->octets, piece);
	return b->x->rc == RC_OK;
}

static bool
on_head(void *ctx, size_t index, const struct message *m)
{
	struct batch *b = ctx;
	struct candidate *c = &b->open.v[index];

	c->m.blob = m->blob;
	c->m.prefix = arena_dup_str(b->a, m->prefix);
	return true;
}

/*
 * Most searches of headers end with the envelope and need the facts alone.
 * Where these leave much open, the next batches are read whole.
 */
static enum rc
read_heads(struct batch *b, struct err *err)
{
	size_t i, n = b->open.n;
	struct oid *ids = ARENA_ARRAY(b->a, n, struct oid);

	if (b->fields & MESSAGE_HEAD)
		return RC_OK;
	for (i = 0; i < n; i++)
		ids[i] = b->open.v[i].m.id;
	if (n > BATCH / 10)
		b->fields |= MESSAGE_HEAD;
	return message_read_many(b->x->s->p->db, &b->x->view->folder.owner,
	    ids, n, MESSAGE_HEAD, on_head, b, err);
}

static enum rc
judge_open(struct batch *b, struct err *err)
{
	size_t i, n = b->open.n;
	struct blob_range *ranges = ARENA_ARRAY(b->a, n, struct blob_range);
	enum rc rc;

	if (n == 0)
		return RC_OK;
	rc = read_heads(b, err);
	if (rc != RC_OK)
		return rc;
	for (i = 0; i < n; i++)
		ranges[i] = (struct blob_range){ b->open.v[i].m.blob, 0,
			octets_wanted(b, &b->open.v[i]) };
	b->reading = 0;
	buf_reset(&b->octets);
	rc = blob_read_many(
	    b->x->s->p->db, ranges, n, on_first_octets, b, err);
	if (rc == RC_OK)
		judge_up_to(b, n);
	return rc == RC_OK ? b->x->rc : rc;
}

typedef VEC(uint32_t) index_vec;

/*
 * One that is not there any more does not match. When what is open fills the
 * batch's arena the rest stays open, for the next round.
 */
static enum rc
read_documents(struct batch *b, unsigned fields,
    bool (*sink)(void *, size_t, const struct message *), struct err *err)
{
	size_t i;
	enum rc rc;

	for (i = 0; i < b->n; i++)
		b->truth[i] = UNREAD;
	rc = message_read_many(b->x->s->p->db, &b->x->view->folder.owner,
	    b->ids, b->n, fields, sink, b, err);
	for (i = 0; i < b->n; i++) {
		if (b->truth[i] == UNREAD)
			b->truth[i] = arena_is_over(b->a) ? OPEN : NO;
	}
	return rc == RC_OK ? b->x->rc : rc;
}

static void
take_hits(struct batch *b, index_vec *hits)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++) {
		if (b->truth[i] == YES)
			VEC_PUSH(b->x->s->command_arena, hits, (uint32_t)b->v[i]);
		if (b->truth[i] != OPEN)
			continue;
		b->ids[n] = b->ids[i];
		b->v[n++] = b->v[i];
	}
	b->n = n;
}

/* Where few messages have an index, the next are read at once. */
static enum rc
ask_index(struct batch *b, index_vec *hits, struct err *err)
{
	struct match *x = b->x;
	size_t n = b->n;
	enum rc rc;

	if (n == 0 || !x->has_index || !(x->needs & NEEDS_BODY))
		return RC_OK;
	b->n_indexed = 0;
	rc = read_documents(b, MESSAGE_HEAD | MESSAGE_GRAMS, on_grams, err);
	if (rc == RC_OK)
		take_hits(b, hits);
	x->has_index = b->n_indexed > n / 4;
	return rc;
}

static enum rc
match_round(struct batch *b, index_vec *hits, struct err *err)
{
	enum rc rc = read_documents(b, b->fields, on_facts, err);

	if (rc == RC_OK)
		rc = judge_open(b, err);
	if (rc == RC_OK)
		take_hits(b, hits);
	arena_reset(b->a);
	b->open.v = NULL;
	b->open.n = b->open.cap = 0;
	return rc;
}

static enum rc
end_batch(struct batch *b, index_vec *hits, struct err *err)
{
	enum rc rc;

	if (b->n)
		step(b, 0);
	rc = ask_index(b, hits, err);
	while (rc == RC_OK && b->n)
		rc = match_round(b, hits, err);
	b->n = 0;
	return rc;
}

static int
compare(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a == b ? 0 : a < b ? -1 : 1;
}

static enum rc
run(struct match *x, struct batch *b, index_vec *hits, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && x->rc == RC_OK &&
	     i < x->view->n_announced; i++) {
		struct subject m = { .index = i, .m = &x->view->v[i] };
		enum truth t;

		if (m.m->is_gone)
			continue;
		arena_reset(x->a);
		t = judge(x, x->root, &m);
		if (t == YES)
			VEC_PUSH(x->s->command_arena, hits, (uint32_t)i);
		if (t != OPEN)
			continue;
		b->ids[b->n] = m.m->e.message;
		b->v[b->n++] = i;
		if (b->n == BATCH)
			rc = end_batch(b, hits, err);
	}
	if (rc == RC_OK)
		rc = end_batch(b, hits, err);
	return rc == RC_OK ? x->rc : rc;
}

enum rc
match_program(struct session *s, struct search_program *p,
    struct selection *ret, struct err *err)
{
	struct match x = { .s = s, .view = s->view, .root = &p->root,
		.needs = search_needs(&p->root),
		.has_index = config_bool(s->config, CFG_IMAP_SEARCH_INDEX),
		.a = arena_new(), .scratch = arena_new(),
		.now_s = db_time(s->p->db) / 1000, .err = err };
	struct batch *b = mem_alloc(sizeof(*b));
	index_vec hits = { 0 };
	size_t i;
	enum rc rc;

	b->x = &x;
	b->fields = MESSAGE_FACTS;
	if (x.needs & (NEEDS_BODY | NEEDS_EMAILID))
		b->fields |= MESSAGE_HEAD;
	b->a = arena_new();
	arena_set_limit(b->a, OPEN_MAX);
	/* Pages of it that are not written to cost nothing. */
	hits.cap = s->view->n_announced;
	hits.v = ARENA_ARRAY(s->command_arena, hits.cap, uint32_t);
	resolve_sets(&x, &p->root);
	rc = run(&x, b, &hits, err);
	for (i = 1; i < hits.n && hits.v[i - 1] < hits.v[i]; i++)
		;
	if (i < hits.n)
		qsort(hits.v, hits.n, sizeof(*hits.v), compare);
	ret->v = hits.v;
	ret->n = hits.n;
	buf_done(&b->octets);
	arena_free(b->a);
	mem_free(b);
	arena_free(x.scratch);
	arena_free(x.a);
	return rc;
}
