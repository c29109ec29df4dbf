/* Evaluation of SEARCH programs; see match.h. */
#include "match_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "db/blob.h"
#include "mime/facts.h"
#include "progress.h"
#include "text/date.h"

#include "base/banned.h"

enum { BATCH = 256 };
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
	const struct folder *f = &x->view->folder;
	size_t i;

	for (i = 0; i < f->n_keywords; i++) {
		if (str_equals_nocase(f->keywords[i], word))
			return m->m->e.flags >> (FLAG_FIRST_KEYWORD + i) & 1;
	}
	return false;
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
		return x->view->recent_from && e->uid >= x->view->recent_from;
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
		if (t == (is_or ? YES : NO))
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
	if (!m->has_envelope)
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

static enum truth
judge(struct match *x, const struct search_key *k, const struct subject *m)
{
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
	if (k->type == SEARCH_SEQ && n && k->set.n &&
	    k->set.v[k->set.n - 1].hi > n)
		x->wrong = "No such message";
}

/* --- batches of what is open ------------------------------------------------------------------------ */

struct candidate {
	size_t index;
	enum truth truth;
	bool is_there;
	struct message m;      /* copies in the batch's arena */
	struct facts facts;
	struct buf octets;
};

struct batch {
	struct match *x;
	struct arena *a;
	struct candidate v[BATCH];
	size_t n;
};

static bool
on_message(void *ctx, size_t index, const struct message *m)
{
	struct batch *b = ctx;
	struct candidate *c = &b->v[index];

	c->m = *m;
	c->m.prefix = arena_dup_str(b->a, m->prefix);
	c->m.facts = arena_dup_str(b->a, m->facts);
	c->is_there = facts_decode(b->a, c->m.facts, &c->facts);
	return true;
}

static void
judge_candidate(struct batch *b, struct candidate *c, bool has_octets)
{
	struct match *x = b->x;
	struct str octets = buf_str(&c->octets);
	struct subject m = { .index = c->index,
		.m = &x->view->v[c->index], .has_envelope = true,
		.envelope = *c->facts.parts[0].envelope,
		.has_octets = has_octets,
		.octets = octets, .facts = &c->facts, .blob = c->m.blob };

	arena_reset(x->a);
	if (has_octets)
		m.header = arena_join(x->a, c->m.prefix,
		    str_slice(octets, 0,
			(size_t)c->facts.parts[0].header_size));
	c->truth = judge(x, x->root, &m);
}

static bool
on_first_octets(void *ctx, size_t index, struct str piece)
{
	struct batch *b = ctx;
	size_t i, k = 0;

	/* The ranges are those of the open candidates, in order. */
	for (i = 0; i < b->n; i++) {
		if (b->v[i].truth == OPEN && k++ == index) {
			buf_add_str(&b->v[i].octets, piece);
			break;
		}
	}
	return true;
}

static enum rc
read_octets(struct batch *b, struct err *err)
{
	struct blob_range ranges[BATCH];
	bool with_body = b->x->needs & NEEDS_BODY;
	size_t i, n = 0;

	for (i = 0; i < b->n; i++) {
		struct candidate *c = &b->v[i];

		if (c->truth != OPEN)
			continue;
		ranges[n++] = (struct blob_range){ c->m.blob, 0,
			with_body && c->facts.size <= WHOLE_MAX
			    ? c->facts.size
			    : c->facts.parts[0].header_size };
	}
	return n ? blob_read_many(b->x->s->p->db, ranges, n, on_first_octets,
		       b, err)
		 : RC_OK;
}

static void
step(const struct batch *b, size_t i)
{
	progress_step(
	    b->x->s, b->v[i].index, b->x->view->n_announced);
}

static enum rc
judge_batch(struct batch *b, struct err *err)
{
	struct match *x = b->x;
	struct oid ids[BATCH];
	size_t i;
	enum rc rc;

	step(b, 0);
	for (i = 0; i < b->n; i++)
		ids[i] = x->view->v[b->v[i].index].e.message;
	rc = message_read_many(x->s->p->db, &x->view->folder.owner, ids, b->n,
	    MESSAGE_HEAD | MESSAGE_FACTS, on_message, b, err);
	for (i = 0; rc == RC_OK && i < b->n; i++) {
		if (b->v[i].is_there)
			judge_candidate(b, &b->v[i], false);
		else
			b->v[i].truth = NO;
	}
	if (rc == RC_OK)
		rc = read_octets(b, err);
	for (i = 0; rc == RC_OK && i < b->n; i++) {
		if (b->v[i].truth == OPEN) {
			step(b, i);
			judge_candidate(b, &b->v[i], true);
			rc = x->rc;
		}
	}
	return rc;
}

typedef VEC(size_t) index_vec;

static enum rc
end_batch(struct batch *b, index_vec *hits, struct err *err)
{
	enum rc rc = b->n ? judge_batch(b, err) : RC_OK;
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (rc == RC_OK && b->v[i].truth == YES)
			VEC_PUSH(b->x->s->command_arena, hits,
			    b->v[i].index);
		buf_done(&b->v[i].octets);
	}
	arena_reset(b->a);
	memset(b->v, 0, sizeof(b->v));
	b->n = 0;
	return rc;
}

static int
compare(const void *x, const void *y)
{
	size_t a = *(const size_t *)x, b = *(const size_t *)y;

	return a == b ? 0 : a < b ? -1 : 1;
}

static enum rc
run(struct match *x, struct batch *b, index_vec *hits, struct err *err)
{
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < x->view->n_announced; i++) {
		struct subject m = { .index = i, .m = &x->view->v[i] };
		enum truth t;

		if (m.m->is_gone)
			continue;
		arena_reset(x->a);
		t = judge(x, x->root, &m);
		if (t == YES)
			VEC_PUSH(x->s->command_arena, hits, i);
		if (t != OPEN)
			continue;
		b->v[b->n].truth = OPEN;
		b->v[b->n++].index = i;
		if (b->n == BATCH)
			rc = end_batch(b, hits, err);
	}
	return rc == RC_OK ? end_batch(b, hits, err) : rc;
}

enum rc
match_program(struct session *s, struct search_program *p,
    struct selection *ret, const char **ret_wrong, struct err *err)
{
	struct match x = { .s = s, .view = s->view, .root = &p->root,
		.needs = search_needs(&p->root),
		.a = arena_new(), .scratch = arena_new(),
		.now_s = clock_wall_ms() / 1000, .err = err };
	struct batch *b = mem_alloc(sizeof(*b));
	index_vec hits = { 0 };
	enum rc rc;

	b->x = &x;
	b->a = arena_new();
	resolve_sets(&x, &p->root);
	rc = run(&x, b, &hits, err);
	if (hits.n)
		qsort(hits.v, hits.n, sizeof(*hits.v), compare);
	ret->v = hits.v;
	ret->n = hits.n;
	*ret_wrong = x.wrong;
	arena_free(b->a);
	mem_free(b);
	arena_free(x.scratch);
	arena_free(x.a);
	return rc;
}
