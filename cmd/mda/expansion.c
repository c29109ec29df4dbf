/*
 * Aliases and lists, and what a filter sends elsewhere. An alias is expanded
 * whole: what mail for it ends at become recipients of the same message. Each
 * of them is new, or left out in favour of one that is there and that was not
 * expanded itself; expansions have an order in time, so who follows "left out
 * in favour of" never comes back, and finds a delivery or a report.
 */
#include "base/limits.h"
#include "mail/expand.h"
#include "mail/list.h"
#include "mda.h"

#include "base/banned.h"

/* What it was for went on to others; a list's post is an end. */
static bool
expansion_is_spent(const struct queue_recipient *r)
{
	return r->state == RECIPIENT_DELIVERED && r->host.len == 0;
}

/*
 * x, which is there, stands for v's mail too, and its sender is told what he
 * asked about either. False: it has failed, and he was not told.
 */
static bool
expansion_stands_for(const struct job *j, struct verdict *x,
    const struct verdict *v, bool *ret_is_done)
{
	const struct queue_recipient *r =
	    &j->item->recipients[x - j->verdicts];
	uint32_t notify = x->wider ? x->wider : r->notify, both;

	if (r->state == RECIPIENT_PENDING) {
		both = notify_merge(notify, v->now.notify);
		if (both != notify)
			x->now.notify = x->wider = both;
		return true;
	}
	*ret_is_done |= r->state == RECIPIENT_DELIVERED;
	return r->state == RECIPIENT_DELIVERED ||
	    notify_has_failure(notify) ||
	    !notify_has_failure(v->now.notify);
}

/*
 * There is one that will have its delivery or report, or had it; of the
 * added ones the first n.
 */
static bool
expansion_is_known(struct job *j, const struct verdict *v, size_t n,
    struct str address, bool *ret_is_done)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		struct verdict *x = &j->verdicts[i];
		const struct queue_recipient *r =
		    x->fate == FATE_EXPANDED ? &x->now
					     : &j->item->recipients[i];

		if (x != v && !expansion_is_spent(r) &&
		    str_equals_nocase(r->address, address) &&
		    expansion_stands_for(j, x, v, ret_is_done))
			return true;
	}
	for (i = 0; i < n; i++) {
		struct queue_recipient *r = &j->added.v[i];

		if (!str_equals_nocase(r->address, address))
			continue;
		r->notify = notify_merge(r->notify, v->now.notify);
		return true;
	}
	return false;
}

static enum rc
expansion_decide(void *ctx, const struct address *to,
    struct rcpt_answer *ret, struct err *err)
{
	return route_decide(ctx, to, ret, err);
}

static size_t
expansion_room(const struct job *j)
{
	size_t n = j->item->n_recipients + j->added.n;

	return n < LIMIT_ALIAS_FANOUT ? LIMIT_ALIAS_FANOUT - n : 0;
}

/* False: v failed. */
static bool
expansion_check(struct mda *m, struct verdict *v, const struct expansion *e)
{
	switch (e->end) {
	case EXPAND_ENDS:
		return true;
	case EXPAND_CIRCLE:
		verdict_fail(m, v, 550, "5.4.6",
		    e->circle.len ? arena_join(m->a,
			STR("The alias leads only to itself: "), e->circle)
				  : STR("The alias leads to nobody"));
		return false;
	case EXPAND_DEEP:
		verdict_fail(m, v, 550, "5.4.6", STR("Aliases too deep"));
		return false;
	case EXPAND_WIDE:
		verdict_fail(m, v, 550, "5.3.0",
		    STR("Aliases give too many recipients"));
		return false;
	}
	return false;
}

/*
 * Where the way is long, its words fill the document before the recipients
 * do. False: these do not fit, and none of them is added.
 */
static bool
expansion_fits(struct mda *m, struct job *j, struct verdict *v, size_t before)
{
	size_t i, size = 0;

	if (j->size == 0)
		j->size = queue_size(j->item);
	for (i = before; i < j->added.n; i++)
		size += queue_recipient_size(&j->added.v[i]);
	if (j->size + size <= LIMIT_QUEUE_DOCUMENT) {
		j->size += size;
		return true;
	}
	j->added.n = before;
	verdict_fail(m, v, 550, "5.3.0",
	    STR("Aliases give too many recipients by ways too long"));
	return false;
}

static bool
expansion_add(struct mda *m, struct job *j, struct verdict *v,
    const struct expansion *e, bool *ret_is_done)
{
	struct str original =
	    v->now.original.len ? v->now.original : v->now.address;
	size_t i, before = j->added.n; /* the leaves have each other once */

	for (i = 0; i < e->n; i++) {
		struct queue_recipient r = { .state = RECIPIENT_PENDING,
			.address = arena_dup_str(m->a, e->v[i].address),
			.notify = v->now.notify, .orcpt = v->now.orcpt,
			.final_key = e->v[i].path, .original = original };

		if (!expansion_is_known(j, v, before, r.address, ret_is_done))
			VEC_PUSH(m->a, &j->added, r);
	}
	return expansion_fits(m, j, v, before);
}

static enum rc
expansion_run(struct mda *m, struct job *j, struct verdict *v,
    struct expand_question *q, const char *text, struct err *err)
{
	struct expansion e;
	bool is_done = false;
	enum rc rc;

	q->decide = expansion_decide;
	q->ctx = m;
	q->root = v->answer.mailbox;
	q->path = v->now.final_key;
	q->max = expansion_room(j);
	rc = expand_address(m->a, q, &e, err);
	if (rc != RC_OK || !expansion_check(m, v, &e) ||
	    !expansion_add(m, j, v, &e, &is_done))
		return rc;
	verdict_set(m, v, FATE_EXPANDED, 250, "2.1.5", str_from_cstr(text));
	v->now.state = RECIPIENT_DELIVERED;
	v->now.host = STR("");
	if (!is_done) /* else nobody else tells of it */
		v->now.notify &= ~(uint32_t)NOTIFY_SUCCESS;
	return RC_OK;
}

enum rc
expansion_redirect(struct mda *m, struct job *j, struct verdict *v,
    const struct str *addresses, size_t n, struct err *err)
{
	struct expand_question q = { .v = addresses, .n = n };

	return expansion_run(m, j, v, &q, "redirected by a filter", err);
}

bool
expansion_was_filtered(struct mda *m, const struct verdict *v)
{
	return expand_path_has(
	    m->a, v->now.final_key, v->answer.mailbox->address);
}

/* Two addresses of a list are one post, also in two attempts. */
static bool
expansion_was_posted(const struct job *j, const struct verdict *v)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		const struct verdict *x = &j->verdicts[i];
		const struct queue_recipient *r =
		    x->fate == FATE_EXPANDED ? &x->now
					     : &j->item->recipients[i];

		if (x != v && r->state == RECIPIENT_DELIVERED &&
		    str_equals_nocase(r->host, v->answer.mailbox->address))
			return true;
	}
	return false;
}

static void
expansion_note_post(struct mda *m, struct verdict *v, struct str text)
{
	verdict_set(m, v, FATE_EXPANDED, 250, "2.1.5", text);
	v->now.state = RECIPIENT_DELIVERED;
	v->now.host = v->answer.mailbox->address;
}

/*
 * A post is a message of its own (RFC 5321 3.9.2): from the list's owner, so
 * that bounces of members go there, with a List-Id (RFC 2919). A list that
 * it came through already is left out.
 */
static void
expansion_post(struct mda *m, struct job *j, struct verdict *v)
{
	const struct mailbox *list = v->answer.mailbox;
	struct str path = v->now.final_key;
	struct queue_item post;

	if (expand_path_has(m->a, path, list->address)) {
		verdict_fail(m, v, 550, "5.4.6",
		    STR("The list is a member of itself"));
		return;
	}
	if (expand_path_depth(path) >= LIMIT_ALIAS_DEPTH) {
		verdict_fail(m, v, 550, "5.4.6", STR("Aliases too deep"));
		return;
	}
	if (list->n_destinations > LIMIT_ALIAS_FANOUT) {
		verdict_fail(m, v, 550, "5.3.0",
		    STR("The list has too many members"));
		return;
	}
	if (expansion_was_posted(j, v)) {
		expansion_note_post(
		    m, v, STR("another address of the list has it"));
		return;
	}
	post = list_post(m->a, j->item, list,
	    expand_path_add(m->a, path, list->address), db_time(m->db),
	    config_int(m->config, CFG_RETRY_EXPIRE));
	if (queue_size(&post) > LIMIT_QUEUE_DOCUMENT) {
		verdict_fail(m, v, 550, "5.3.0",
		    STR("The list has too many members by a way too long"));
		return;
	}
	VEC_PUSH(m->a, &j->posts, post);
	expansion_note_post(m, v, STR("expanded list"));
}

enum rc
expansion_apply(
    struct mda *m, struct job *j, struct verdict *v, struct err *err)
{
	const struct mailbox *b = v->answer.mailbox;
	struct expand_question q = { .v = b->destinations,
		.n = b->n_destinations };

	if (b->kind == ADDRESS_LIST) {
		expansion_post(m, j, v);
		return RC_OK;
	}
	return expansion_run(m, j, v, &q, "expanded alias", err);
}
