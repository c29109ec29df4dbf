/*
 * GETMETADATA and SETMETADATA (RFC 5464). The mailbox "" is the server.
 * /private/specialuse is the special use of a folder (RFC 6154 4), kept
 * there and not among the annotations.
 */
#include "commands.h"

#include "base/limits.h"
#include "base/num.h"
#include "db/annotations.h"
#include "imap/entry_name.h"
#include "imap/render.h"
#include "net/doorbell.h"
#include "notify.h"
#include "place.h"
#include "rights.h"
#include "special.h"

#include "base/banned.h"

#define SPECIAL_ENTRY STR("/private/specialuse")

struct metadata {
	struct session *s;
	struct folder *folder;      /* NULL: the server */
	unsigned rights;
	struct annotated where;
	/* GETMETADATA */
	uint64_t maxsize;
	size_t depth;
	VEC(struct annotation) there;
	bool *is_told;
	struct buf answer;
	uint64_t longest;           /* of those that maxsize left out */
	/* SETMETADATA */
	VEC(struct annotation) changes;
	enum special_use special;
	bool sets_special;
};

/* --- shared ------------------------------------------------------------------- */

/* False: answered. */
static bool
take_mailbox(struct metadata *m, const struct arg *arg)
{
	struct session *s = m->s;

	m->where = (struct annotated){ .owner = &s->user->owner,
		.address = s->user->address };
	if (arg_is_text(arg) && arg->s.len == 0)
		return true;
	m->folder = command_folder(s, arg, RIGHT_LOOKUP, false);
	if (!m->folder)
		return false;
	m->rights = rights_of(s, m->folder);
	m->where.owner = &m->folder->owner;
	m->where.folder = &m->folder->id;
	if (!rights_is_owner(s, &m->folder->owner)) {
		m->where.user = &s->user->owner;
		m->where.user_address = s->user->address;
	}
	/* RFC 5464 3.3 */
	if (m->rights & (RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE |
			    RIGHT_INSERT | RIGHT_POST))
		return true;
	chat_no(s, "[NOPERM] The right \"r\" is missing");
	return false;
}

/* False: answered. */
static bool
take_entry(struct metadata *m, const struct arg *arg, struct str *ret)
{
	struct str name;

	if (!arg_is_text(arg)) {
		chat_bad(m->s, "The name of an entry is missing");
		return false;
	}
	name = arena_dup_lower(m->s->command_arena, arg->s);
	if (!entry_name_is_valid(name)) {
		chat_bad(m->s, "Entries begin with /private or /shared, "
			       "without '*', '%' and empty levels");
		return false;
	}
	if (name.len > LIMIT_ANNOTATION_NAME) {
		chat_no(m->s, "[LIMIT] The name of the entry is too long");
		return false;
	}
	*ret = name;
	return true;
}

/* --- GETMETADATA -------------------------------------------------------------- */

static bool
take_depth(struct metadata *m, const struct arg *arg)
{
	if (arg_is_atom(arg, STR("infinity")))
		m->depth = SIZE_MAX;
	else if (arg_is_atom(arg, STR("1")))
		m->depth = 1;
	else
		return arg_is_atom(arg, STR("0"));
	return true;
}

/* (MAXSIZE 1024 DEPTH 1) */
static bool
take_options(struct metadata *m, const struct arg *list)
{
	size_t i;

	if (list->type != ARG_LIST || list->n == 0 || list->n % 2)
		return false;
	for (i = 0; i < list->n; i += 2) {
		const struct arg *key = &list->v[i], *value = key + 1;

		if (arg_is_atom(key, STR("MAXSIZE"))) {
			if (value->type != ARG_ATOM ||
			    !num_parse_u64(value->s, UINT32_MAX, &m->maxsize))
				return false;
		} else if (!arg_is_atom(key, STR("DEPTH")) ||
		    !take_depth(m, value)) {
			return false;
		}
	}
	return true;
}

/* ` name value`. A NUL needs a literal8. */
static void
add_entry(struct metadata *m, struct str name, struct str value)
{
	struct buf *b = &m->answer;

	if (b->len)
		buf_add_char(b, ' ');
	entry_name_add(b, name);
	buf_add_char(b, ' ');
	if (str_has_char(value, '\0')) {
		buf_printf(b, "~{%zu}\r\n", value.len);
		buf_add_str(b, value);
	} else {
		render_nstring(b, value, m->s->has_utf8);
	}
}

static void
consider(struct metadata *m, size_t i)
{
	const struct annotation *x = &m->there.v[i];

	if (m->is_told[i])
		return;
	m->is_told[i] = true;
	if (x->value.len <= m->maxsize)
		add_entry(m, x->name, x->value);
	else if (x->value.len > m->longest)
		m->longest = x->value.len;
}

/* An entry that was named and has no value is NIL. */
static void
find_entry(struct metadata *m, struct str name)
{
	bool found = false;
	size_t i;

	for (i = 0; i < m->there.n; i++) {
		struct str x = m->there.v[i].name;

		found |= str_equals(x, name);
		if (str_equals(x, name) ||
		    entry_name_is_below(x, name, m->depth))
			consider(m, i);
	}
	if (!found && m->depth == 0 && !entry_name_is_root(name))
		add_entry(m, name, STR_NONE);
}

static enum rc
load(struct metadata *m, struct err *err)
{
	struct arena *a = m->s->command_arena;
	const char *special = m->folder && !m->where.user
	    ? special_name(m->folder->special_use)
	    : NULL;
	struct annotation *v;
	size_t n, i;
	enum rc rc =
	    annotation_list(m->s->p->db, a, &m->where, &v, &n, err);

	if (rc != RC_OK)
		return rc;
	for (i = 0; i < n; i++)
		VEC_PUSH(a, &m->there, v[i]);
	if (special)
		VEC_PUSH(a, &m->there,
		    ((struct annotation){ SPECIAL_ENTRY,
			str_from_cstr(special) }));
	m->is_told = ARENA_ARRAY(a, m->there.n + 1, bool);
	return RC_OK;
}

/* One or a list. False: answered. */
static bool
find_entries(struct metadata *m, const struct arg *arg)
{
	bool is_list = arg->type == ARG_LIST;
	const struct arg *v = is_list ? arg->v : arg;
	size_t n = is_list ? arg->n : 1, i;
	struct str name;

	if (n == 0) {
		chat_bad(m->s, "The name of an entry is missing");
		return false;
	}
	for (i = 0; i < n; i++) {
		if (!take_entry(m, &v[i], &name))
			return false;
		find_entry(m, name);
	}
	return true;
}

static void
tell_entries(struct metadata *m)
{
	struct session *s = m->s;

	if (m->answer.len) {
		writer_add_cstr(s->writer, "* METADATA ");
		if (m->folder)
			chat_mailbox(s, place_name(s, m->folder));
		else
			chat_string(s, STR(""));
		writer_add_cstr(s->writer, " (");
		writer_add_str(s->writer, buf_str(&m->answer));
		writer_add_cstr(s->writer, ")\r\n");
	}
	if (m->longest)
		command_done(s, true, "[METADATA LONGENTRIES %llu] Done",
		    (unsigned long long)m->longest);
	else
		command_done(s, true, "Done");
}

/* Clients put the options before or after the mailbox: RFC 5464 has both. */
void
cmd_getmetadata(struct session *s, const struct read_command *c)
{
	struct metadata m = { .s = s, .maxsize = UINT64_MAX };
	const struct arg *v = c->text.args, *mailbox = &v[0];
	struct err err;

	if (c->text.n == 3) {
		bool is_first = v[0].type == ARG_LIST;

		mailbox = is_first ? &v[1] : &v[0];
		if (!take_options(&m, is_first ? &v[0] : &v[1])) {
			chat_bad(s, "Unknown option");
			return;
		}
	}
	if (!take_mailbox(&m, mailbox))
		return;
	if (load(&m, &err) != RC_OK)
		chat_failure(s, &err);
	else if (find_entries(&m, &v[c->text.n - 1]))
		tell_entries(&m);
	buf_done(&m.answer);
}

/* --- SETMETADATA -------------------------------------------------------------- */

/* NIL: none. False: answered. */
static bool
take_special(struct metadata *m, struct str value)
{
	enum special_use use = value.p ? special_of(value) : SPECIAL_NONE;

	if (!m->folder || m->where.user ||
	    (value.p && !special_is_settable(use))) {
		chat_no(m->s, "[USEATTR] No mailbox can have this use");
		return false;
	}
	m->special = use;
	m->sets_special = true;
	return true;
}

/* False: answered. */
static bool
take_value(struct metadata *m, const struct arg *arg, struct str *ret)
{
	bool is_nil = arg_is_nil(arg);

	if (!is_nil && arg->type != ARG_STRING && arg->type != ARG_LITERAL) {
		chat_bad(m->s, "A value is a string or NIL");
		return false;
	}
	if (!is_nil && arg->s.len > LIMIT_ANNOTATION) {
		chat_no(m->s, "[METADATA MAXSIZE %d] The value is too long",
		    LIMIT_ANNOTATION);
		return false;
	}
	*ret = is_nil ? STR_NONE : arg->s.p ? arg->s : STR("");
	return true;
}

static bool
may_share(const struct metadata *m)
{
	return m->folder ? m->rights & RIGHT_WRITE : m->s->user->admin;
}

/* Entry and value. False: answered. */
static bool
take_change(struct metadata *m, const struct arg *pair)
{
	struct annotation x;

	if (!take_entry(m, &pair[0], &x.name) ||
	    !take_value(m, &pair[1], &x.value))
		return false;
	if (entry_name_is_root(x.name)) {
		chat_bad(m->s, "This entry has no value");
		return false;
	}
	if (str_equals(x.name, SPECIAL_ENTRY))
		return take_special(m, x.value);
	if (str_starts_with(x.name, STR("/shared/")) && !may_share(m)) {
		chat_no(m->s, "[NOPERM] %s",
		    m->folder ? "The right \"w\" is missing"
			      : "This is for administrators");
		return false;
	}
	VEC_PUSH(m->s->command_arena, &m->changes, x);
	return true;
}

static bool
is_for_all(const struct metadata *m)
{
	size_t i;

	for (i = 0; !m->folder && i < m->changes.n; i++) {
		if (str_starts_with(m->changes.v[i].name, STR("/shared/")))
			return true;
	}
	return false;
}

/* Those who wait hear of it, but not this client. */
static void
tell_others(struct metadata *m)
{
	struct notify_own own = { .events = NOTIFY_MAILBOX_METADATA };

	if (m->folder)
		own.folder = m->folder->id;
	if (m->sets_special)
		VEC_PUSH(m->s->command_arena, &m->changes,
		    ((struct annotation){ SPECIAL_ENTRY, STR("") }));
	own.entries = m->changes.v;
	own.n_entries = m->changes.n;
	notify_own(m->s, &own);
	session_ring(m->s, m->where.owner);
	if (is_for_all(m))
		doorbell_ring_all(config_str(m->s->config, CFG_RUNTIME_DIR));
}

void
cmd_setmetadata(struct session *s, const struct read_command *c)
{
	const struct arg *list = &c->text.args[1];
	struct metadata m = { .s = s };
	struct err err;
	size_t i;

	if (list->type != ARG_LIST || list->n == 0 || list->n % 2) {
		chat_bad(s, "A list of entries and values is missing");
		return;
	}
	if (!take_mailbox(&m, &c->text.args[0]))
		return;
	/* Each is a write, and the folder is held until the last. */
	if (list->n / 2 > LIMIT_ANNOTATIONS) {
		chat_no(s, "[METADATA TOOMANY] At most %d entries at a time",
		    LIMIT_ANNOTATIONS);
		return;
	}
	for (i = 0; i < list->n; i += 2) {
		if (!take_change(&m, &list->v[i]))
			return;
	}
	if (annotation_set(s->p->db, &m.where, m.changes.v, m.changes.n,
		m.sets_special ? &m.special : NULL, &err) != RC_OK) {
		chat_failure(s, &err);
		return;
	}
	tell_others(&m);
	command_done(s, true, "Done");
}
