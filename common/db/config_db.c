/*
 * Configuration from JSON, by libbson's decoder: a file, or a document of
 * `config` {_id: daemon, keys: {"remote/route": ...}}. There the dots of a
 * key are written as '/' and nothing is nested, so that one key may be the
 * start of another one's name.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/vec.h"
#include "db/config_db.h"
#include "db/db_internal.h"
#include "db/migrate.h"

#include "base/banned.h"

enum { CONFIG_FILE_MAX = 1 << 20, CONFIG_DEPTH = 8 };

struct source {
	struct config *c;
	struct arena *a;
	enum config_origin origin;
	const char *where;  /* path, or "config document X" */
	struct str text;    /* of a file: to find a key's line */
};

/* The line on which the last word of a key stands, 0: not known. */
static unsigned
line_of(const struct source *s, struct str key)
{
	struct str word = str_tail(key, str_find_last_char(key, '.') + 1);
	size_t at, i;
	unsigned line = 1;

	if (word.len == key.len + 1 || str_find_last_char(key, '.') == key.len)
		word = key;
	word = arena_join3(s->a, STR("\""), word, STR("\""));
	at = str_find(s->text, word);
	if (at >= s->text.len)
		return 0;
	for (i = 0; i < at; i++)
		line += s->text.p[i] == '\n';
	return line;
}

static enum rc
located(const struct source *s, struct str key, struct err *err)
{
	unsigned line = line_of(s, key);

	if (line)
		err_prefix(err, "%s:%u", s->where, line);
	else
		err_prefix(err, "%s", s->where);
	return RC_PERM;
}

/* A scalar as the text that config_set takes. False: not a scalar. */
static bool
scalar_text(struct arena *a, const bson_iter_t *it, struct str *ret_text)
{
	const char *text;
	uint32_t len;

	if (BSON_ITER_HOLDS_UTF8(it)) {
		text = bson_iter_utf8(it, &len);
		*ret_text = arena_dup_str(a, str_make(text, len));
	} else if (BSON_ITER_HOLDS_BOOL(it)) {
		*ret_text = bson_iter_bool(it) ? STR("true") : STR("false");
	} else if (BSON_ITER_HOLDS_INT(it)) {
		*ret_text = arena_printf(
		    a, "%lld", (long long)bson_iter_as_int64(it));
	} else if (BSON_ITER_HOLDS_DOUBLE(it)) {
		*ret_text = arena_printf(a, "%g", bson_iter_double(it));
	} else {
		return false;
	}
	return true;
}

static enum rc
wrong_type(
    const struct source *s, struct str key, const char *want, struct err *err)
{
	err_set(err, RC_PERM, "", "%.*s: %s is wanted here", STR_ARG(key),
	    want);
	return located(s, key, err);
}

static enum rc
read_record(const struct source *s, struct str key, const bson_iter_t *it,
    struct config_record *ret_record, struct err *err)
{
	VEC(struct config_field) fields = { 0 };
	struct config_field f;
	bson_iter_t in;

	if (!BSON_ITER_HOLDS_DOCUMENT(it) || !bson_iter_recurse(it, &in))
		return wrong_type(s, key, "an object", err);
	while (bson_iter_next(&in)) {
		f.name = arena_dup_str(
		    s->a, str_from_cstr(bson_iter_key(&in)));
		if (!scalar_text(s->a, &in, &f.value))
			return wrong_type(s, key, "a text or number", err);
		VEC_PUSH(s->a, &fields, f);
	}
	*ret_record = (struct config_record){ fields.v, fields.n };
	return RC_OK;
}

/* A text is an object whose first field it is: a bare path is {"run": path}. */
static enum rc
config_db_bare_record(const struct source *s, enum config_key k,
    const bson_iter_t *it, struct config_record *ret_record)
{
	struct str names = str_from_cstr(config_keys[k].choices);
	struct config_field *f = ARENA_NEW(s->a, struct config_field);

	str_split_char(&names, '|', &f->name);
	scalar_text(s->a, it, &f->value);
	*ret_record = (struct config_record){ f, 1 };
	return RC_OK;
}

static enum rc
set_records(const struct source *s, enum config_key k, struct str key,
    bson_iter_t *it, struct err *err)
{
	VEC(struct config_record) records = { 0 };
	struct config_record r;
	enum rc rc;

	while (bson_iter_next(it)) {
		rc = BSON_ITER_HOLDS_UTF8(it)
		    ? config_db_bare_record(s, k, it, &r)
		    : read_record(s, key, it, &r, err);
		if (rc != RC_OK)
			return rc;
		VEC_PUSH(s->a, &records, r);
	}
	return config_set_records(
	    s->c, s->a, k, records.v, records.n, s->origin, err);
}

static enum rc
set_texts(const struct source *s, enum config_key k, struct str key,
    bson_iter_t *it, struct err *err)
{
	VEC(struct str) texts = { 0 };
	struct str text;

	while (bson_iter_next(it)) {
		if (!scalar_text(s->a, it, &text))
			return wrong_type(s, key, "a list of texts", err);
		VEC_PUSH(s->a, &texts, text);
	}
	return config_set_list(
	    s->c, s->a, k, texts.v, texts.n, s->origin, err);
}

/* Who can write the database must not stop a daemon, nor become its host. */
static void
config_db_ignore(const struct source *s, struct str key)
{
	struct config *c = s->c;
	struct str sep = c->ignored.len ? STR("; ") : STR("");

	c->ignored = arena_printf(s->a, "%.*s%.*s%s: %.*s",
	    STR_ARG(c->ignored), STR_ARG(sep), s->where, STR_ARG(key));
}

static enum rc
set_key(const struct source *s, enum config_key k, struct str key,
    const bson_iter_t *it, struct err *err)
{
	bool is_list = BSON_ITER_HOLDS_ARRAY(it);
	struct str text;
	bson_iter_t in;
	enum rc rc;

	if (s->origin == CONFIG_FROM_DATABASE &&
	    config_keys[k].scope == CONFIG_FILE_ONLY) {
		config_db_ignore(s, key);
		return RC_OK;
	}
	if (is_list && bson_iter_recurse(it, &in)) {
		rc = config_keys[k].type == CONFIG_RECORDS
		    ? set_records(s, k, key, &in, err)
		    : set_texts(s, k, key, &in, err);
	} else if (scalar_text(s->a, it, &text)) {
		rc = config_set(s->c, s->a, k, text, s->origin, err);
	} else {
		return wrong_type(s, key, "a text, number or list", err);
	}
	return rc == RC_OK ? RC_OK : located(s, key, err);
}

/* An object at a key that others are below: remote.route of a document. */
static bool
config_db_is_folder(struct str key, const bson_iter_t *it)
{
	size_t i;

	for (i = 0; BSON_ITER_HOLDS_DOCUMENT(it) && i < CFG_COUNT; i++) {
		struct str name = str_from_cstr(config_keys[i].name);

		if (str_starts_with(name, key) && name.len > key.len &&
		    name.p[key.len] == '.')
			return true;
	}
	return false;
}

static enum rc
config_no_such_key(const struct source *s, struct str key, struct err *err)
{
	err_set(err, RC_PERM, "",
	    "%.*s: there is no such key (see m3mta.conf(5))", STR_ARG(key));
	return located(s, key, err);
}

struct level {
	bson_iter_t it;
	struct str prefix; /* "smtp." */
};

/* Nested objects, without recursion. */
static enum rc
read_document(const struct source *s, const bson_t *doc, struct err *err)
{
	struct level stack[CONFIG_DEPTH];
	int depth = 0;

	stack[0].prefix = STR("");
	if (!bson_iter_init(&stack[0].it, doc))
		return wrong_type(s, STR(""), "an object", err);
	while (depth >= 0) {
		bson_iter_t *it = &stack[depth].it;
		enum config_key k;
		struct str key;
		enum rc rc;

		if (!bson_iter_next(it)) {
			depth--;
			continue;
		}
		key = arena_join(s->a, stack[depth].prefix,
		    str_from_cstr(bson_iter_key(it)));
		if (str_equals(key, STR("_id")))
			continue;
		k = config_find(key);
		if (k != CFG_COUNT && !config_db_is_folder(key, it)) {
			if ((rc = set_key(s, k, key, it, err)) != RC_OK)
				return rc;
		} else if (BSON_ITER_HOLDS_DOCUMENT(it) &&
		    depth + 1 < CONFIG_DEPTH) {
			stack[depth + 1].prefix =
			    arena_join(s->a, key, STR("."));
			bson_iter_recurse(it, &stack[depth + 1].it);
			depth++;
		} else {
			return config_no_such_key(s, key, err);
		}
	}
	return RC_OK;
}

static struct str
config_exchange(struct arena *a, struct str name, char from, char to)
{
	char *p = arena_alloc(a, name.len + 1);
	size_t i;

	for (i = 0; i < name.len; i++)
		p[i] = name.p[i] == from ? to : name.p[i];
	p[i] = '\0';
	return str_make(p, name.len);
}

/* A document of the database. */
static enum rc
config_read_keys(const struct source *s, const bson_t *doc, struct err *err)
{
	bson_iter_t it, in;
	enum config_key k;
	struct str key;
	enum rc rc;

	if (doc->len > LIMIT_CONFIG_DOCUMENT) {
		err_set(err, RC_PERM, "", "over %d octets",
		    LIMIT_CONFIG_DOCUMENT);
		return located(s, STR(""), err);
	}
	bson_iter_init(&it, doc);
	while (bson_iter_next(&it)) {
		const char *field = bson_iter_key(&it);

		if (strcmp(field, "_id") == 0)
			continue;
		if (strcmp(field, "keys") != 0)
			return config_no_such_key(
			    s, str_from_cstr(field), err);
		if (!BSON_ITER_HOLDS_DOCUMENT(&it) ||
		    !bson_iter_recurse(&it, &in))
			return wrong_type(s, STR("keys"), "an object", err);
		while (bson_iter_next(&in)) {
			key = config_exchange(s->a,
			    str_from_cstr(bson_iter_key(&in)), '/', '.');
			k = config_find(key);
			rc = k == CFG_COUNT
			    ? config_no_such_key(s, key, err)
			    : set_key(s, k, key, &in, err);
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

/* Whoever can write the file has programs run in our name. */
static enum rc
config_check_mode(FILE *f, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fileno(f), &st) != 0)
		return err_set(err, RC_PERM, "", "%s: %m", path);
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, RC_PERM, "",
		    "%s: others than its owner can write it (mode %04o): "
		    "chmod go-w", path, (unsigned)(st.st_mode & 07777));
	return RC_OK;
}

static enum rc
read_text(struct arena *a, const char *path, bool must_exist,
    struct str *ret_text, struct err *err)
{
	FILE *f = fopen(path, "re");
	struct buf b = BUF_INIT;
	size_t n;

	if (!f && errno == ENOENT && !must_exist) {
		*ret_text = STR_NONE;
		return RC_OK;
	}
	if (!f)
		return err_set(err, RC_PERM, "", "%s: %m", path);
	if (config_check_mode(f, path, err) != RC_OK) {
		fclose(f);
		return RC_PERM;
	}
	do {
		buf_reserve(&b, 4096);
		n = fread(b.p + b.len, 1, 4096, f);
		b.len += n;
	} while (n > 0 && b.len < CONFIG_FILE_MAX);
	fclose(f);
	*ret_text = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	if (n > 0)
		return err_set(err, RC_PERM, "", "%s: over %d octets", path,
		    CONFIG_FILE_MAX);
	return RC_OK;
}

enum rc
config_read_file(struct config *c, struct arena *a, const char *path,
    bool must_exist, struct err *err)
{
	struct source s = { c, a, CONFIG_FROM_FILE, path, STR_NONE };
	bson_error_t error;
	bson_t *doc;
	enum rc rc = read_text(a, path, must_exist, &s.text, err);

	if (rc != RC_OK || str_is_empty(str_trim(s.text)))
		return rc;
	if (str_trim(s.text).p[0] != '{')
		return err_set(err, RC_PERM, "",
		    "%s: a JSON object, {...}, is wanted", path);
	doc = bson_new_from_json((const uint8_t *)s.text.p,
	    (ssize_t)s.text.len, &error);
	if (!doc)
		return err_set(
		    err, RC_PERM, "", "%s: not JSON: %s", path, error.message);
	rc = read_document(&s, doc, err);
	bson_destroy(doc);
	if (rc == RC_OK)
		c->path = arena_dup_str(a, str_from_cstr(path));
	return rc;
}

struct documents {
	struct config *c;
	struct arena *a;
	int64_t number; /* of the stored form */
	struct err *err;
	enum rc rc;
};

static bool
on_document(void *ctx, const bson_t *doc)
{
	struct documents *d = ctx;
	struct str id = doc_text_in(d->a, doc, "_id");
	struct source s = { d->c, d->a, CONFIG_FROM_DATABASE,
		arena_printf(d->a, "config document \"%.*s\"",
		    STR_ARG(id)).p, STR_NONE };

	if (str_equals(id, STR("schema"))) {
		d->number = doc_int(doc, "number");
		return true;
	}
	if (str_equals(id, STR("secret"))) {
		d->c->secret = doc_bytes_in(d->a, doc, "bytes");
		return true;
	}
	if (d->rc == RC_OK)
		d->rc = config_read_keys(&s, doc, d->err);
	return true;
}

/* "all" sorts before the daemons, so that theirs comes later and wins. */
enum rc
config_read_db(struct config *c, struct arena *a, struct db *db,
    const char *daemon, struct err *err)
{
	struct documents d = { c, a, 0, err, RC_OK };
	struct str ids[] = { STR_INIT("all"), str_from_cstr(daemon),
		STR_INIT("secret"), STR_INIT("schema") };
	bson_t filter = BSON_INITIALIZER, in;
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	struct err other;
	enum rc rc;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	doc_add_texts(&in, "$in", ids, 4);
	bson_append_document_end(&filter, &in);
	rc = db_find(db, DB_CONFIG, &filter, opts, on_document, &d, &other);
	bson_destroy(opts);
	bson_destroy(&filter);
	if (rc == RC_OK)
		rc = migrate_compare(d.number, &other);
	if (rc == RC_OK)
		return d.rc;
	*err = other;
	return rc;
}

struct config_write {
	const char *daemon;
	enum config_key key;
	const struct str *value; /* NULL: it is removed */
	config_check_fn *check;
	void *ctx;
};

static enum rc
config_write_key(struct db *db, const struct config_write *w, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, sub;
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	struct arena *a = arena_new();
	struct str name = config_exchange(
	    a, str_from_cstr(config_keys[w->key].name), '.', '/');
	enum rc rc;

	BSON_APPEND_UTF8(&filter, "_id", w->daemon);
	BSON_APPEND_DOCUMENT_BEGIN(
	    &change, w->value ? "$set" : "$unset", &sub);
	doc_add_text(&sub, arena_join(a, STR("keys."), name).p,
	    w->value ? *w->value : STR(""));
	bson_append_document_end(&change, &sub);
	rc = db_update_one(
	    db, DB_CONFIG, &filter, &change, upsert, NULL, err);
	arena_free(a);
	bson_destroy(upsert);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

/*
 * Writers of two documents would each see the other one as it was: so all of
 * them write one more, and of two the later conflicts and checks again. It is
 * that of the number, which therefore stays what the check finds.
 */
static enum rc
config_write_count(struct db *db, struct err *err)
{
	bson_t *filter = BCON_NEW("_id", "schema");
	bson_t *inc = BCON_NEW("$inc", "{", "writes", BCON_INT64(1), "}");
	enum rc rc =
	    db_update_one(db, DB_CONFIG, filter, inc, NULL, NULL, err);

	bson_destroy(inc);
	bson_destroy(filter);
	return rc;
}

/* What the check reads is what would be there. */
static enum rc
config_write_checked(struct db *db, void *ctx, struct err *err)
{
	const struct config_write *w = ctx;
	bool was_wrong = false;
	enum rc rc = config_write_count(db, err);

	if (rc == RC_OK && w->check && !w->value) {
		rc = w->check(db, w->ctx, err);
		was_wrong =
		    rc == RC_PERM && strcmp(err->code, "SCHEMA") != 0;
	}
	if (rc == RC_OK || was_wrong)
		rc = config_write_key(db, w, err);
	return rc == RC_OK && w->check && !was_wrong
	    ? w->check(db, w->ctx, err)
	    : rc;
}

enum rc
config_write_db(struct db *db, const char *daemon, enum config_key key,
    const struct str *value, config_check_fn *check, void *ctx,
    struct err *err)
{
	struct config_write w = { daemon, key, value, check, ctx };

	return db_txn_run(db, config_write_checked, &w, DB_COMMIT_MS, err);
}
