/*
 * The steps from one stored form to the next; see migrate.h. A step may die
 * at any point and is run again from its start, so each is written to find
 * what it has done already. Collections are there when it runs, new indexes
 * are not yet.
 */
#include "db/migrate.h"

#include "base/clock.h"
#include "db/db_internal.h"
#include "db/migrate_domains.h"

#include "base/banned.h"

enum { PROGRESS_MS = 1000 };

struct migration {
	struct db *db;
	migrate_progress_fn *progress;
	void *ctx;
	int number;       /* of the running step */
	const char *what;
	int64_t tell_ms;  /* not before: a short step is silent */
};

/* Each step calls this now and then. */
static void
migrate_tell(struct migration *m, uint64_t n_done)
{
	if (!m->progress || clock_mono_ms() < m->tell_ms)
		return;
	m->progress(m->ctx, m->number, m->what, n_done);
	m->tell_ms = clock_deadline(PROGRESS_MS);
}

/* --- steps ----------------------------------------------------------------- */

static bool
migrate_take_last(void *ctx, const bson_t *doc)
{
	*(int64_t *)ctx = doc_int(doc, "last");
	return false;
}

/*
 * One counter of UIDVALIDITY for all mailboxes, instead of one in each that
 * began anew with it. It starts above everything that was ever given: the
 * old counters were far below the seconds that the new one never is below.
 */
static enum rc
migrate_uidvalidity(struct migration *m, struct err *err)
{
	bson_t *group = BCON_NEW("0", "{", "$group", "{", "_id", BCON_NULL,
	    "last", "{", "$max", "$uidvalidity", "}", "}", "}");
	bson_t *old = BCON_NEW(
	    "uidvalidity", "{", "$exists", BCON_BOOL(true), "}");
	bson_t *unset = BCON_NEW(
	    "$unset", "{", "uidvalidity", BCON_INT32(1), "}");
	bson_t *filter = BCON_NEW("_id", "uidvalidity");
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	bson_t *raise;
	int64_t last = 0;
	enum rc rc = db_aggregate(
	    m->db, DB_FOLDERS, group, migrate_take_last, &last, err);

	raise = BCON_NEW("$max", "{", "last", BCON_INT64(last), "}");
	if (rc == RC_OK)
		rc = db_update_one(
		    m->db, DB_COUNTERS, filter, raise, upsert, NULL, err);
	migrate_tell(m, 0);
	if (rc == RC_OK)
		rc = db_update_many(
		    m->db, DB_MAILBOXES, old, unset, NULL, err);
	bson_destroy(raise);
	bson_destroy(upsert);
	bson_destroy(filter);
	bson_destroy(unset);
	bson_destroy(old);
	bson_destroy(group);
	return rc;
}

enum { MIGRATE_DEPTH = 8 };

struct migrate_level {
	bson_iter_t it;
	struct str prefix; /* "remote/route/" */
};

/* {a: {b: 1}} into {"a/b": 1}, without recursion. */
static void
migrate_flatten(struct arena *a, const bson_t *doc, bson_t *keys, bson_t *old)
{
	struct migrate_level stack[MIGRATE_DEPTH];
	int depth = 0;

	stack[0].prefix = STR("");
	bson_iter_init(&stack[0].it, doc);
	while (depth >= 0) {
		bson_iter_t *it = &stack[depth].it;
		struct str name;

		if (!bson_iter_next(it)) {
			depth--;
			continue;
		}
		name = arena_join(a, stack[depth].prefix,
		    str_from_cstr(bson_iter_key(it)));
		if (str_equals(name, STR("_id")))
			continue;
		if (depth == 0)
			BSON_APPEND_INT32(old, name.p, 1);
		if (BSON_ITER_HOLDS_DOCUMENT(it) &&
		    depth + 1 < MIGRATE_DEPTH) {
			stack[depth + 1].prefix =
			    arena_join(a, name, STR("/"));
			bson_iter_recurse(it, &stack[depth + 1].it);
			depth++;
		} else {
			bson_append_iter(
			    keys, name.p, (int)name.len, it);
		}
	}
}

static enum rc
migrate_settings_of(struct migration *m, struct arena *a, const char *id,
    struct err *err)
{
	bson_t *filter = BCON_NEW("_id", id, "keys", "{", "$exists",
	    BCON_BOOL(false), "}");
	bson_t change = BSON_INITIALIZER, old = BSON_INITIALIZER, doc;
	bson_t set, keys;
	bool is_found = false;
	enum rc rc = db_find_one(
	    m->db, DB_CONFIG, filter, NULL, &doc, &is_found, err);

	if (rc == RC_OK && is_found) {
		BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &set);
		BSON_APPEND_DOCUMENT_BEGIN(&set, "keys", &keys);
		migrate_flatten(a, &doc, &keys, &old);
		bson_append_document_end(&set, &keys);
		bson_append_document_end(&change, &set);
		if (!bson_empty(&old))
			BSON_APPEND_DOCUMENT(&change, "$unset", &old);
		bson_destroy(&doc);
		rc = db_update_one(
		    m->db, DB_CONFIG, filter, &change, NULL, NULL, err);
	}
	bson_destroy(&old);
	bson_destroy(&change);
	bson_destroy(filter);
	return rc;
}

/*
 * Keys of the configuration: nested objects could not hold remote.route and
 * remote.route.login. Now {keys: {"remote/route": ...}}.
 */
static enum rc
migrate_settings(struct migration *m, struct err *err)
{
	static const char *const ids[] = { "all", "smtp", "imap", "mda" };
	struct arena *a = arena_new();
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < sizeof(ids) / sizeof(*ids); i++)
		rc = migrate_settings_of(m, a, ids[i], err);
	arena_free(a);
	return rc;
}

/*
 * A guest's private annotations say whose they are, so that they are counted
 * for him and go with his mailbox. The name has it in front: "UUID/private/x".
 */
static enum rc
migrate_guests(struct migration *m, struct err *err)
{
	bson_t *filter = BCON_NEW("name", "{", "$regex", "^[^/]", "}");
	bson_t *set = BCON_NEW("0", "{", "$set", "{", "user", "{",
	    "$arrayElemAt", "[", "{", "$split", "[", "$name", "/", "]", "}",
	    BCON_INT32(0), "]", "}", "}", "}");
	enum rc rc =
	    db_update_many(m->db, DB_ANNOTATIONS, filter, set, NULL, err);

	bson_destroy(set);
	bson_destroy(filter);
	return rc;
}

static enum rc
migrate_letters(struct migration *m, struct err *err)
{
	migrate_tell(m, 0);
	return migrate_domains(m->db, err);
}

static enum rc
migrate_no_sign(struct migration *m, enum db_collection in,
    const char *field, struct err *err)
{
	bson_t *filter =
	    BCON_NEW(field, "{", "$lt", BCON_INT32(0), "}");
	bson_t *set = BCON_NEW("$set", "{", field, BCON_INT64(0), "}");
	enum rc rc = db_update_many(m->db, in, filter, set, NULL, err);

	bson_destroy(set);
	bson_destroy(filter);
	return rc;
}

/*
 * Limits of 2^63 and more were taken, and kept as numbers below zero: no mail
 * would go in. Who gave them wanted no limit.
 */
static enum rc
migrate_limits(struct migration *m, struct err *err)
{
	enum rc rc =
	    migrate_no_sign(m, DB_MAILBOXES, "size.maximum", err);

	return rc == RC_OK ? migrate_no_sign(m, DB_DOMAINS, "max_size", err)
			   : rc;
}

/* --- the table --------------------------------------------------------------- */

struct migrate_step {
	int number;       /* of the database after it */
	const char *what; /* for people: "doing what" */
	enum rc (*run)(struct migration *m, struct err *err);
};

/* Older programs do not say which blobs they write: they must have ended. */
static enum rc
migrate_nothing(struct migration *m, struct err *err)
{
	(void)m;
	(void)err;
	return RC_OK;
}

/* In order; a row is never changed or taken out again. */
static const struct migrate_step steps[] = {
	{ 1, "one counter for UIDVALIDITY", migrate_uidvalidity },
	{ 2, "keys of the configuration", migrate_settings },
	{ 3, "annotations of guests", migrate_guests },
	{ 4, "signs of blobs that come in", migrate_nothing },
	{ 5, "domains in letters", migrate_letters },
	{ 6, "limits below zero", migrate_limits },
};

enum { N_STEPS = sizeof(steps) / sizeof(*steps) };

int64_t
migrate_number(void)
{
	return steps[N_STEPS - 1].number;
}

enum rc
migrate_compare(int64_t number, struct err *err)
{
	if (number == migrate_number())
		return RC_OK;
	if (number > migrate_number())
		return err_set(err, RC_PERM, "SCHEMA",
		    "database: its schema number is %lld, this program is "
		    "older and knows %lld: install the newer version here",
		    (long long)number, (long long)migrate_number());
	return err_set(err, RC_PERM, "SCHEMA",
	    "database: its schema number is %lld, this program wants %lld: "
	    "run m3mta init", (long long)number,
	    (long long)migrate_number());
}

/* By hand it was made something else: nobody knows what the data is. */
static enum rc
migrate_take_number(const bson_t *doc, int64_t *ret_number, struct err *err)
{
	bson_iter_t it;

	if (!bson_iter_init_find(&it, doc, "number"))
		return RC_OK;
	*ret_number = bson_iter_as_int64(&it);
	/* Some shells write each number as a double. */
	if (BSON_ITER_HOLDS_NUMBER(&it) && *ret_number >= 0 &&
	    (!BSON_ITER_HOLDS_DOUBLE(&it) ||
		bson_iter_double(&it) == (double)*ret_number))
		return RC_OK;
	return err_set(err, RC_PERM, "SCHEMA",
	    "database: the number of {_id: \"schema\"} in config is no whole "
	    "number: set it to that of the version that was used last (this "
	    "one's is %lld)", (long long)migrate_number());
}

/* *ret_number 0: there is none, the form of the time before numbers. */
static enum rc
migrate_read_number(struct db *db, int64_t *ret_number, struct err *err)
{
	bson_t *filter = BCON_NEW("_id", "schema");
	bool is_found = false;
	bson_t doc;
	enum rc rc = db_find_one(
	    db, DB_CONFIG, filter, NULL, &doc, &is_found, err);

	bson_destroy(filter);
	if (rc != RC_OK)
		return rc;
	*ret_number = 0;
	if (is_found) {
		rc = migrate_take_number(&doc, ret_number, err);
		bson_destroy(&doc);
	}
	return rc;
}

enum rc
migrate_check(struct db *db, struct err *err)
{
	int64_t number;
	enum rc rc = migrate_read_number(db, &number, err);

	return rc == RC_OK ? migrate_compare(number, err) : rc;
}

enum rc
migrate_refuse_newer(struct db *db, struct err *err)
{
	int64_t number;
	enum rc rc = migrate_read_number(db, &number, err);

	return rc == RC_OK && number > migrate_number()
	    ? migrate_compare(number, err)
	    : rc;
}

/* $max: of two that run at a time neither takes the other's step back. */
static enum rc
migrate_write_number(struct db *db, int number, struct err *err)
{
	bson_t *filter = BCON_NEW("_id", "schema");
	bson_t *raise =
	    BCON_NEW("$max", "{", "number", BCON_INT64(number), "}");
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	enum rc rc = db_update_one(
	    db, DB_CONFIG, filter, raise, upsert, NULL, err);

	bson_destroy(upsert);
	bson_destroy(raise);
	bson_destroy(filter);
	return rc;
}

enum rc
migrate_run(struct db *db, migrate_progress_fn *progress, void *ctx,
    struct err *err)
{
	struct migration m = { .db = db, .progress = progress, .ctx = ctx };
	int64_t number = 0;
	enum rc rc = migrate_read_number(db, &number, err);
	size_t i;

	for (i = 0; rc == RC_OK && i < N_STEPS; i++) {
		if (steps[i].number <= number)
			continue;
		m.number = steps[i].number;
		m.what = steps[i].what;
		m.tell_ms = clock_deadline(PROGRESS_MS);
		rc = steps[i].run(&m, err);
		if (rc == RC_OK)
			rc = migrate_write_number(db, m.number, err);
	}
	return rc;
}
