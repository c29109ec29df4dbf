/* The command table, its checks, and what several commands share. */
#include "commands.h"

#include <stdarg.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "log/log.h"
#include "notify.h"
#include "place.h"
#include "progress.h"
#include "rights.h"
#include "text/mutf7.h"
#include "text/utf8.h"

#include "base/banned.h"

#define ANY SIZE_MAX
#define NUMBERS TAKES_NUMBERS

static const struct command commands[] = {
	{ STR_INIT("APPEND"), IN_USER, 1, ANY, cmd_append },
	{ STR_INIT("AUTHENTICATE"), IN_CONNECTED, 1, 2, cmd_authenticate },
	{ STR_INIT("CAPABILITY"), IN_ANY, 0, 0, cmd_capability },
	{ STR_INIT("CHECK"), IN_SELECTED, 0, 0, cmd_check },
	{ STR_INIT("CLOSE"), IN_SELECTED | NO_SYNC, 0, 0, cmd_close },
	{ STR_INIT("COMPRESS"), IN_USER, 1, 1, cmd_compress },
	{ STR_INIT("COPY"), IN_SELECTED | HAS_UID | NUMBERS, 2, 2, cmd_copy },
	{ STR_INIT("CREATE"), IN_USER, 1, 2, cmd_create },
	{ STR_INIT("DELETE"), IN_USER, 1, 1, cmd_delete },
	{ STR_INIT("DELETEACL"), IN_USER, 2, 2, cmd_deleteacl },
	{ STR_INIT("ENABLE"), IN_USER, 1, ANY, cmd_enable },
	{ STR_INIT("EXAMINE"), IN_USER | NO_SYNC, 1, 2, cmd_examine },
	{ STR_INIT("EXPUNGE"), IN_SELECTED | HAS_UID, 0, 1, cmd_expunge },
	{ STR_INIT("FETCH"), IN_SELECTED | HAS_UID | NUMBERS | NO_EXPUNGE, 2, 4,
	    cmd_fetch },
	{ STR_INIT("GETACL"), IN_USER, 1, 1, cmd_getacl },
	{ STR_INIT("GETMETADATA"), IN_USER, 2, 3, cmd_getmetadata },
	{ STR_INIT("GETQUOTA"), IN_USER, 1, 1, cmd_getquota },
	{ STR_INIT("GETQUOTAROOT"), IN_USER, 1, 1, cmd_getquotaroot },
	{ STR_INIT("ID"), IN_ANY, 1, 1, cmd_id },
	{ STR_INIT("IDLE"), IN_USER | NO_SYNC, 0, 0, cmd_idle },
	{ STR_INIT("LIST"), IN_USER, 2, 5, cmd_list },
	{ STR_INIT("LISTRIGHTS"), IN_USER, 2, 2, cmd_listrights },
	{ STR_INIT("LOGIN"), IN_CONNECTED, 2, 2, cmd_login },
	{ STR_INIT("LOGOUT"), IN_ANY | NO_SYNC, 0, 0, cmd_logout },
	{ STR_INIT("LSUB"), IN_USER, 2, 2, cmd_lsub },
	{ STR_INIT("MOVE"), IN_SELECTED | HAS_UID | NUMBERS, 2, 2, cmd_move },
	{ STR_INIT("MYRIGHTS"), IN_USER, 1, 1, cmd_myrights },
	{ STR_INIT("NAMESPACE"), IN_USER, 0, 0, cmd_namespace },
	{ STR_INIT("NOOP"), IN_ANY, 0, 0, cmd_noop },
	{ STR_INIT("NOTIFY"), IN_USER, 1, ANY, cmd_notify },
	{ STR_INIT("RENAME"), IN_USER, 2, 2, cmd_rename },
	{ STR_INIT("REPLACE"), IN_SELECTED | HAS_UID | NUMBERS, 2, ANY, cmd_replace },
	{ STR_INIT("SEARCH"), IN_SELECTED | HAS_UID | NUMBERS | NO_EXPUNGE, 1, ANY,
	    cmd_search },
	{ STR_INIT("SELECT"), IN_USER | NO_SYNC, 1, 2, cmd_select },
	{ STR_INIT("SETACL"), IN_USER, 3, 3, cmd_setacl },
	{ STR_INIT("SETMETADATA"), IN_USER, 2, 2, cmd_setmetadata },
	{ STR_INIT("SETQUOTA"), IN_USER, 2, 2, cmd_setquota },
	{ STR_INIT("SORT"), IN_SELECTED | HAS_UID | NUMBERS | NO_EXPUNGE, 3,
	    ANY, cmd_sort },
	{ STR_INIT("STARTTLS"), IN_CONNECTED, 0, 0, cmd_starttls },
	{ STR_INIT("STATUS"), IN_USER, 2, 2, cmd_status },
	{ STR_INIT("STORE"), IN_SELECTED | HAS_UID | NUMBERS | NO_EXPUNGE, 3, ANY,
	    cmd_store },
	{ STR_INIT("SUBSCRIBE"), IN_USER, 1, 1, cmd_subscribe },
	{ STR_INIT("THREAD"), IN_SELECTED | HAS_UID | NUMBERS | NO_EXPUNGE,
	    3, ANY, cmd_thread },
	{ STR_INIT("UIDBATCHES"), IN_SELECTED, 1, 2, cmd_uidbatches },
	{ STR_INIT("UNSELECT"), IN_SELECTED | NO_SYNC, 0, 0, cmd_unselect },
	{ STR_INIT("UNSUBSCRIBE"), IN_USER, 1, 1, cmd_unsubscribe },
};

static const struct command *
find_command(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (str_equals_nocase(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

static const char *
check(const struct session *s, const struct command *k,
    const struct read_command *c)
{
	static const unsigned bits[] = { IN_CONNECTED, IN_AUTHENTICATED,
		IN_SELECTED, 0 };

	if (!k || (c->text.is_uid && !(k->flags & HAS_UID)))
		return "Unknown command";
	if (!(k->flags & bits[s->state]))
		return s->state == STATE_CONNECTED ? "Log in first"
		    : k->flags & IN_CONNECTED	   ? "Already logged in"
						   : "Select a mailbox first";
	if (s->has_uidonly && k->flags & TAKES_NUMBERS && !c->text.is_uid)
		return "[UIDREQUIRED] Sequence numbers are off";
	if (c->text.n < k->min_args)
		return "Arguments missing";
	if (c->text.n > k->max_args)
		return "Too many arguments";
	return NULL;
}

/* What a list says now holds from now on. False: answered. */
static bool
has_rights(struct session *s, const struct command *k)
{
	struct err err;

	if (k->flags & (IN_AUTHENTICATED | NO_SYNC) ||
	    !(k->flags & IN_SELECTED))
		return true;
	if (view_check_rights(s, &err) == RC_OK)
		return s->state != STATE_LOGOUT;
	chat_failure(s, &err);
	return false;
}

void
command_run(struct session *s, const struct read_command *c)
{
	const struct command *k = find_command(c->text.name);
	const char *wrong = check(s, k, c);

	s->is_uid = c->text.is_uid;
	s->has_changed = false;
	if (wrong) {
		chat_bad(s, wrong);
		read_drop(s, &c->pending);
		return;
	}
	progress_begin(s);
	if (session_check_account(s, false) && has_rights(s, k))
		k->run(s, c);
	else
		read_drop(s, &c->pending);
}

/* --- shared -------------------------------------------------------------------------- */

static enum rc
sync_all(struct session *s, bool may_expunge, struct err *err)
{
	if (s->notify)
		return notify_sync(s, may_expunge, false, err);
	return s->state == STATE_SELECTED ? view_sync(s, may_expunge, err)
					  : RC_OK;
}

void
command_done(struct session *s, bool may_expunge, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	struct err err;
	va_list ap;
	enum rc rc;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	/* What was done is OK, even if nobody can say now what others did: the
	 * next command tells that. A NO would have the client do it twice. */
	rc = sync_all(s, may_expunge, &err);
	if (rc != RC_OK && s->has_changed)
		log_failure("database", &err);
	if (rc != RC_OK && !s->has_changed)
		chat_failure(s, &err);
	else if (s->state != STATE_LOGOUT)
		chat_ok(s, "%.*s", STR_ARG(buf_str(&b)));
	buf_done(&b);
}

static bool
has_control(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (ascii_is_cntl(s.p[i]))
			return true;
	}
	return false;
}

bool
command_mailbox_name(struct session *s, struct str name, struct str *ret)
{
	if (name.len > 1 && name.p[name.len - 1] == '/')
		name.len--;
	if (!folder_name_fits(name) || has_control(name))
		return false;
	*ret = place_inbox(s->command_arena, name);
	return true;
}

/*
 * Raw UTF-8 is taken before ENABLE too: modified UTF-7 has no 8-bit octets,
 * so nothing is read in two ways, and clients send it (go-imap).
 */
bool
command_decode(struct session *s, struct str text, struct str *ret)
{
	*ret = text;
	if ((s->has_utf8 || !str_is_ascii(text)) && utf8_is_valid(text))
		return true;
	return mutf7_decode(s->command_arena, text, ret);
}

const char *
command_name(struct session *s, struct str text, struct str *ret)
{
	struct str name;

	if (!command_decode(s, text, &name))
		return "That is no mailbox name (modified UTF-7)";
	if (!command_mailbox_name(s, name, ret))
		return "That mailbox name is not allowed";
	return NULL;
}

bool
command_mailbox(struct session *s, const struct arg *arg, struct str *ret)
{
	const char *wrong;

	if (!arg_is_text(arg)) {
		chat_bad(s, "A mailbox name is missing");
		return false;
	}
	wrong = command_name(s, arg->s, ret);
	if (wrong)
		chat_no(s, "[CANNOT] %s", wrong);
	return !wrong;
}

typedef enum rc find_fn(struct db *db, struct arena *a,
    const struct uuid *owner, struct str name, struct folder **ret_folder,
    struct err *err);

static enum rc
find(struct session *s, find_fn *fn, struct str name,
    struct folder **ret_folder, struct err *err)
{
	struct folder *f = NULL;
	struct place p;
	enum rc rc = place_find(s, name, &p, err);

	if (rc == RC_OK && !p.is_void)
		rc = fn(s->p->db, s->command_arena, &p.owner, p.name, &f,
		    err);
	if (rc == RC_OK)
		*ret_folder = f && !f->no_select ? f : NULL;
	return rc;
}

enum rc
command_find(struct session *s, struct str name, struct folder **ret_folder,
    struct err *err)
{
	enum rc rc = find(s, folder_find, name, ret_folder, err);

	if (rc == RC_OK && *ret_folder &&
	    !(rights_of(s, *ret_folder) & RIGHT_READ))
		*ret_folder = NULL;
	return rc;
}

bool
command_place(struct session *s, const struct arg *arg, struct place *ret)
{
	struct str name;
	struct err err;

	if (!command_mailbox(s, arg, &name))
		return false;
	if (place_find(s, name, ret, &err) == RC_OK)
		return true;
	chat_failure(s, &err);
	return false;
}

static struct folder *
find_or_answer(struct session *s, find_fn *fn, const struct arg *arg,
    unsigned need, bool try_create)
{
	struct folder *f;
	struct str name;
	struct err err;

	if (!command_mailbox(s, arg, &name))
		return NULL;
	if (find(s, fn, name, &f, &err) != RC_OK) {
		chat_failure(s, &err);
		return NULL;
	}
	if (!f) {
		rights_say_missing(s, try_create);
		return NULL;
	}
	return rights_check(s, rights_of(s, f), need, try_create) ? f : NULL;
}

struct folder *
command_folder(struct session *s, const struct arg *arg, unsigned need,
    bool try_create)
{
	return find_or_answer(s, folder_find, arg, need, try_create);
}

bool
command_may(struct session *s, unsigned need)
{
	if (s->view->is_read_only) {
		chat_no(s, "[READ-ONLY] The mailbox is open read-only");
		return false;
	}
	return rights_check(
	    s, s->view->rights | RIGHT_LOOKUP, need, false);
}

struct folder *
command_folder_to_open(struct session *s, const struct arg *arg)
{
	/* UNSEEN is a sequence number, and not in IMAP4rev2. */
	bool wants_unseen = !s->is_rev2 && !s->has_uidonly;
	find_fn *fn = wants_unseen ? folder_open : folder_find;
	struct folder *f = find_or_answer(s, fn, arg, RIGHT_READ, false);
	struct err err;

	/* A client believes PERMANENTFLAGS when that has no \*. */
	if (f && folder_keywords_are_full(f) &&
	    rights_of(s, f) & RIGHT_WRITE &&
	    store_free_keywords(s->p->db, &f->owner, &f->id, &err) == RC_OK)
		f = find_or_answer(s, fn, arg, RIGHT_READ, false);
	return f;
}

struct flag_row {
	struct str name;
	uint64_t bit;
};

static const struct flag_row flag_rows[] = {
	{ STR_INIT("\\Seen"), FLAG_SEEN },
	{ STR_INIT("\\Answered"), FLAG_ANSWERED },
	{ STR_INIT("\\Flagged"), FLAG_FLAGGED },
	{ STR_INIT("\\Deleted"), FLAG_DELETED },
	{ STR_INIT("\\Draft"), FLAG_DRAFT },
};

static bool
system_flag(struct str name, uint64_t *bits)
{
	size_t i;

	for (i = 0; i < sizeof(flag_rows) / sizeof(*flag_rows); i++) {
		if (str_equals_nocase(name, flag_rows[i].name)) {
			*bits |= flag_rows[i].bit;
			return true;
		}
	}
	return false;
}

static bool
is_keyword(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!ascii_is_graph(s.p[i]) ||
		    str_has_char(STR("(){%*\"\\]"), s.p[i]))
			return false;
	}
	return s.len > 0;
}

bool
command_flags(struct session *s, const struct arg *v, size_t n,
    struct flag_list *ret)
{
	VEC(struct str) keywords = { 0 };
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (v[i].type != ARG_ATOM ||
		    (!system_flag(v[i].s, &bits) && !is_keyword(v[i].s))) {
			chat_bad(s, "Bad flag");
			return false;
		}
		if (v[i].s.p[0] == '\\')
			continue;
		if (v[i].s.len > LIMIT_KEYWORD ||
		    keywords.n >= LIMIT_KEYWORDS) {
			chat_no(s, "[LIMIT] Keyword too long, or too many");
			return false;
		}
		VEC_PUSH(s->command_arena, &keywords, v[i].s);
	}
	*ret = (struct flag_list){ bits, keywords.v, keywords.n };
	return true;
}
