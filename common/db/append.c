/* APPEND and REPLACE: each is one transaction, all or nothing. */
#include <stdio.h>

#include "base/fault.h"
#include "base/limits.h"
#include "db/append_internal.h"
#include "db/blob.h"
#include "db/gc.h"
#include "db/incoming.h"
#include "db/messages.h"
#include "db/tail.h"

#include "base/banned.h"

enum rc
append_no_such_folder(struct err *err)
{
	return err_set(err, RC_PERM, "NOTFOUND", "there is no such mailbox");
}

enum rc
append_check_room(const struct folder_change *c, size_t n, struct err *err)
{
	if (n > UINT32_MAX - c->folder.uidnext)
		return err_set(err, RC_PERM, "LIMIT",
		    "the mailbox has given all its uids");
	return RC_OK;
}

struct append {
	const struct folder *to;
	const struct append_message *v;
	struct message *messages;
	size_t n;
	int64_t saved_s; /* by the server's clock */
	int64_t octets;
	struct arena *a;
	struct entry *entries;    /* of the short way */
	bool is_missed;           /* the short way found no such folder */
	uint32_t tail_length;     /* after it */
	uint32_t uidvalidity;
	uint32_t first_uid;
};

/* Bodies that the caller kept: their blobs are made with the messages. */
static enum rc
put_bodies(struct append *op, struct db *db, struct err *err)
{
	struct small_blob *blobs =
	    ARENA_ARRAY(op->a, op->n, struct small_blob);
	struct oid *written = ARENA_ARRAY(op->a, op->n, struct oid);
	size_t i, n = 0, k = 0;
	enum rc rc;

	for (i = 0; i < op->n; i++) {
		if (op->v[i].body.len)
			blobs[n++] = (struct small_blob){ op->v[i].blob,
				op->v[i].body };
		else if (k == 0 || !oid_equals(&written[k - 1], &op->v[i].blob))
			written[k++] = op->v[i].blob;
	}
	rc = incoming_refer(db, written, k, err);
	return rc == RC_OK && n ? blob_insert(db, blobs, n, err) : rc;
}

static enum rc
put_messages(struct append *op, struct db *db, struct err *err)
{
	enum rc rc = put_bodies(op, db, err);

	return rc == RC_OK ? messages_insert(db, &op->to->owner, op->messages,
				 op->n, err)
			   : rc;
}

static struct entry
entry_of(const struct append *op, size_t i, uint64_t keywords)
{
	struct entry e = {
		.size = (uint32_t)op->messages[i].size,
		.flags = op->v[i].flags | keywords,
		.message = op->messages[i].id,
	};

	entry_set_times(&e, op->v[i].date_s, op->saved_s);
	return e;
}

/* --- the short way ---------------------------------------------------------- */

/*
 * False: a keyword is new to the folder. A place of its table that an entry
 * uses stays what it is; update_tail asks for those that ours use.
 */
static bool
make_entries(struct append *op)
{
	uint64_t keywords;
	bool is_known;
	size_t i;

	op->entries = mem_alloc(mem_product(op->n, sizeof(*op->entries)));
	for (i = 0; i < op->n; i++) {
		keywords = folder_keyword_bits(op->to, op->v[i].keywords,
		    op->v[i].n_keywords, &is_known);
		if (!is_known)
			return false;
		op->entries[i] = entry_of(op, i, keywords);
	}
	return true;
}

/* "keywords.3": "$Label1". Meanwhile the place may be another keyword's. */
static void
append_want_keywords(const struct append *op, bson_t *filter)
{
	const struct folder *f = op->to;
	uint64_t flags = 0;
	char key[32];
	size_t i;

	for (i = 0; i < op->n; i++)
		flags |= op->entries[i].flags;
	for (i = 0; i < f->n_keywords; i++) {
		if (!(flags >> (FLAG_FIRST_KEYWORD + i) & 1))
			continue;
		snprintf(key, sizeof(key), "keywords.%zu", i);
		doc_add_text(filter, key, f->keywords[i]);
	}
}

/* What was appended, and whose quota it is. */
static enum rc
update_tail(struct append *op, struct db *db, struct str *ret_address,
    bool *ret_found, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, doc;
	bson_t *fields = BCON_NEW("uidnext", BCON_INT32(1), "uidvalidity",
	    BCON_INT32(1), "mailbox", BCON_INT32(1), "length", "{", "$size",
	    "$tail", "}");
	enum rc rc;

	folder_filter(&filter, &op->to->owner, &op->to->id);
	BCON_APPEND(&filter, "noselect", BCON_BOOL(false), "uidnext", "{",
	    "$lt", BCON_INT64(UINT32_MAX - (int64_t)op->n), "}");
	append_want_keywords(op, &filter);
	tail_append(&change, op->entries, op->n);
	rc = db_find_and_update(db, DB_FOLDERS, &filter, &change, fields,
	    &doc, ret_found, err);
	if (rc == RC_OK && *ret_found) {
		op->uidvalidity = (uint32_t)doc_int(&doc, "uidvalidity");
		op->first_uid =
		    (uint32_t)(doc_int(&doc, "uidnext") - (int64_t)op->n);
		op->tail_length = (uint32_t)doc_int(&doc, "length");
		*ret_address = doc_text_in(op->a, &doc, "mailbox");
		bson_destroy(&doc);
	}
	bson_destroy(fields);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

/* The folder first: of two writers one fails at its first statement. */
static enum rc
append_shortly(struct db *db, void *ctx, struct err *err)
{
	struct append *op = ctx;
	struct str address;
	bool found = false;
	enum rc rc;

	arena_reset(op->a);
	rc = update_tail(op, db, &address, &found, err);
	if (rc == RC_OK && !found)
		op->is_missed = db->is_void = true;
	if (rc != RC_OK || !found)
		return rc;
	rc = quota_add(db, &op->to->owner, address, op->octets, err);
	return rc == RC_OK ? put_messages(op, db, err) : rc;
}

/* --- the long way: new keywords, and why it did not go --------------------------- */

static enum rc
append_entries(struct append *op, struct folder_change *c, struct err *err)
{
	uint64_t keywords;
	struct entry e;
	size_t i;
	enum rc rc;

	for (i = 0; i < op->n; i++) {
		rc = folder_change_keywords(
		    c, op->v[i].keywords, op->v[i].n_keywords, &keywords, err);
		if (rc != RC_OK)
			return rc;
		e = entry_of(op, i, keywords);
		folder_change_append(c, &e);
	}
	return RC_OK;
}

static enum rc
append(struct db *db, void *ctx, struct err *err)
{
	struct append *op = ctx;
	struct folder_change c = { 0 };
	bool found = false;
	enum rc rc;

	arena_reset(op->a);
	rc = folder_change_begin(&c, db, op->a, &op->to->owner, &op->to->id,
	    (struct uid_set){ 0 }, &found, err);
	if (rc == RC_OK && !found)
		rc = append_no_such_folder(err);
	if (rc == RC_OK)
		rc = append_check_room(&c, op->n, err);
	if (rc != RC_OK)
		return rc;
	op->uidvalidity = c.folder.uidvalidity;
	op->first_uid = c.folder.uidnext;
	rc = append_entries(op, &c, err);
	if (rc == RC_OK)
		rc = quota_add(
		    db, &c.folder.owner, c.address, op->octets, err);
	if (rc == RC_OK)
		rc = put_messages(op, db, err);
	if (rc == RC_OK)
		rc = folder_change_end(&c, err);
	return rc;
}

/* Who crosses the limit moves the tail; after a crash, who comes later. */
static void
roll_if_long(const struct append *op, struct db *db)
{
	uint32_t n = op->tail_length;
	struct err unused;

	if (n > LIMIT_TAIL && (n - op->n <= LIMIT_TAIL || n > LIMIT_TAIL * 2))
		(void)folder_roll(db, &op->to->owner, &op->to->id, &unused);
}

static enum rc
run_append(struct append *op, struct db *db, struct err *err)
{
	enum rc rc = RC_OK;

	op->is_missed = !make_entries(op);
	if (!op->is_missed)
		rc = db_txn_run(
		    db, append_shortly, op, DB_INTERACTIVE_MS, err);
	if (rc == RC_OK && op->is_missed)
		rc = db_txn_run(db, append, op, DB_INTERACTIVE_MS, err);
	else if (rc == RC_OK)
		roll_if_long(op, db);
	return rc;
}

/* What both ways of the transaction repeat stays as it is. */
static void
prepare(struct append *op, const struct db *db)
{
	const struct append_message *v = op->v;
	size_t i;

	op->a = arena_new();
	op->saved_s = db_time(db) / 1000;
	op->messages = mem_alloc(mem_product(op->n, sizeof(*op->messages)));
	for (i = 0; i < op->n; i++) {
		op->messages[i] = (struct message){
			.id = oid_new(),
			.blob = v[i].blob,
			.prefix = v[i].prefix,
			.size = v[i].prefix.len + v[i].blob_size,
			.facts = v[i].facts,
			.queue = v[i].queue,
		};
		op->octets += (int64_t)op->messages[i].size;
	}
}

static void
finish(struct append *op)
{
	mem_free(op->entries);
	mem_free(op->messages);
	arena_free(op->a);
}

bool
append_makes_room(
    struct db *db, const struct uuid *owner, enum rc *rc, struct err *err)
{
	struct err unused;

	if (*rc != RC_PERM || strcmp(err->code, "CROWDED") != 0)
		return false;
	if (gc_run_owner(db, owner, &unused) == RC_OK)
		return true;
	*rc = err_set(err, RC_PERM, "OVERQUOTA",
	    "what was expunged is not collected yet");
	return false;
}

enum rc
store_append(struct db *db, const struct folder *to,
    const struct append_message *v, size_t n, uint32_t *ret_uidvalidity,
    uint32_t *ret_first_uid, struct err *err)
{
	struct append op = { .to = to, .v = v, .n = n };
	enum rc rc;

	prepare(&op, db);
	rc = run_append(&op, db, err);
	if (append_makes_room(db, &to->owner, &rc, err)) {
		mem_free(op.entries);
		rc = run_append(&op, db, err);
	}
	if (rc == RC_OK) {
		*ret_uidvalidity = op.uidvalidity;
		*ret_first_uid = op.first_uid;
	}
	finish(&op);
	return rc;
}

/* --- REPLACE (RFC 8508 3.4): nobody sees both, or neither ----------------------- */

struct replacement {
	struct append op;
	const struct folder *from;
	struct uid_set old;
	struct folder_change source;
	struct folder_change target;
};

static void
take_out(void *ctx, struct folder_change *c, struct entry *e)
{
	(void)ctx;
	folder_change_expunge(c, e, false);
}

/* In one owner's mailbox only what it grows by counts. */
static enum rc
charge_replacement(struct replacement *r, struct db *db,
    const struct folder_change *target, struct err *err)
{
	const struct folder_change *source = &r->source;
	int64_t freed = (int64_t)source->freed;
	enum rc rc;

	if (uuid_equals(&source->folder.owner, &target->folder.owner))
		return quota_change(db, &target->folder.owner,
		    target->address, r->op.octets, freed, err);
	rc = quota_add(db, &target->folder.owner, target->address,
	    r->op.octets, err);
	return rc == RC_OK ? quota_add(db, &source->folder.owner,
				 source->address, -freed, err)
			   : rc;
}

/* Both folders are locked, and the old message is there. */
static enum rc
begin_replacement(struct replacement *r, struct db *db,
    struct folder_change *target, struct err *err)
{
	struct append *op = &r->op;
	bool found = false;
	enum rc rc;

	r->source = r->target = (struct folder_change){ 0 };
	rc = folder_change_begin(&r->source, db, op->a, &r->from->owner,
	    &r->from->id, r->old, &found, err);
	if (rc == RC_OK && found && target != &r->source)
		rc = folder_change_begin(target, db, op->a, &op->to->owner,
		    &op->to->id, (struct uid_set){ 0 }, &found, err);
	if (rc == RC_OK && !found)
		rc = append_no_such_folder(err);
	if (rc == RC_OK)
		rc = append_check_room(target, op->n, err);
	if (rc != RC_OK)
		return rc;
	folder_change_each(&r->source, r->old, take_out, r);
	return r->source.n_expunged ? RC_OK
				    : err_set(err, RC_PERM, "GONE",
					  "the message is gone");
}

static enum rc
replace(struct db *db, void *ctx, struct err *err)
{
	struct replacement *r = ctx;
	struct append *op = &r->op;
	bool is_same = oid_equals(&r->from->id, &op->to->id);
	struct folder_change *target = is_same ? &r->source : &r->target;
	enum rc rc;

	arena_reset(op->a);
	rc = begin_replacement(r, db, target, err);
	if (rc != RC_OK)
		return rc;
	op->uidvalidity = target->folder.uidvalidity;
	op->first_uid = target->folder.uidnext;
	if ((rc = append_entries(op, target, err)) != RC_OK ||
	    (rc = charge_replacement(r, db, target, err)) != RC_OK ||
	    (rc = put_messages(op, db, err)) != RC_OK)
		return rc;
	if (!is_same)
		rc = folder_change_end(target, err);
	FAULT_POINT("store-replace");
	return rc == RC_OK ? folder_change_end(&r->source, err) : rc;
}

enum rc
store_replace(struct db *db, const struct folder *to,
    const struct append_message *m, const struct folder *from,
    struct uid_set old, uint32_t *ret_uidvalidity, uint32_t *ret_uid,
    struct err *err)
{
	struct replacement r = { .op = { .to = to, .v = m, .n = 1 },
		.from = from, .old = old };
	enum rc rc;

	prepare(&r.op, db);
	rc = db_txn_run(db, replace, &r, DB_INTERACTIVE_MS, err);
	if (append_makes_room(db, &to->owner, &rc, err))
		rc = db_txn_run(db, replace, &r, DB_INTERACTIVE_MS, err);
	if (rc == RC_OK) {
		*ret_uidvalidity = r.op.uidvalidity;
		*ret_uid = r.op.first_uid;
	}
	finish(&r.op);
	return rc;
}
