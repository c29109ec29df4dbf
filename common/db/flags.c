/* STORE and EXPUNGE. */
#include "base/fault.h"
#include "db/store_internal.h"

#include "base/banned.h"

struct flags_op {
	const struct uuid *owner;
	const struct oid *folder;
	struct uid_set uids;
	const struct store_flags *change;
	struct arena *a;
	uint64_t bits;
	uint64_t modseq;
	VEC(uint32_t) modified;
};

static uint64_t
new_flags(const struct flags_op *op, uint64_t flags)
{
	switch (op->change->op) {
	case STORE_ADD:
		return flags | op->bits;
	case STORE_REMOVE:
		return flags & ~op->bits;
	case STORE_REPLACE:
		break;
	}
	return (flags & op->change->kept) | op->bits;
}

static void
set_flags(void *ctx, struct folder_change *c, struct entry *e)
{
	struct flags_op *op = ctx;
	uint64_t flags = new_flags(op, e->flags);

	if (e->modseq > op->change->unchanged_since)
		VEC_PUSH(op->a, &op->modified, e->uid);
	else if (flags != e->flags)
		folder_change_flags(c, e, flags);
}

static enum rc
store(struct db *db, void *ctx, struct err *err)
{
	struct flags_op *op = ctx;
	struct folder_change c = { 0 };
	bool found = false;
	enum rc rc;

	arena_reset(op->a);
	op->modified.v = NULL;
	op->modified.n = op->modified.cap = 0;
	rc = folder_change_begin(
	    &c, db, op->a, op->owner, op->folder, op->uids, &found, err);
	if (rc == RC_OK && !found)
		rc = err_set(err, RC_PERM, "NOTFOUND", "the mailbox is gone");
	if (rc == RC_OK)
		rc = folder_change_keywords(&c, op->change->keywords,
		    op->change->n_keywords, &op->bits, err);
	if (rc != RC_OK)
		return rc;
	op->bits |= op->change->flags;
	folder_change_each(&c, op->uids, set_flags, op);
	op->modseq = c.is_changed ? c.modseq : c.modseq - 1;
	db->is_void = !c.is_changed;
	return c.is_changed ? folder_change_end(&c, err) : RC_OK;
}

enum rc
store_flags(struct db *db, struct arena *a, const struct uuid *owner,
    const struct oid *folder, struct uid_set uids,
    const struct store_flags *change, uint64_t *ret_modseq,
    uint32_t **ret_modified, size_t *ret_n_modified, struct err *err)
{
	struct flags_op op = { .owner = owner, .folder = folder, .uids = uids,
		.change = change, .a = arena_new() };
	enum rc rc = db_txn_run(db, store, &op, DB_INTERACTIVE_MS, err);

	if (rc == RC_OK) {
		*ret_modseq = op.modseq;
		*ret_n_modified = op.modified.n;
		*ret_modified = ARENA_ARRAY(a, op.modified.n, uint32_t);
		if (op.modified.n)
			memcpy(*ret_modified, op.modified.v,
			    op.modified.n * sizeof(uint32_t));
	}
	arena_free(op.a);
	return rc;
}

struct expunge_op {
	const struct uuid *owner;
	const struct oid *folder;
	struct uid_set uids;
	bool is_forced;
	struct arena *a;
	uint64_t modseq;
};

static void
expunge_entry(void *ctx, struct folder_change *c, struct entry *e)
{
	struct expunge_op *op = ctx;

	if (op->is_forced || (e->flags & FLAG_DELETED))
		folder_change_expunge(c, e, false);
}

static enum rc
expunge(struct db *db, void *ctx, struct err *err)
{
	struct expunge_op *op = ctx;
	struct folder_change c = { 0 };
	bool found = false;
	enum rc rc;

	arena_reset(op->a);
	op->modseq = 0;
	rc = folder_change_begin(
	    &c, db, op->a, op->owner, op->folder, op->uids, &found, err);
	if (rc != RC_OK)
		return rc;
	if (found)
		folder_change_each(&c, op->uids, expunge_entry, op);
	db->is_void = c.n_expunged == 0;
	if (db->is_void)
		return RC_OK;
	op->modseq = c.modseq;
	rc = quota_add(
	    db, &c.folder.owner, c.address, -(int64_t)c.freed, err);
	if (rc == RC_OK)
		rc = folder_change_end(&c, err);
	FAULT_POINT("store-expunge");
	return rc;
}

enum rc
store_expunge(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct uid_set uids, bool force,
    uint64_t *ret_modseq, struct err *err)
{
	struct expunge_op op = { owner, folder, uids, force, arena_new(), 0 };
	enum rc rc = db_txn_run(db, expunge, &op, DB_INTERACTIVE_MS, err);

	if (rc == RC_OK)
		*ret_modseq = op.modseq;
	arena_free(op.a);
	return rc;
}

static enum rc
free_keywords(struct db *db, void *ctx, struct err *err)
{
	struct flags_op *op = ctx;
	struct folder_change c = { .is_roll = true };
	bool found = false;
	size_t n = 0;
	enum rc rc;

	arena_reset(op->a);
	rc = folder_change_begin(&c, db, op->a, op->owner, op->folder,
	    (struct uid_set){ 0 }, &found, err);
	if (rc == RC_OK && found)
		rc = folder_change_free_keywords(&c, 0, &n, err);
	db->is_void = n == 0;
	return rc == RC_OK && n ? folder_change_end(&c, err) : rc;
}

enum rc
store_free_keywords(struct db *db, const struct uuid *owner,
    const struct oid *folder, struct err *err)
{
	struct flags_op op = { .owner = owner, .folder = folder,
		.a = arena_new() };
	enum rc rc =
	    db_txn_run(db, free_keywords, &op, DB_INTERACTIVE_MS, err);

	arena_free(op.a);
	return rc;
}
