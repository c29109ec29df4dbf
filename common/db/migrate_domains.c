/* Domains in letters become A-labels; see migrate_domains.h. */
#include "db/migrate_domains.h"

#include "base/vec.h"
#include "db/db_internal.h"
#include "model/address.h"

#include "base/banned.h"

typedef VEC(bson_t *) docs;

struct collected {
	struct arena *a;
	docs v;
};

static bool
domains_collect(void *ctx, const bson_t *doc)
{
	struct collected *all = ctx;

	VEC_PUSH(all->a, &all->v, bson_copy(doc));
	return true;
}

static void
domains_free(struct collected *all)
{
	size_t i;

	for (i = 0; i < all->v.n; i++)
		bson_destroy(all->v.v[i]);
}

/*
 * The document with other texts for _id and, in an address, for domain. A
 * domain (domain NULL) has no addresses yet.
 */
static void
domains_rename(const bson_t *doc, struct str id, const struct str *domain,
    bson_t *out)
{
	bson_iter_t it;

	doc_add_text(out, "_id", id);
	bson_iter_init(&it, doc);
	while (bson_iter_next(&it)) {
		const char *key = bson_iter_key(&it);

		if (strcmp(key, "_id") == 0 ||
		    (!domain && strcmp(key, "addresses") == 0))
			continue;
		if (domain && strcmp(key, "domain") == 0)
			doc_add_text(out, key, *domain);
		else
			bson_append_iter(out, key, -1, &it);
	}
	if (!domain)
		BSON_APPEND_INT32(out, "addresses", 0);
}

/* --- one address ------------------------------------------------------------ */

struct domains_move {
	struct arena *a;
	const bson_t *doc;
	struct str from, to;               /* addresses */
	struct str from_domain, to_domain;
};

/* {field: from} becomes {set: to}, as often as it is there. */
static enum rc
domains_replace(struct db *db, enum db_collection which, const char *field,
    const char *set, struct str from, struct str to, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, sub;
	int64_t matched = 1;
	enum rc rc = RC_OK;

	doc_add_text(&filter, field, from);
	BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &sub);
	doc_add_text(&sub, set, to);
	bson_append_document_end(&update, &sub);
	while (rc == RC_OK && matched)
		rc = db_update_many(
		    db, which, &filter, &update, &matched, err);
	bson_destroy(&update);
	bson_destroy(&filter);
	return rc;
}

struct domains_place {
	enum db_collection which;
	const char *field;
	const char *set;
	const char *prefix; /* of the address there */
};

static const struct domains_place places[] = {
	{ DB_FOLDERS, "mailbox", "mailbox", "" },
	{ DB_FOLDERS, "acl.i", "acl.$.i", "" },
	{ DB_FOLDERS, "acl.i", "acl.$.i", "-" },
	{ DB_SHARES, "identifier", "identifier", "" },
	{ DB_SHARES, "identifier", "identifier", "-" },
	{ DB_MAILBOXES, "destinations", "destinations.$", "" },
	{ DB_MAILBOXES, "senders", "senders.$", "" },
	{ DB_MAILBOXES, "list_owner", "list_owner", "" },
};

static enum rc
domains_count(struct db *db, struct str name, int n, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *inc = BCON_NEW("$inc", "{", "addresses", BCON_INT32(n), "}");
	enum rc rc;

	doc_add_text(&filter, "_id", name);
	rc = db_update_one(db, DB_DOMAINS, &filter, inc, NULL, NULL, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	return rc;
}

static enum rc
domains_swap(struct db *db, const struct domains_move *m, struct err *err)
{
	bson_t fresh = BSON_INITIALIZER, old = BSON_INITIALIZER;
	bool is_taken = false;
	enum rc rc;

	domains_rename(m->doc, m->to, &m->to_domain, &fresh);
	doc_add_text(&old, "_id", m->from);
	rc = db_insert(db, DB_MAILBOXES, &fresh, &is_taken, err);
	if (rc == RC_OK && is_taken)
		rc = err_set(err, RC_PERM, "EXISTS",
		    "%.*s and %.*s are one address now: remove one of them "
		    "with the older version", STR_ARG(m->from),
		    STR_ARG(m->to));
	if (rc == RC_OK)
		rc = db_delete_one(db, DB_MAILBOXES, &old, NULL, err);
	bson_destroy(&old);
	bson_destroy(&fresh);
	return rc;
}

static enum rc
domains_move_address(struct db *db, void *ctx, struct err *err)
{
	const struct domains_move *m = ctx;
	enum rc rc = domains_swap(db, m, err);
	size_t i;

	for (i = 0; rc == RC_OK && i < sizeof(places) / sizeof(*places);
	     i++) {
		const struct domains_place *p = &places[i];
		struct str prefix = str_from_cstr(p->prefix);

		rc = domains_replace(db, p->which, p->field, p->set,
		    arena_join(m->a, prefix, m->from),
		    arena_join(m->a, prefix, m->to), err);
	}
	if (rc == RC_OK)
		rc = domains_count(db, m->to_domain, 1, err);
	if (rc == RC_OK)
		rc = domains_count(db, m->from_domain, -1, err);
	return rc;
}

/* --- one domain --------------------------------------------------------------- */

static enum rc
domains_move_addresses(struct db *db, struct domains_move *m, struct err *err)
{
	struct collected all = { .a = m->a };
	bson_t filter = BSON_INITIALIZER;
	enum rc rc;
	size_t i;

	doc_add_text(&filter, "domain", m->from_domain);
	rc = db_find(
	    db, DB_MAILBOXES, &filter, NULL, domains_collect, &all, err);
	for (i = 0; rc == RC_OK && i < all.v.n; i++) {
		m->doc = all.v.v[i];
		m->from = doc_text_in(m->a, m->doc, "_id");
		m->to = address_key_of(m->a, m->from);
		rc = db_txn_run(
		    db, domains_move_address, m, DB_COMMIT_MS, err);
	}
	domains_free(&all);
	bson_destroy(&filter);
	return rc;
}

/* The new one is there before the addresses, the old one goes behind them. */
static enum rc
domains_move(
    struct db *db, struct arena *a, const bson_t *doc, struct err *err)
{
	struct domains_move m = { .a = a,
		.from_domain = doc_text_in(a, doc, "_id") };
	bson_t fresh = BSON_INITIALIZER, old = BSON_INITIALIZER;
	bool is_taken = false;
	enum rc rc = RC_OK;

	m.to_domain = address_fold_domain(a, m.from_domain);
	if (str_equals(m.from_domain, m.to_domain))
		goto out;
	domains_rename(doc, m.to_domain, NULL, &fresh);
	doc_add_text(&old, "_id", m.from_domain);
	rc = db_insert(db, DB_DOMAINS, &fresh, &is_taken, err);
	if (rc == RC_OK)
		rc = domains_move_addresses(db, &m, err);
	if (rc == RC_OK)
		rc = db_delete_one(db, DB_DOMAINS, &old, NULL, err);
out:
	bson_destroy(&old);
	bson_destroy(&fresh);
	return rc;
}

enum rc
migrate_domains(struct db *db, struct err *err)
{
	struct arena *a = arena_new();
	struct collected all = { .a = a };
	bson_t filter = BSON_INITIALIZER;
	enum rc rc = db_find(
	    db, DB_DOMAINS, &filter, NULL, domains_collect, &all, err);
	size_t i;

	for (i = 0; rc == RC_OK && i < all.v.n; i++)
		rc = domains_move(db, a, all.v.v[i], err);
	domains_free(&all);
	bson_destroy(&filter);
	arena_free(a);
	return rc;
}
