/* The collection `domains`. */
#include <limits.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/vec.h"
#include "db/directory.h"
#include "db/db_internal.h"

#include "base/banned.h"

static const char *const deliveries[] = { "local", "backup", "relay" };
static const char *const policies[] = { "may", "never", "must", "verify" };

/* The index of a word, 0 when it is none of them. */
static int
index_of(const char *const *words, int n, struct str word)
{
	int i;

	for (i = 0; i < n; i++) {
		if (str_equals(word, str_from_cstr(words[i])))
			return i;
	}
	return 0;
}

static void
decode(struct arena *a, const bson_t *doc, struct domain *d)
{
	*d = (struct domain){
		.name = doc_text_in(a, doc, "_id"),
		.delivery = (enum domain_delivery)index_of(
		    deliveries, 3, doc_text_in(a, doc, "delivery")),
		.postmaster = doc_text_in(a, doc, "postmaster"),
		.route = doc_text_in(a, doc, "route"),
		.route_login = doc_text_in(a, doc, "route_login"),
		.route_password = doc_text_in(a, doc, "route_password"),
		.tls = (enum tls_policy)index_of(
		    policies, 4, doc_text_in(a, doc, "tls")),
		.max_size = (uint64_t)doc_int(doc, "max_size"),
		.disabled = doc_bool(doc, "disabled"),
	};
}

/*
 * A handler that serves many connections asks for the same few domains again
 * and again: what was found is kept for seconds. A patient client (m3mta,
 * the mda) wants what is true now. What is not there is not kept.
 */
enum { KEEP_MS = 5000 };

static const bson_t *
find_kept(const struct db *db, struct str name)
{
	int64_t now = clock_mono_ms();
	bson_iter_t it;
	uint32_t len;
	unsigned i;

	for (i = 0; i < DB_KEPT_DOMAINS; i++) {
		const struct db_kept *k = &db->domains[i];
		const char *id;

		if (!k->doc || k->until_ms < now ||
		    !bson_iter_init_find(&it, k->doc, "_id"))
			continue;
		id = bson_iter_utf8(&it, &len);
		if (str_equals(name, str_make(id, len)))
			return k->doc;
	}
	return NULL;
}

static void
keep(struct db *db, const bson_t *doc)
{
	struct db_kept *k =
	    &db->domains[db->next_domain++ % DB_KEPT_DOMAINS];

	if (db->options.is_patient)
		return;
	bson_destroy(k->doc);
	k->doc = bson_copy(doc);
	k->until_ms = clock_deadline(KEEP_MS);
}

enum rc
domain_find(struct db *db, struct arena *a, struct str name,
    struct domain **ret_domain, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, doc;
	const bson_t *kept = find_kept(db, name);
	bool found;
	enum rc rc;

	if (kept) {
		*ret_domain = ARENA_NEW(a, struct domain);
		decode(a, kept, *ret_domain);
		return RC_OK;
	}
	doc_add_text(&filter, "_id", name);
	rc = db_find_one(db, DB_DOMAINS, &filter, NULL, &doc, &found, err);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_domain = NULL;
	if (found) {
		*ret_domain = ARENA_NEW(a, struct domain);
		decode(a, &doc, *ret_domain);
		keep(db, &doc);
		bson_destroy(&doc);
	}
	return RC_OK;
}

enum rc
domain_find_local(struct db *db, struct arena *a, struct domain **ret_domain,
    struct err *err)
{
	bson_t doc;
	bson_t *filter = BCON_NEW("delivery", "{", "$nin", "[", "backup",
	    "relay", "]", "}", "disabled", "{", "$ne", BCON_BOOL(true), "}");
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	bool found;
	enum rc rc = db_find_one(
	    db, DB_DOMAINS, filter, opts, &doc, &found, err);

	bson_destroy(opts);
	bson_destroy(filter);
	if (rc != RC_OK)
		return rc;
	*ret_domain = NULL;
	if (found) {
		*ret_domain = ARENA_NEW(a, struct domain);
		decode(a, &doc, *ret_domain);
		bson_destroy(&doc);
	}
	return RC_OK;
}

struct domains {
	struct arena *a;
	VEC(struct domain) v;
};

static bool
collect(void *ctx, const bson_t *doc)
{
	struct domains *all = ctx;

	decode(all->a, doc, VEC_ADD(all->a, &all->v));
	return true;
}

enum rc
domain_list(struct db *db, struct arena *a, struct domain **ret_v,
    size_t *ret_n, struct err *err)
{
	struct domains all = { .a = a };
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc = db_find(db, DB_DOMAINS, &filter, opts, collect, &all, err);

	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc != RC_OK)
		return rc;
	*ret_v = all.v.v;
	*ret_n = all.v.n;
	return RC_OK;
}

struct domain_text {
	unsigned field;
	const char *name;
	size_t offset;
};

static const struct domain_text domain_texts[] = {
	{ DOMAIN_POSTMASTER, "postmaster", offsetof(struct domain, postmaster) },
	{ DOMAIN_ROUTE, "route", offsetof(struct domain, route) },
	{ DOMAIN_ROUTE_LOGIN, "route_login",
	    offsetof(struct domain, route_login) },
	{ DOMAIN_ROUTE_PASSWORD, "route_password",
	    offsetof(struct domain, route_password) },
};

static void
domain_encode_fields(const struct domain *d, unsigned fields, bson_t *set)
{
	size_t i;

	for (i = 0; i < sizeof(domain_texts) / sizeof(*domain_texts); i++) {
		const struct domain_text *t = &domain_texts[i];
		const void *at = (const char *)d + t->offset;

		if (fields & t->field)
			doc_add_text(set, t->name, *(const struct str *)at);
	}
	if (fields & DOMAIN_DELIVERY)
		BSON_APPEND_UTF8(set, "delivery", deliveries[d->delivery]);
	if (fields & DOMAIN_TLS)
		BSON_APPEND_UTF8(set, "tls", policies[d->tls]);
	if (fields & DOMAIN_MAX_SIZE)
		doc_add_int(set, "max_size", (int64_t)d->max_size);
	if (fields & DOMAIN_DISABLED)
		BSON_APPEND_BOOL(set, "disabled", d->disabled);
}

enum rc
domain_insert(struct db *db, const struct domain *d, struct err *err)
{
	bson_t doc = BSON_INITIALIZER;
	bool is_taken = false;
	enum rc rc;

	doc_add_text(&doc, "_id", d->name);
	domain_encode_fields(d, UINT_MAX, &doc);
	rc = db_insert(db, DB_DOMAINS, &doc, &is_taken, err);
	bson_destroy(&doc);
	if (rc == RC_OK && is_taken)
		return err_set(err, RC_PERM, "EXISTS",
		    "domain %.*s exists already", STR_ARG(d->name));
	return rc;
}

static enum rc
no_such_domain(struct str name, struct err *err)
{
	return err_set(err, RC_PERM, "NOTFOUND", "there is no domain %.*s",
	    STR_ARG(name));
}

enum rc
domain_update(struct db *db, const struct domain *d, unsigned fields,
    struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, set;
	int64_t matched;
	enum rc rc;

	doc_add_text(&filter, "_id", d->name);
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
	domain_encode_fields(d, fields, &set);
	bson_append_document_end(&change, &set);
	rc = db_update_one(
	    db, DB_DOMAINS, &filter, &change, NULL, &matched, err);
	bson_destroy(&change);
	bson_destroy(&filter);
	if (rc == RC_OK && matched == 0)
		return no_such_domain(d->name, err);
	return rc;
}

struct removal {
	struct str name;
};

static enum rc
delete_empty(struct db *db, void *ctx, struct err *err)
{
	struct removal *r = ctx;
	bson_t filter = BSON_INITIALIZER, used = BSON_INITIALIZER, doc;
	int64_t deleted = 0;
	bool found = false;
	enum rc rc;

	doc_add_text(&used, "domain", r->name);
	doc_add_text(&filter, "_id", r->name);
	rc = db_find_one(db, DB_MAILBOXES, &used, NULL, &doc, &found, err);
	if (rc == RC_OK && found) {
		rc = err_set(err, RC_PERM, "INUSE",
		    "domain %.*s still has addresses: remove them first",
		    STR_ARG(r->name));
		bson_destroy(&doc);
	} else if (rc == RC_OK) {
		rc = db_delete_one(db, DB_DOMAINS, &filter, &deleted, err);
		if (rc == RC_OK && deleted == 0)
			rc = no_such_domain(r->name, err);
	}
	bson_destroy(&used);
	bson_destroy(&filter);
	return rc;
}

enum rc
domain_delete(struct db *db, struct str name, struct err *err)
{
	struct removal r = { name };

	return db_txn_run(db, delete_empty, &r, DB_COMMIT_MS, err);
}
