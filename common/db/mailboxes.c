/* The collection `mailboxes`: mailboxes, aliases, lists, catch-alls. */
#include <limits.h>
#include <stddef.h>

#include "base/vec.h"
#include "db/directory.h"
#include "db/store_internal.h"

#include "base/banned.h"

static const char *const kinds[] = {
	[ADDRESS_MAILBOX] = "mailbox",
	[ADDRESS_ALIAS] = "alias",
	[ADDRESS_LIST] = "list",
};

static void
decode_scram(struct arena *a, const bson_t *doc, struct scram_keys *k)
{
	struct str stored = doc_bytes_in(a, doc, "scram.stored");
	struct str server = doc_bytes_in(a, doc, "scram.server");

	if (stored.len != sizeof(k->stored_key) ||
	    server.len != sizeof(k->server_key))
		return;
	k->iterations = (uint32_t)doc_int(doc, "scram.iterations");
	k->salt = doc_bytes_in(a, doc, "scram.salt");
	memcpy(k->stored_key, stored.p, stored.len);
	memcpy(k->server_key, server.p, server.len);
}

static enum address_kind
decode_kind(struct str word)
{
	if (str_equals(word, STR("alias")))
		return ADDRESS_ALIAS;
	return str_equals(word, STR("list")) ? ADDRESS_LIST : ADDRESS_MAILBOX;
}

static void
decode(struct arena *a, const bson_t *doc, struct mailbox *m)
{
	*m = (struct mailbox){
		.address = doc_text_in(a, doc, "_id"),
		.kind = decode_kind(doc_text_in(a, doc, "kind")),
		.disabled = doc_bool(doc, "disabled"),
		.password = doc_text_in(a, doc, "password"),
		.credentials = doc_int(doc, "credentials"),
		.size_current = (uint64_t)doc_int(doc, "size.current"),
		.size_maximum = (uint64_t)doc_int(doc, "size.maximum"),
		.may_relay = doc_bool(doc, "may_relay"),
		.route = doc_text_in(a, doc, "route"),
		.route_login = doc_text_in(a, doc, "route_login"),
		.route_password = doc_text_in(a, doc, "route_password"),
		.list_owner = doc_text_in(a, doc, "list_owner"),
		.list_id = doc_text_in(a, doc, "list_id"),
		.admin = doc_bool(doc, "admin"),
	};
	doc_uuid(doc, "owner", &m->owner);
	m->destinations =
	    doc_texts_in(a, doc, "destinations", &m->n_destinations);
	m->senders = doc_texts_in(a, doc, "senders", &m->n_senders);
	decode_scram(a, doc, &m->scram);
}

static void
encode_scram(const struct scram_keys *k, bson_t *doc)
{
	bson_t sub;

	BSON_APPEND_DOCUMENT_BEGIN(doc, "scram", &sub);
	doc_add_int(&sub, "iterations", k->iterations);
	doc_add_bytes(&sub, "salt", k->salt);
	doc_add_bytes(&sub, "stored",
	    str_make(k->stored_key, sizeof(k->stored_key)));
	doc_add_bytes(&sub, "server",
	    str_make(k->server_key, sizeof(k->server_key)));
	bson_append_document_end(doc, &sub);
}

struct mailbox_row {
	unsigned field;
	const char *name;
	bool is_text; /* else a bool */
	size_t offset;
};

#define ROW(field, name, is_text) \
	{ field, #name, is_text, offsetof(struct mailbox, name) }
static const struct mailbox_row mailbox_rows[] = {
	ROW(MAILBOX_DISABLED, disabled, false),
	ROW(MAILBOX_RELAY, may_relay, false),
	ROW(MAILBOX_ADMIN, admin, false),
	ROW(MAILBOX_ROUTE, route, true),
	ROW(MAILBOX_ROUTE_LOGIN, route_login, true),
	ROW(MAILBOX_ROUTE_PASSWORD, route_password, true),
	ROW(MAILBOX_PASSWORD, password, true),
};
#undef ROW

static void
mailbox_encode_fields(const struct mailbox *m, unsigned fields, bson_t *set)
{
	size_t i;

	for (i = 0; i < sizeof(mailbox_rows) / sizeof(*mailbox_rows); i++) {
		const struct mailbox_row *r = &mailbox_rows[i];
		const void *at = (const char *)m + r->offset;

		if (!(fields & r->field))
			continue;
		if (r->is_text)
			doc_add_text(set, r->name, *(const struct str *)at);
		else
			BSON_APPEND_BOOL(set, r->name, *(const bool *)at);
	}
	if (fields & MAILBOX_PASSWORD && m->scram.iterations)
		encode_scram(&m->scram, set);
}

/* All of it but most destinations of an alias or a list of thousands. */
static bson_t *
mailbox_short(void)
{
	return BCON_NEW("projection", "{", "destinations", "{", "$slice",
	    BCON_INT32(MAILBOX_FEW), "}", "}");
}

static enum rc
find_by(struct db *db, struct arena *a, const bson_t *filter,
    struct mailbox **ret_mailbox, struct err *err)
{
	bson_t *opts = mailbox_short();
	bool found;
	bson_t doc;
	enum rc rc;

	rc = db_find_one(db, DB_MAILBOXES, filter, opts, &doc, &found, err);
	bson_destroy(opts);
	if (rc != RC_OK)
		return rc;
	*ret_mailbox = NULL;
	if (found) {
		*ret_mailbox = ARENA_NEW(a, struct mailbox);
		decode(a, &doc, *ret_mailbox);
		bson_destroy(&doc);
	}
	return RC_OK;
}

enum rc
mailbox_find(struct db *db, struct arena *a, struct str key,
    struct mailbox **ret_mailbox, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;

	doc_add_text(&filter, "_id", key);
	rc = find_by(db, a, &filter, ret_mailbox, err);
	bson_destroy(&filter);
	return rc;
}

enum rc
mailbox_find_owner(struct db *db, struct arena *a, const struct uuid *owner,
    struct mailbox **ret_mailbox, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;

	doc_add_uuid(&filter, "owner", owner);
	rc = find_by(db, a, &filter, ret_mailbox, err);
	bson_destroy(&filter);
	return rc;
}

enum rc
mailbox_look(struct db *db, struct arena *a, struct str key,
    const struct uuid *owner, struct mailbox_state *ret, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	bson_t *opts = BCON_NEW("projection", "{", "disabled", BCON_INT32(1),
	    "credentials", BCON_INT32(1), "may_relay", BCON_INT32(1),
	    "route", BCON_INT32(1), "senders", BCON_INT32(1), "}");
	bool found = false;
	enum rc rc;

	doc_add_text(&filter, "_id", key);
	doc_add_uuid(&filter, "owner", owner);
	rc = db_find_one(db, DB_MAILBOXES, &filter, opts, &doc, &found, err);
	if (rc == RC_OK)
		*ret = (struct mailbox_state){ .is_there = found };
	if (rc == RC_OK && found) {
		ret->disabled = doc_bool(&doc, "disabled");
		ret->credentials = doc_int(&doc, "credentials");
		ret->may_relay = doc_bool(&doc, "may_relay");
		ret->route = doc_text_in(a, &doc, "route");
		ret->senders =
		    doc_texts_in(a, &doc, "senders", &ret->n_senders);
		bson_destroy(&doc);
	}
	bson_destroy(opts);
	bson_destroy(&filter);
	return rc;
}

struct mailboxes {
	struct arena *a;
	VEC(struct mailbox) v;
};

static bool
collect(void *ctx, const bson_t *doc)
{
	struct mailboxes *all = ctx;

	decode(all->a, doc, VEC_ADD(all->a, &all->v));
	return true;
}

enum rc
mailbox_find_first(struct db *db, struct arena *a, const struct str *keys,
    size_t n, bool is_whole, struct mailbox **ret_mailbox, struct err *err)
{
	bson_t *opts = is_whole ? NULL : mailbox_short();
	struct mailboxes all = { .a = a };
	bson_t filter = BSON_INITIALIZER, in;
	struct mailbox *v;
	size_t i, j;
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	doc_add_texts(&in, "$in", keys, n);
	bson_append_document_end(&filter, &in);
	rc = db_find(db, DB_MAILBOXES, &filter, opts, collect, &all, err);
	if (opts)
		bson_destroy(opts);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	v = all.v.v;
	*ret_mailbox = NULL;
	for (i = 0; i < n && !*ret_mailbox; i++) {
		for (j = 0; j < all.v.n; j++) {
			if (str_equals(v[j].address, keys[i]))
				*ret_mailbox = v + j;
		}
	}
	return RC_OK;
}

/* Consumes the filter. */
static enum rc
mailbox_list_by(struct db *db, struct arena *a, bson_t *filter,
    struct mailbox **ret_v, size_t *ret_n, struct err *err)
{
	struct mailboxes all = { .a = a };
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc =
	    db_find(db, DB_MAILBOXES, filter, opts, collect, &all, err);

	bson_destroy(opts);
	bson_destroy(filter);
	if (rc != RC_OK)
		return rc;
	*ret_v = all.v.v;
	*ret_n = all.v.n;
	return RC_OK;
}

enum rc
mailbox_list(struct db *db, struct arena *a, struct str domain, int kind,
    struct mailbox **ret_v, size_t *ret_n, struct err *err)
{
	bson_t *filter = bson_new();

	if (!str_is_empty(domain))
		doc_add_text(filter, "domain", domain);
	if (kind >= 0)
		BSON_APPEND_UTF8(filter, "kind", kinds[kind]);
	return mailbox_list_by(db, a, filter, ret_v, ret_n, err);
}

enum rc
mailbox_list_leading(struct db *db, struct arena *a, struct str key,
    struct mailbox **ret_v, size_t *ret_n, struct err *err)
{
	bson_t *filter = bson_new();

	doc_add_text(filter, "destinations", key);
	return mailbox_list_by(db, a, filter, ret_v, ret_n, err);
}

/* --- changes ------------------------------------------------------------- */

static struct str
domain_of(struct str key)
{
	return str_tail(key, str_find_last_char(key, '@') + 1);
}

/*
 * Counts the address in its domain: a write, so that this transaction and
 * one that deletes the domain conflict.
 */
static enum rc
count_in_domain(struct db *db, struct str key, int n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *inc = BCON_NEW("$inc", "{", "addresses", BCON_INT32(n), "}");
	int64_t matched = 0;
	enum rc rc;

	doc_add_text(&filter, "_id", domain_of(key));
	rc = db_update_one(
	    db, DB_DOMAINS, &filter, inc, NULL, &matched, err);
	if (rc == RC_OK && n > 0 && matched == 0)
		rc = err_set(err, RC_PERM, "NOTFOUND",
		    "there is no domain %.*s: add it first",
		    STR_ARG(domain_of(key)));
	bson_destroy(inc);
	bson_destroy(&filter);
	return rc;
}

static void
encode_new(const struct mailbox *m, bson_t *doc)
{
	bson_t size;

	doc_add_text(doc, "_id", m->address);
	doc_add_text(doc, "domain", domain_of(m->address));
	BSON_APPEND_UTF8(doc, "kind", kinds[m->kind]);
	if (m->kind == ADDRESS_MAILBOX)
		doc_add_uuid(doc, "owner", &m->owner);
	BSON_APPEND_DOCUMENT_BEGIN(doc, "size", &size);
	doc_add_int(&size, "current", 0);
	doc_add_int(&size, "maximum", (int64_t)m->size_maximum);
	bson_append_document_end(doc, &size);
	mailbox_encode_fields(m, UINT_MAX, doc);
	doc_add_texts(doc, "destinations", m->destinations, m->n_destinations);
	doc_add_texts(doc, "senders", m->senders, m->n_senders);
	doc_add_text(doc, "list_owner", m->list_owner);
	doc_add_text(doc, "list_id", m->list_id);
}

struct insertion {
	const struct mailbox *m;
	uint32_t uidvalidity; /* of its first folder */
};

static enum rc
insert(struct db *db, void *ctx, struct err *err)
{
	const struct insertion *op = ctx;
	const struct mailbox *m = op->m;
	bson_t doc = BSON_INITIALIZER;
	bool is_taken = false;
	enum rc rc;

	rc = count_in_domain(db, m->address, 1, err);
	if (rc == RC_OK && m->kind == ADDRESS_MAILBOX)
		rc = folders_insert_default(
		    db, &m->owner, m->address, op->uidvalidity, err);
	encode_new(m, &doc);
	if (rc == RC_OK)
		rc = db_insert(db, DB_MAILBOXES, &doc, &is_taken, err);
	bson_destroy(&doc);
	if (rc == RC_OK && is_taken)
		rc = err_set(err, RC_PERM, "EXISTS",
		    "address %.*s exists already", STR_ARG(m->address));
	return rc;
}

enum rc
mailbox_insert(struct db *db, const struct mailbox *m, struct err *err)
{
	struct insertion op = { .m = m };
	enum rc rc = RC_OK;

	if (m->kind == ADDRESS_MAILBOX)
		rc = uidvalidity_take(
		    db, N_DEFAULT_FOLDERS, &op.uidvalidity, err);
	return rc == RC_OK ? db_txn_run(db, insert, &op, DB_COMMIT_MS, err)
			   : rc;
}

static enum rc
no_such_address(struct str key, struct err *err)
{
	return err_set(err, RC_PERM, "NOTFOUND", "there is no address %.*s",
	    STR_ARG(key));
}

/* A new password counts up what sessions compare (see account.h). */
static void
mailbox_encode_change(const struct mailbox *m, unsigned fields, bson_t *change)
{
	bson_t sub, each;

	if (fields & ~(unsigned)(MAILBOX_SENDERS | MAILBOX_NO_SENDERS)) {
		BSON_APPEND_DOCUMENT_BEGIN(change, "$set", &sub);
		mailbox_encode_fields(m, fields, &sub);
		if (fields & MAILBOX_QUOTA)
			doc_add_int(&sub, "size.maximum",
			    (int64_t)m->size_maximum);
		bson_append_document_end(change, &sub);
	}
	if (fields & MAILBOX_PASSWORD) {
		if (!m->scram.iterations)
			BCON_APPEND(
			    change, "$unset", "{", "scram", BCON_INT32(1), "}");
		BCON_APPEND(change, "$inc", "{", "credentials", BCON_INT64(1),
		    "}");
	}
	if (fields & MAILBOX_SENDERS) {
		BSON_APPEND_DOCUMENT_BEGIN(change, "$addToSet", &sub);
		BSON_APPEND_DOCUMENT_BEGIN(&sub, "senders", &each);
		doc_add_texts(&each, "$each", m->senders, m->n_senders);
		bson_append_document_end(&sub, &each);
		bson_append_document_end(change, &sub);
	}
	if (fields & MAILBOX_NO_SENDERS) {
		BSON_APPEND_DOCUMENT_BEGIN(change, "$pullAll", &sub);
		doc_add_texts(&sub, "senders", m->senders, m->n_senders);
		bson_append_document_end(change, &sub);
	}
}

void
mailbox_add_living(bson_t *filter, const struct uuid *owner)
{
	doc_add_uuid(filter, "owner", owner);
	BCON_APPEND(
	    filter, "removed", "{", "$ne", BCON_BOOL(true), "}");
}

enum rc
mailbox_touch(struct db *db, const char *field, struct str address,
    const struct uuid *owner, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *inc = BCON_NEW("$inc", "{", field, BCON_INT64(1), "}");
	int64_t matched = 0;
	enum rc rc;

	doc_add_text(&filter, "_id", address);
	mailbox_add_living(&filter, owner);
	rc = db_update_one(
	    db, DB_MAILBOXES, &filter, inc, NULL, &matched, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	if (rc == RC_OK && matched == 0)
		return err_set(
		    err, RC_PERM, "NOTFOUND", "the mailbox is gone");
	return rc;
}

enum rc
mailbox_update(struct db *db, const struct mailbox *m, unsigned fields,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER;
	int64_t matched = 0;
	enum rc rc;

	doc_add_text(&filter, "_id", m->address);
	if (m->kind == ADDRESS_MAILBOX)
		mailbox_add_living(&filter, &m->owner);
	mailbox_encode_change(m, fields, &change);
	rc = db_update_one(
	    db, DB_MAILBOXES, &filter, &change, NULL, &matched, err);
	bson_destroy(&change);
	bson_destroy(&filter);
	if (rc == RC_OK && matched == 0)
		return no_such_address(m->address, err);
	return rc;
}

struct removal {
	struct str key;
	bool is_named;  /* in an access control list: it must not go yet */
};

static enum rc
delete(struct db *db, void *ctx, struct err *err)
{
	struct removal *r = ctx;
	bson_t filter = BSON_INITIALIZER;
	struct arena *a = arena_new();
	struct share *unused;
	int64_t deleted = 0;
	size_t n = 0;
	enum rc rc = shares_find(db, a, r->key, 1, &unused, &n, err);

	arena_free(a);
	r->is_named = n > 0;
	if (rc != RC_OK || r->is_named) {
		db->is_void = true;
		return rc;
	}
	doc_add_text(&filter, "_id", r->key);
	rc = db_delete_one(db, DB_MAILBOXES, &filter, &deleted, err);
	if (rc == RC_OK && deleted)
		rc = count_in_domain(db, r->key, -1, err);
	bson_destroy(&filter);
	return rc;
}

/* Removes all folders: the mailbox must not take mail any more. */
static enum rc
empty(struct db *db, struct arena *a, const struct uuid *owner,
    struct err *err)
{
	struct folder *folders;
	size_t n, i;
	enum rc rc = folder_list(db, a, owner, &folders, &n, err);

	for (i = 0; rc == RC_OK && i < n; i++)
		rc = folder_remove(db, owner, &folders[i].id, err);
	if (rc == RC_OK)
		rc = annotations_delete(db, owner, NULL, err);
	return rc == RC_OK ? annotations_forget(db, owner, err) : rc;
}

/*
 * From here on nothing new is made in it: whoever makes something that only
 * the mailbox holds together writes to it as well (mailbox_touch).
 */
static enum rc
mark_removed(struct db *db, const struct mailbox *m, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *set = BCON_NEW("$set", "{", "disabled", BCON_BOOL(true),
	    "removed", BCON_BOOL(true), "}");
	enum rc rc;

	doc_add_text(&filter, "_id", m->address);
	doc_add_uuid(&filter, "owner", &m->owner);
	rc = db_update_one(
	    db, DB_MAILBOXES, &filter, set, NULL, NULL, err);
	bson_destroy(set);
	bson_destroy(&filter);
	return rc;
}

/* Marked first: a second run goes on where the first one died. */
enum rc
mailbox_delete(struct db *db, struct str key, struct err *err)
{
	struct arena *a = arena_new();
	struct removal r = { .key = key };
	struct mailbox *m = NULL;
	enum rc rc = mailbox_find(db, a, key, &m, err);

	if (rc == RC_OK && !m)
		rc = no_such_address(key, err);
	if (rc == RC_OK && m && m->kind == ADDRESS_MAILBOX) {
		rc = mark_removed(db, m, err);
		if (rc == RC_OK)
			rc = empty(db, a, &m->owner, err);
	}
	do {
		if (rc == RC_OK)
			rc = acl_forget(db, key, err);
		if (rc == RC_OK)
			rc = db_txn_run(db, delete, &r, DB_COMMIT_MS, err);
	} while (rc == RC_OK && r.is_named);
	arena_free(a);
	return rc;
}
