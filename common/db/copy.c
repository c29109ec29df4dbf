/* COPY and MOVE: one transaction, all or nothing. */
#include "db/append_internal.h"
#include "db/messages.h"

#include "base/banned.h"

struct copy {
	const struct uuid *owner;
	const struct oid *from;
	struct uid_set uids;
	const struct uuid *to_owner;
	const struct oid *to;
	bool is_move;
	bool wants_all;
	uint64_t dropped;
	bool shares_messages; /* a move inside one owner: ids stay */
	struct arena *a;
	entry_vec found;
	VEC(struct oid) ids;
	uint64_t octets;
	int64_t saved_s; /* by the server's clock */
	struct folder_change source;
	struct folder_change target;
	uint32_t first_uid;
};

static void
copy_take(void *ctx, struct folder_change *c, struct entry *e)
{
	struct copy *op = ctx;

	VEC_PUSH(op->a, &op->found, *e);
	VEC_PUSH(op->a, &op->ids, e->message);
	op->octets += e->size;
	if (op->is_move)
		folder_change_expunge(c, e, op->shares_messages);
}

/* Keywords by name: the two folders have tables of their own. */
static enum rc
copy_keywords(struct copy *op, uint64_t flags, uint64_t *ret_flags,
    struct folder_change *target, struct err *err)
{
	const struct folder *f = &op->source.folder;
	VEC(struct str) names = { 0 };
	uint64_t bits;
	size_t k;
	enum rc rc;

	for (k = 0; k < f->n_keywords; k++) {
		if (flags & (UINT64_C(1) << (FLAG_FIRST_KEYWORD + k)))
			VEC_PUSH(op->a, &names, f->keywords[k]);
	}
	rc = folder_change_keywords(target, names.v, names.n, &bits, err);
	if (rc == RC_OK)
		*ret_flags = (flags & FLAG_SYSTEM) | bits;
	return rc;
}

static enum rc
copy_put(struct copy *op, struct folder_change *target, struct err *err)
{
	enum rc rc = append_check_room(target, op->found.n, err);
	size_t i;

	op->first_uid = target->folder.uidnext;
	for (i = 0; rc == RC_OK && i < op->found.n; i++) {
		struct entry e = op->found.v[i];
		uint64_t flags = e.flags & ~op->dropped;

		rc = copy_keywords(op, flags, &flags, target, err);
		if (rc != RC_OK)
			return rc;
		e.flags = flags;
		entry_set_times(&e, e.date_s, op->saved_s);
		e.message = op->ids.v[i];
		folder_change_append(target, &e);
	}
	return rc;
}

static enum rc
copy_messages(struct copy *op, struct db *db, struct err *err)
{
	struct oid *sources =
	    ARENA_ARRAY(op->a, op->ids.n, struct oid);
	size_t i;

	if (op->shares_messages)
		return RC_OK;
	for (i = 0; i < op->ids.n; i++) {
		sources[i] = op->ids.v[i];
		op->ids.v[i] = oid_new();
	}
	return messages_copy(db, op->owner, op->to_owner, sources, op->ids.v,
	    op->ids.n, err);
}

/* A move inside one owner changes no quota. */
static enum rc
copy_charge(struct copy *op, struct db *db, const struct folder_change *target,
    struct err *err)
{
	enum rc rc;

	if (op->shares_messages)
		return RC_OK;
	rc = quota_add(db, op->to_owner, target->address,
	    (int64_t)op->octets, err);
	if (rc == RC_OK && op->is_move)
		rc = quota_add(db, op->owner, op->source.address,
		    -(int64_t)op->octets, err);
	return rc;
}

static bool
copy_has_all(const struct copy *op)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < op->uids.n; i++)
		n += (uint64_t)op->uids.v[i].hi - op->uids.v[i].lo + 1;
	return op->found.n == n;
}

static enum rc
copy_run(struct db *db, void *ctx, struct err *err)
{
	struct copy *op = ctx;
	bool is_same = oid_equals(op->from, op->to), found = false;
	struct folder_change *target = is_same ? &op->source : &op->target;
	enum rc rc;

	arena_reset(op->a);
	op->saved_s = db_time(db) / 1000;
	op->found = (entry_vec){ 0 };
	op->ids.v = NULL;
	op->ids.n = op->ids.cap = 0;
	op->octets = 0;
	op->target = op->source = (struct folder_change){ 0 };
	rc = folder_change_begin(&op->source, db, op->a, op->owner, op->from,
	    op->uids, &found, err);
	if (rc == RC_OK && found && !is_same)
		rc = folder_change_begin(target, db, op->a, op->to_owner,
		    op->to, (struct uid_set){ 0 }, &found, err);
	if (rc == RC_OK && !found)
		rc = append_no_such_folder(err);
	if (rc != RC_OK)
		return rc;
	folder_change_each(&op->source, op->uids, copy_take, op);
	if (op->wants_all && !copy_has_all(op))
		return err_set(err, RC_PERM, "GONE",
		    "some of the messages are gone: none was copied");
	db->is_void = op->found.n == 0;
	if (db->is_void)
		return RC_OK;
	if ((rc = copy_charge(op, db, target, err)) != RC_OK ||
	    (rc = copy_messages(op, db, err)) != RC_OK ||
	    (rc = copy_put(op, target, err)) != RC_OK)
		return rc;
	if (op->is_move && !is_same)
		rc = folder_change_end(&op->source, err);
	return rc == RC_OK ? folder_change_end(target, err) : rc;
}

static void
copy_give_result(
    const struct copy *op, struct arena *a, struct copy_result *ret_result)
{
	bool is_same = oid_equals(op->from, op->to);
	size_t i, n = op->found.n;

	*ret_result = (struct copy_result){
		.uidvalidity = is_same ? op->source.folder.uidvalidity
				       : op->target.folder.uidvalidity,
		.from = ARENA_ARRAY(a, n, uint32_t),
		.to = ARENA_ARRAY(a, n, uint32_t),
		.n = n,
	};
	for (i = 0; i < n; i++) {
		ret_result->from[i] = op->found.v[i].uid;
		ret_result->to[i] = op->first_uid + (uint32_t)i;
	}
}

enum rc
store_copy(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *from, struct uid_set uids, const struct uuid *to_owner,
    const struct oid *to, unsigned how, uint64_t dropped,
    struct copy_result *ret_result, struct err *err)
{
	struct copy op = { .owner = owner, .from = from, .uids = uids,
		.to_owner = to_owner, .to = to, .is_move = how & COPY_MOVE,
		.wants_all = how & COPY_ALL, .dropped = dropped,
		.shares_messages =
		    how & COPY_MOVE && uuid_equals(owner, to_owner),
		.a = arena_new() };
	enum rc rc;

	if (how & COPY_HERE) {
		rc = copy_run(db, &op, err);
		db->is_void = false; /* the rest of it is to be kept */
	} else {
		rc = db_txn_run(db, copy_run, &op, DB_INTERACTIVE_MS, err);
		if (append_makes_room(db, to_owner, &rc, err))
			rc = db_txn_run(
			    db, copy_run, &op, DB_INTERACTIVE_MS, err);
	}
	if (rc == RC_OK)
		copy_give_result(&op, a, ret_result);
	arena_free(op.a);
	return rc;
}
