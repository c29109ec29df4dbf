/* Where aliases and lists lead; see expansions.h. */
#include "expansions.h"

#include "base/limits.h"
#include "db/directory.h"
#include "mail/expand.h"

#include "base/banned.h"

struct looking {
	struct admin *a;
	struct arena *arena;
	const struct mailbox *fresh; /* as if it were stored; or NULL */
};

/* The rank of an address among the keys of another; n: it is none. */
static size_t
expansions_rank(const struct str *keys, size_t n, const struct mailbox *m)
{
	size_t i;

	for (i = 0; m && i < n; i++) {
		if (str_equals(keys[i], m->address))
			return i;
	}
	return n;
}

static enum rc
expansions_decide(void *ctx, const struct address *to,
    struct rcpt_answer *ret, struct err *err)
{
	struct looking *l = ctx;
	const struct config *c = &l->a->p->config;
	struct rcpt_question q = { .to = *to, .is_delivery = true,
		.is_whole = true };
	struct str keys[RCPT_KEYS];
	size_t n, rank;
	enum rc rc = rcpt_decide(l->a->p->db, l->arena, c, &q, ret, err);

	if (rc != RC_OK || !l->fresh)
		return rc;
	n = rcpt_keys(l->arena, c, to, keys);
	rank = expansions_rank(keys, n, l->fresh);
	if (rank == n || rank > expansions_rank(keys, n, ret->mailbox))
		return RC_OK;
	ret->verdict = RCPT_EXPAND;
	ret->mailbox = ARENA_NEW(l->arena, struct mailbox);
	*ret->mailbox = *l->fresh;
	return RC_OK;
}

static enum rc
expansions_look(struct looking *l, const struct mailbox *m,
    struct expansion *ret, struct err *err)
{
	struct expand_question q = { .decide = expansions_decide, .ctx = l,
		.root = m, .v = m->destinations, .n = m->n_destinations,
		.path = STR(""), .max = LIMIT_ALIAS_FANOUT,
		.through_lists = true };

	return expand_address(l->arena, &q, ret, err);
}

static bool
expansions_is_circle(const struct expansion *e)
{
	return e->end == EXPAND_CIRCLE || e->circle.len;
}

/* The first destination here that does not exist; STR_NONE: there is none. */
static struct str
expansions_missing(const struct mailbox *m, const struct expansion *e)
{
	size_t i;

	for (i = 0; m->kind == ADDRESS_ALIAS && i < e->n; i++) {
		if (e->v[i].is_direct && e->v[i].is_unknown)
			return e->v[i].address;
	}
	return STR_NONE;
}

enum rc
expansions_check(
    struct admin *a, const struct mailbox *fresh, struct err *err)
{
	struct looking l = { .a = a, .arena = a->a, .fresh = fresh };
	struct expansion e;
	struct str missing;
	enum rc rc = expansions_look(&l, fresh, &e, err);

	if (rc != RC_OK)
		return rc;
	if (expansions_is_circle(&e))
		return err_set(err, RC_PERM, "",
		    "mail for %.*s would go in a circle: %.*s",
		    STR_ARG(fresh->address), STR_ARG(e.circle));
	if (e.end != EXPAND_ENDS)
		return err_set(err, RC_PERM, "", e.end == EXPAND_DEEP
			? "too many aliases in a row"
			: "too many destinations");
	missing = expansions_missing(fresh, &e);
	if (missing.p)
		return err_set(err, RC_PERM, "",
		    "there is no address %.*s: make it first",
		    STR_ARG(missing));
	return rc;
}

/* --- verify ------------------------------------------------------------------------ */

struct verifying {
	struct looking l;
	void (*problem)(void *ctx, const char *what, struct str where,
	    struct str text);
	void *ctx;
	uint64_t *n_problems;
};

static void
expansions_tell(struct verifying *v, const char *what,
    const struct mailbox *m, struct str text)
{
	v->problem(v->ctx, what, m->address, text);
	++*v->n_problems;
}

static enum rc
expansions_verify_one(
    struct verifying *v, const struct mailbox *m, struct err *err)
{
	struct expansion e;
	struct str missing;
	enum rc rc = expansions_look(&v->l, m, &e, err);

	if (rc != RC_OK)
		return rc;
	if (expansions_is_circle(&e))
		expansions_tell(v, "alias-circle", m,
		    e.circle.len ? e.circle : STR("it leads to nobody"));
	missing = expansions_missing(m, &e);
	if (missing.p)
		expansions_tell(v, "alias-missing", m,
		    arena_join(v->l.arena, STR("there is no address "),
			missing));
	return RC_OK;
}

enum rc
expansions_verify(struct admin *a,
    void (*problem)(void *ctx, const char *what, struct str where,
	struct str text),
    void *ctx, uint64_t *n_problems, struct err *err)
{
	static const enum address_kind kinds[] = { ADDRESS_ALIAS,
		ADDRESS_LIST };
	struct verifying v = { .l = { .a = a, .arena = arena_new() },
		.problem = problem, .ctx = ctx, .n_problems = n_problems };
	struct mailbox *all;
	size_t n, i, k;
	enum rc rc = RC_OK;

	for (k = 0; rc == RC_OK && k < 2; k++) {
		rc = mailbox_list(a->p->db, a->a, STR(""), (int)kinds[k],
		    &all, &n, err);
		for (i = 0; rc == RC_OK && i < n; i++) {
			arena_reset(v.l.arena);
			rc = expansions_verify_one(&v, &all[i], err);
		}
	}
	arena_free(v.l.arena);
	return rc;
}
