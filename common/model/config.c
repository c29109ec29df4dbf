/*
 * The table of keys, their defaults, and the checks of one value and of all
 * of them together. Files and documents are read by db/config_db.c.
 */
#include "model/config.h"

#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/num.h"
#include "base/vec.h"
#include "model/config_hosts.h"

#include "base/banned.h"

const struct config_key_info config_keys[CFG_COUNT] = {
/* clang-format off */
#define CFG(id, key, kind, value, lo, hi, words, where, text) \
	{ key, CONFIG_##kind, value, lo, hi, words, CONFIG_##where, text },
#include "model/config_keys.h"
#undef CFG
	/* clang-format on */
};

enum config_key
config_find(struct str name)
{
	int i;

	for (i = 0; i < CFG_COUNT; i++) {
		if (str_equals(name, str_from_cstr(config_keys[i].name)))
			break;
	}
	return (enum config_key)i;
}

struct str
config_field(const struct config_record *r, struct str name)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (str_equals(r->v[i].name, name))
			return r->v[i].value;
	}
	return STR_NONE;
}

/* --- one value --------------------------------------------------------- */

static bool
parse_bool(struct str s, int64_t *ret_n)
{
	if (str_equals(s, STR("true")) || str_equals(s, STR("false"))) {
		*ret_n = s.len == 4;
		return true;
	}
	return false;
}

static bool
parse_choice(const char *choices, struct str s, int64_t *ret_n)
{
	struct str rest = str_from_cstr(choices), word;
	int64_t n;

	for (n = 0; str_split_char(&rest, '|', &word); n++) {
		if (str_equals(word, s)) {
			*ret_n = n;
			return true;
		}
	}
	return false;
}

static bool
parse_number(enum config_type type, struct str s, int64_t *ret_n)
{
	uint64_t n;
	bool ok;

	if (type == CONFIG_INT)
		return num_parse_i64(s, ret_n);
	ok = type == CONFIG_SIZE ? num_parse_size(s, &n)
				 : num_parse_duration(s, &n);
	if (!ok || n > INT64_MAX / 1000)
		return false;
	*ret_n = (int64_t)n;
	return true;
}

static bool
is_text(enum config_type type)
{
	return type == CONFIG_STRING || type == CONFIG_SECRET ||
	    type == CONFIG_URI;
}

static enum rc
refuse(enum config_key key, struct str value, struct err *err)
{
	const struct config_key_info *k = &config_keys[key];
	static const char *const kinds[] = {
		[CONFIG_BOOL] = "true or false",
		[CONFIG_INT] = "a number",
		[CONFIG_SIZE] = "octets, as 35M or 1048576",
		[CONFIG_DURATION] = "a time, as 90s, 15m, 2h or 3d",
		[CONFIG_STRING] = "text",
		[CONFIG_SECRET] = "text",
		[CONFIG_URI] = "text",
		[CONFIG_RATE] = "0, or a number in a time, as 100/1h",
		[CONFIG_SCORE] = "a number, as 7.5, or nothing",
		[CONFIG_CHOICE] = "one of ",
		[CONFIG_LIST] = "a list of texts",
		[CONFIG_RECORDS] = "a list of objects with the fields ",
	};

	if (k->type == CONFIG_CHOICE || k->type == CONFIG_RECORDS)
		return err_set(err, RC_PERM, "",
		    "%s: \"%.*s\" is not allowed: %s%s", k->name,
		    STR_ARG(value), kinds[k->type], k->choices);
	if (k->type == CONFIG_BOOL || k->type == CONFIG_RATE ||
	    k->type == CONFIG_SCORE)
		return err_set(err, RC_PERM, "",
		    "%s: \"%.*s\" is not allowed: %s", k->name,
		    STR_ARG(value), kinds[k->type]);
	if (k->type == CONFIG_SECRET || k->type == CONFIG_URI)
		value = STR("***");
	return err_set(err, RC_PERM, "",
	    "%s: \"%.*s\" is not allowed: %s, %s%lld to %lld", k->name,
	    STR_ARG(value), kinds[k->type],
	    is_text(k->type) ? "octets " : "", (long long)k->min,
	    (long long)k->max);
}

static bool
is_in_bounds(const struct config_key_info *k, int64_t n)
{
	return n >= k->min && n <= k->max;
}

/* "100/1h"; "0" has no time. */
static bool
parse_rate(struct str s, int64_t *ret_n, size_t *ret_window_ms)
{
	struct str rest = s, number;
	uint64_t n, seconds = 0;

	if (!str_split_char(&rest, '/', &number) ||
	    !num_parse_u64(number, 1000000000, &n) ||
	    (n > 0 && (!num_parse_duration(rest, &seconds) ||
			  seconds == 0 || seconds > 2592000)))
		return false;
	*ret_n = (int64_t)n;
	*ret_window_ms = (size_t)seconds * 1000;
	return true;
}

/* Fills n (and checks it) for every type that is one text. */
static bool
parse_scalar(const struct config_key_info *k, struct str s, int64_t *ret_n)
{
	int64_t n = 0;

	switch (k->type) {
	case CONFIG_BOOL:
		return parse_bool(s, ret_n);
	case CONFIG_CHOICE:
		return parse_choice(k->choices, s, ret_n);
	case CONFIG_STRING:
	case CONFIG_SECRET:
	case CONFIG_URI:
		*ret_n = 0;
		return is_in_bounds(k, (int64_t)s.len) && !str_has_char(s, 0);
	case CONFIG_INT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		if (!parse_number(k->type, s, &n) || !is_in_bounds(k, n))
			return false;
		*ret_n = k->type == CONFIG_DURATION ? n * 1000 : n;
		return true;
	case CONFIG_SCORE:
		*ret_n = INT64_MAX;
		return s.len == 0 || num_parse_hundredths(s, ret_n);
	case CONFIG_RATE:
	case CONFIG_LIST:
	case CONFIG_RECORDS:
		break;
	}
	return false;
}

static bool
is_outranked(const struct config *c, enum config_key key,
    enum config_origin origin)
{
	return c->v[key].origin > origin;
}

/* "a, b,c" as trimmed parts; "" is none. */
static const struct str *
split_list(struct arena *a, struct str s, size_t *ret_n)
{
	VEC(struct str) parts = { 0 };
	struct str part;

	s = str_trim(s);
	while (s.len > 0 && str_split_char(&s, ',', &part))
		VEC_PUSH(a, &parts, arena_dup_str(a, str_trim(part)));
	*ret_n = parts.n;
	return parts.v;
}

/*
 * The short form of RECORDS: each record's first field, and behind a blank
 * the name of a further field that is true: "2h notify".
 */
static enum rc
set_short_records(struct config *c, struct arena *a, enum config_key key,
    struct str value, enum config_origin origin, struct err *err)
{
	struct str first = str_from_cstr(config_keys[key].choices), name, word;
	VEC(struct config_record) records = { 0 };
	struct config_record *r;
	struct config_field *f;
	const struct str *parts;
	size_t n, i;

	str_split_char(&first, '|', &name);
	parts = split_list(a, value, &n);
	for (i = 0; i < n; i++) {
		struct str rest = parts[i];

		r = VEC_ADD(a, &records);
		r->v = f = ARENA_ARRAY(a, 2, struct config_field);
		str_split_char(&rest, ' ', &word);
		f[r->n++] = (struct config_field){ name, word };
		if (!str_is_empty(rest))
			f[r->n++] = (struct config_field){ rest, STR("true") };
	}
	return config_set_records(c, a, key, records.v, records.n, origin, err);
}

enum rc
config_set(struct config *c, struct arena *a, enum config_key key,
    struct str value, enum config_origin origin, struct err *err)
{
	const struct config_key_info *k = &config_keys[key];
	const struct str *list;
	size_t count = 0;
	int64_t n;

	if (k->type == CONFIG_LIST) {
		list = split_list(a, value, &count);
		return config_set_list(c, a, key, list, count, origin, err);
	}
	if (k->type == CONFIG_RECORDS)
		return set_short_records(c, a, key, value, origin, err);
	if (k->type == CONFIG_RATE ? !parse_rate(value, &n, &count)
				   : !parse_scalar(k, value, &n))
		return refuse(key, value, err);
	if (!is_outranked(c, key, origin))
		c->v[key] = (struct config_value){ .n = n, .count = count,
			.s = arena_dup_str(a, value), .origin = origin };
	return RC_OK;
}

enum rc
config_set_list(struct config *c, struct arena *a, enum config_key key,
    const struct str *v, size_t n, enum config_origin origin,
    struct err *err)
{
	const struct config_key_info *k = &config_keys[key];
	struct str *copy, text = STR("");
	size_t i;

	if (k->type != CONFIG_LIST)
		return refuse(key, STR("[...]"), err);
	copy = ARENA_ARRAY(a, n, struct str);
	for (i = 0; i < n; i++) {
		if (str_is_empty(v[i]) || str_has_char(v[i], 0))
			return refuse(key, v[i], err);
		copy[i] = arena_dup_str(a, v[i]);
		text = i ? arena_join3(a, text, STR(","), copy[i]) : copy[i];
	}
	if (!is_in_bounds(k, (int64_t)n))
		return refuse(key, text, err);
	if (!is_outranked(c, key, origin))
		c->v[key] = (struct config_value){
			.s = text, .list = copy, .count = n, .origin = origin
		};
	return RC_OK;
}

enum rc
config_set_records(struct config *c, struct arena *a, enum config_key key,
    const struct config_record *v, size_t n, enum config_origin origin,
    struct err *err)
{
	const struct config_key_info *k = &config_keys[key];
	struct config_record *copy;
	size_t i, j;
	int64_t unused;

	if (k->type != CONFIG_RECORDS || !is_in_bounds(k, (int64_t)n))
		return refuse(key, STR("[...]"), err);
	copy = ARENA_ARRAY(a, n, struct config_record);
	for (i = 0; i < n; i++) {
		struct config_field *f =
		    ARENA_ARRAY(a, v[i].n, struct config_field);

		for (j = 0; j < v[i].n; j++) {
			if (!parse_choice(k->choices, v[i].v[j].name, &unused))
				return refuse(key, v[i].v[j].name, err);
			if (str_has_char(v[i].v[j].value, 0))
				return refuse(key, v[i].v[j].value, err);
			f[j].name = arena_dup_str(a, v[i].v[j].name);
			f[j].value = arena_dup_str(a, v[i].v[j].value);
		}
		copy[i] = (struct config_record){ f, v[i].n };
	}
	if (!is_outranked(c, key, origin))
		c->v[key] = (struct config_value){
			.records = copy, .count = n, .origin = origin
		};
	return RC_OK;
}

static struct str
config_shown_records(struct arena *a, const struct config_value *v)
{
	struct str all = STR("");
	size_t i, k;

	for (i = 0; i < v->count; i++) {
		for (k = 0; k < v->records[i].n; k++) {
			const struct config_field *f = &v->records[i].v[k];

			all = arena_printf(a, "%.*s%s%.*s=%.*s", STR_ARG(all),
			    k	     ? " "
				: i ? ","
				    : "",
			    STR_ARG(f->name), STR_ARG(f->value));
		}
	}
	return all;
}

/* "...?tlsCertificateKeyFilePassword=***&..." */
static struct str
config_hide_option(struct arena *a, struct str uri, struct str name)
{
	size_t query = str_find_char(uri, '?');
	size_t at = query + str_find_nocase(str_tail(uri, query), name);

	if (at >= uri.len)
		return uri;
	at += name.len;
	return arena_join3(a, str_slice(uri, 0, at), STR("***"),
	    str_tail(uri, at + str_find_char(str_tail(uri, at), '&')));
}

/* "mongodb://user:***@host/": the user's name has no '@' and no ':'. */
static struct str
config_shown_uri(struct arena *a, struct str uri)
{
	static const struct str options[] = { STR_INIT("KeyFilePassword="),
		STR_INIT("KeyPassword="),
		STR_INIT("authMechanismProperties=") };
	size_t host, start, colon, i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		uri = config_hide_option(a, uri, options[i]);
	host = str_find_last_char(uri, '@');
	start = str_find(uri, STR("://"));
	if (host >= uri.len || start >= host)
		return uri;
	start += 3;
	colon = start + str_find_char(str_slice(uri, start, host), ':');
	if (colon >= host)
		return uri;
	return arena_join3(a, str_slice(uri, 0, colon + 1), STR("***"),
	    str_tail(uri, host));
}

struct str
config_shown(const struct config *c, struct arena *a, enum config_key key)
{
	struct str s = config_str(c, key);

	if (config_keys[key].type == CONFIG_RECORDS)
		return config_shown_records(a, &c->v[key]);
	if (config_keys[key].type == CONFIG_URI)
		return config_shown_uri(a, s);
	if (config_keys[key].type == CONFIG_SECRET && s.len)
		return STR("***");
	return s;
}

void
config_init(struct config *c, struct arena *a)
{
	struct err err;
	enum config_key key;

	*c = (struct config){ 0 };
	for (key = 0; key < CFG_COUNT; key++) {
		struct str text = str_from_cstr(config_keys[key].value);

		if (config_set(c, a, key, text, CONFIG_FROM_DEFAULT, &err) !=
		    RC_OK)
			__builtin_trap(); /* the table is wrong */
	}
}

/* --- all of them together ---------------------------------------------- */

static enum rc
check_file(const struct config *c, enum config_key key, struct err *err)
{
	struct str path = config_str(c, key);

	if (!str_is_empty(path) && access(path.p, R_OK) != 0)
		return err_set(err, RC_PERM, "",
		    "%s: cannot read %.*s: %m", config_keys[key].name,
		    STR_ARG(path));
	return RC_OK;
}

static bool
needs_tls(const struct config *c, enum config_key key)
{
	return c->v[key].origin != CONFIG_FROM_DEFAULT &&
	    (str_equals(config_str(c, key), STR("required")) ||
		str_equals(config_str(c, key), STR("remote")));
}

static enum rc
check_retry(const struct config *c, struct err *err)
{
	const struct config_value *v = &c->v[CFG_RETRY_DURATIONS];
	uint64_t seconds;
	int64_t flag;
	size_t i;

	for (i = 0; i < v->count; i++) {
		struct str after = config_field(&v->records[i], STR("after"));
		struct str notify =
		    config_field(&v->records[i], STR("notify"));

		if (!num_parse_duration(after, &seconds) || seconds == 0 ||
		    seconds > 2592000)
			return err_set(err, RC_PERM, "",
			    "retry.durations: entry %zu: after must be a time "
			    "from 1s to 30d", i + 1);
		if (!str_is_empty(notify) && !parse_bool(notify, &flag))
			return err_set(err, RC_PERM, "",
			    "retry.durations: entry %zu: notify must be true "
			    "or false", i + 1);
	}
	return RC_OK;
}

/* What filters and hooks have in common. */
static enum rc
check_programs(const struct config *c, enum config_key key, struct err *err)
{
	const struct config_value *v = &c->v[key];
	const char *name = config_keys[key].name;
	uint64_t n;
	size_t i;

	for (i = 0; i < v->count; i++) {
		const struct config_record *r = &v->records[i];
		struct str run = config_field(r, STR("run"));
		struct str timeout = config_field(r, STR("timeout"));
		struct str fails = config_field(r, STR("fails"));
		struct str path = str_slice(run, 0, str_find_char(run, ' '));
		char text[4096];

		if (!str_starts_with(path, STR("/")) ||
		    path.len >= sizeof(text))
			return err_set(err, RC_PERM, "",
			    "%s: entry %zu: run must be an absolute path",
			    name, i + 1);
		memcpy(text, path.p, path.len);
		text[path.len] = '\0';
		if (access(text, X_OK) != 0)
			return err_set(err, RC_PERM, "",
			    "%s: entry %zu: cannot run %s: %m", name, i + 1,
			    text);
		if (timeout.len &&
		    (!num_parse_duration(timeout, &n) || n == 0 || n > 3600))
			return err_set(err, RC_PERM, "",
			    "%s: entry %zu: timeout must be from 1s to 1h",
			    name, i + 1);
		if (fails.len && !str_equals(fails, STR("defer")) &&
		    !str_equals(fails, STR("pass")))
			return err_set(err, RC_PERM, "",
			    "%s: entry %zu: fails must be defer or pass",
			    name, i + 1);
	}
	return RC_OK;
}

static enum rc
check_filters(const struct config *c, struct err *err)
{
	static const struct str sizes[] = { STR_INIT("memory"),
		STR_INIT("output") };
	const struct config_value *v = &c->v[CFG_FILTERS];
	uint64_t n;
	size_t i, k;

	for (i = 0; i < v->count; i++) {
		for (k = 0; k < 2; k++) {
			struct str s = config_field(&v->records[i], sizes[k]);

			if (s.len && !num_parse_size(s, &n))
				return err_set(err, RC_PERM, "",
				    "filters: entry %zu: %.*s must be octets, "
				    "as 256M", i + 1, STR_ARG(sizes[k]));
		}
	}
	return check_programs(c, CFG_FILTERS, err);
}

static enum rc
check_hooks(const struct config *c, struct err *err)
{
	static const char stages[] = "connect|helo|mail|rcpt|data|end";
	const struct config_value *v = &c->v[CFG_HOOKS];
	int64_t n;
	size_t i;

	for (i = 0; i < v->count; i++) {
		if (!parse_choice(stages,
			config_field(&v->records[i], STR("at")), &n))
			return err_set(err, RC_PERM, "",
			    "hooks: entry %zu: at must be one of %s", i + 1,
			    stages);
	}
	return check_programs(c, CFG_HOOKS, err);
}

enum rc
config_check_lists(const struct config *c, struct err *err)
{
	enum rc rc;

	if ((rc = config_check_hosts(c, err)) != RC_OK ||
	    (rc = check_retry(c, err)) != RC_OK ||
	    (rc = check_filters(c, err)) != RC_OK)
		return rc;
	return check_hooks(c, err);
}

enum rc
config_check(const struct config *c, struct err *err)
{
	static const enum config_key tls_users[] = { CFG_SMTP_STARTTLS,
		CFG_IMAP_STARTTLS };
	bool has_tls = !str_is_empty(config_str(c, CFG_TLS_CERTIFICATE));
	enum rc rc;
	size_t i;

	if (has_tls != !str_is_empty(config_str(c, CFG_TLS_KEY)))
		return err_set(err, RC_PERM, "",
		    "%s: tls.certificate and tls.key go together",
		    has_tls ? "tls.key" : "tls.certificate");
	for (i = 0; !has_tls && i < sizeof(tls_users) / sizeof(*tls_users);
	     i++) {
		if (needs_tls(c, tls_users[i]))
			return err_set(err, RC_PERM, "",
			    "%s: needs tls.certificate and tls.key",
			    config_keys[tls_users[i]].name);
	}
	if ((rc = check_file(c, CFG_TLS_CERTIFICATE, err)) != RC_OK ||
	    (rc = check_file(c, CFG_TLS_KEY, err)) != RC_OK ||
	    (rc = check_file(c, CFG_TLS_SNI_DIR, err)) != RC_OK)
		return rc;
	return config_check_lists(c, err);
}
