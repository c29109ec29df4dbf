/*
 * LIST with its extensions (RFC 3501 6.3.8, RFC 5258, RFC 5819, RFC 6154,
 * RFC 8440) and LSUB: one query for one's own folders, one or two for those
 * that others share, everything else is computed here.
 */
#include "commands.h"

#include <stdlib.h>

#include "db/acl.h"
#include "imap/list_pattern.h"
#include "place.h"
#include "progress.h"
#include "rights.h"
#include "special.h"
#include "text/mutf7.h"
#include "text/utf8.h"

#include "base/banned.h"

enum list_options {
	SELECT_SUBSCRIBED = 1 << 0,
	SELECT_RECURSIVE  = 1 << 1,
	SELECT_SPECIAL    = 1 << 2,
	RETURN_SUBSCRIBED = 1 << 3,
	RETURN_CHILDREN   = 1 << 4,
	RETURN_SPECIAL    = 1 << 5,
	IS_EXTENDED       = 1 << 6,
	IS_LSUB           = 1 << 7,
	RETURN_MYRIGHTS   = 1 << 8,
};

/* A name: a folder, or one that is only a parent of others. */
struct name {
	struct str name;
	const struct folder *folder; /* NULL: no such mailbox */
	bool is_subscribed;
	bool has_children;
	bool has_subscribed_child;
	bool has_untold_child; /* such a one, that no pattern matches */
};

struct listing {
	struct session *s;
	unsigned options;
	const struct arg *status;    /* RETURN (STATUS (...)) */
	VEC(struct name) names;
	VEC(struct list_pattern *) patterns;
	bool wants_shared;           /* a pattern may name others' folders */
	enum rc rc;                  /* not RC_OK: it takes too long, see err */
	struct err err;
};

/* --- names ---------------------------------------------------------------------- */

static int
compare(const void *x, const void *y)
{
	return str_compare(((const struct name *)x)->name,
	    ((const struct name *)y)->name);
}

/* Among the first n, which are sorted. */
static struct name *
find(struct listing *l, size_t n, struct str name)
{
	struct name key = { .name = name };

	return n ? bsearch(&key, l->names.v, n, sizeof(key), compare) : NULL;
}

/* "a/b" without a folder "a": the name is listed as \NonExistent. */
static void
add_parents(struct listing *l)
{
	size_t n = l->names.n, i, k, kept = 0;

	for (i = 0; i < n; i++) {
		struct str name = l->names.v[i].name;

		for (k = 1; k < name.len; k++) {
			struct str parent = str_slice(name, 0, k);

			if (name.p[k] == '/' && !find(l, n, parent))
				VEC_PUSH(l->s->command_arena, &l->names,
				    ((struct name){ .name = parent }));
		}
	}
	if (l->names.n == n)
		return;
	qsort(l->names.v, l->names.n, sizeof(*l->names.v), compare);
	for (i = 0; i < l->names.n; i++) {
		if (kept == 0 ||
		    compare(&l->names.v[kept - 1], &l->names.v[i]) != 0)
			l->names.v[kept++] = l->names.v[i];
	}
	l->names.n = kept;
}

/* False as well when the command has to end: l->rc. */
static bool
matches(struct listing *l, struct str name)
{
	size_t i;

	for (i = 0; i < l->patterns.n && l->rc == RC_OK; i++) {
		l->rc = progress_check(l->s, &l->err);
		if (l->patterns.v[i] &&
		    list_pattern_matches(l->patterns.v[i], name))
			return true;
	}
	return false;
}

/* Each name tells its parents of itself. */
static void
mark_children(struct listing *l)
{
	size_t i, k;

	for (i = 0; i < l->names.n; i++) {
		const struct name *x = &l->names.v[i];
		bool is_told = x->is_subscribed && matches(l, x->name);

		for (k = 1; k < x->name.len; k++) {
			struct name *p = x->name.p[k] == '/'
			    ? find(l, l->names.n, str_slice(x->name, 0, k))
			    : NULL;

			if (!p)
				continue;
			p->has_children |= x->folder != NULL;
			p->has_subscribed_child |= x->is_subscribed;
			p->has_untold_child |= x->is_subscribed && !is_told;
		}
	}
}

/* Those that may be seen, as if their owners had not subscribed them. */
static enum rc
load_shared(struct listing *l, struct err *err)
{
	struct session *s = l->s;
	struct folder *v;
	size_t n, i;
	enum rc rc = rights_list_shared(s, s->command_arena, &v, &n, err);

	for (i = 0; rc == RC_OK && i < n; i++) {
		v[i].special_use = SPECIAL_NONE;
		if (!rights_is_owner(s, &v[i].owner) &&
		    rights_of(s, &v[i]) & RIGHT_LOOKUP)
			VEC_PUSH(s->command_arena, &l->names,
			    ((struct name){ .name = place_name(s, &v[i]),
				.folder = &v[i] }));
	}
	return rc;
}

/* A subscription to a folder of another user is a name beside it. */
static void
merge(struct listing *l)
{
	size_t i, n = 0;

	if (l->names.n)
		qsort(l->names.v, l->names.n, sizeof(*l->names.v), compare);
	for (i = 0; i < l->names.n; i++) {
		struct name *x = &l->names.v[i];

		if (n && compare(&l->names.v[n - 1], x) == 0) {
			if (x->folder)
				l->names.v[n - 1].folder = x->folder;
			l->names.v[n - 1].is_subscribed |= x->is_subscribed;
		} else {
			l->names.v[n++] = *x;
		}
	}
	l->names.n = n;
}

static void
load(struct listing *l)
{
	struct session *s = l->s;
	struct folder *v;
	size_t n, i;

	l->rc = folder_list(s->p->db, s->command_arena, &s->user->owner,
	    &v, &n, &l->err);
	if (l->rc != RC_OK)
		return;
	for (i = 0; i < n; i++)
		VEC_PUSH(s->command_arena, &l->names,
		    ((struct name){ .name = v[i].name,
			.folder = v[i].no_select ? NULL : &v[i],
			.is_subscribed = v[i].subscribed }));
	if (l->wants_shared)
		l->rc = load_shared(l, &l->err);
	if (l->rc != RC_OK)
		return;
	merge(l);
	add_parents(l);
	mark_children(l);
}

/* --- answers ------------------------------------------------------------------------ */

static void
add_attribute(struct buf *b, const char *attribute)
{
	if (b->len)
		buf_add_char(b, ' ');
	buf_add_cstr(b, attribute);
}

static bool
is_readable(const struct listing *l, const struct name *n)
{
	return n->folder && rights_of(l->s, n->folder) & RIGHT_READ;
}

static void
tell_status(struct listing *l, const struct name *n)
{
	struct err unused;

	if (l->status && is_readable(l, n))
		(void)status_tell(l->s, n->folder, l->status, &unused);
}

static void
tell(struct listing *l, const struct name *n, bool has_child_info)
{
	const char *special =
	    n->folder ? special_name(n->folder->special_use) : NULL;
	unsigned o = l->options;
	struct buf b = BUF_INIT;

	if (!n->folder)
		add_attribute(&b,
		    o & IS_EXTENDED || (l->s->is_rev2 && !(o & IS_LSUB))
			? "\\NonExistent"
			: "\\Noselect");
	else if (!is_readable(l, n))
		add_attribute(&b, "\\Noselect");
	if (o & (RETURN_SUBSCRIBED | SELECT_SUBSCRIBED) && n->is_subscribed)
		add_attribute(&b, "\\Subscribed");
	if (!(o & IS_LSUB))
		add_attribute(&b, n->has_children ? "\\HasChildren"
						  : "\\HasNoChildren");
	if (special && !(o & IS_LSUB))
		add_attribute(&b, special);
	writer_printf(l->s->writer, "* %s (%.*s) \"/\" ",
	    o & IS_LSUB ? "LSUB" : "LIST", STR_ARG(buf_str(&b)));
	chat_mailbox(l->s, n->name);
	writer_add_cstr(l->s->writer,
	    has_child_info ? " (CHILDINFO (\"SUBSCRIBED\"))\r\n" : "\r\n");
	buf_done(&b);
	if (o & RETURN_MYRIGHTS && n->folder)
		rights_tell(l->s, n->folder);
	tell_status(l, n);
}

/*
 * LSUB of "%" shows a parent whose child is subscribed (RFC 3501 6.3.9), LIST
 * with RECURSIVEMATCH likewise (RFC 5258 3.5); not when the child is told.
 */
static void
consider(struct listing *l, const struct name *n)
{
	unsigned o = l->options;
	bool child_info = o & SELECT_RECURSIVE && n->has_subscribed_child;

	if (!matches(l, n->name))
		return;
	if (o & SELECT_SPECIAL &&
	    (!n->folder || n->folder->special_use == SPECIAL_NONE))
		return;
	if (o & SELECT_SUBSCRIBED && !n->is_subscribed) {
		if (o & IS_LSUB && n->has_untold_child) {
			struct name parent = *n;

			parent.folder = NULL;
			tell(l, &parent, false);
			return;
		}
		if (!child_info || !n->has_untold_child)
			return;
	}
	if (!n->folder && !(o & SELECT_SUBSCRIBED) && !n->has_children)
		return;
	tell(l, n, child_info);
}

/* --- arguments -------------------------------------------------------------------------- */

static bool
add_select(struct listing *l, const struct arg *a)
{
	if (arg_is_atom(a, STR("SUBSCRIBED")))
		l->options |= SELECT_SUBSCRIBED;
	else if (arg_is_atom(a, STR("RECURSIVEMATCH")))
		l->options |= SELECT_RECURSIVE;
	else if (arg_is_atom(a, STR("SPECIAL-USE")))
		l->options |= SELECT_SPECIAL;
	else
		return arg_is_atom(a, STR("REMOTE"));
	return true;
}

static bool
take_select(struct listing *l, const struct arg *list)
{
	size_t i;

	l->options |= IS_EXTENDED;
	for (i = 0; i < list->n; i++) {
		if (!add_select(l, &list->v[i]))
			return false;
	}
	/* RECURSIVEMATCH by itself selects nothing (RFC 5258 3). */
	return !(l->options & SELECT_RECURSIVE) ||
	    l->options & (SELECT_SUBSCRIBED | SELECT_SPECIAL);
}

static bool
take_return(struct listing *l, const struct arg *list)
{
	size_t i;

	l->options |= IS_EXTENDED;
	for (i = 0; i < list->n; i++) {
		const struct arg *a = &list->v[i];

		if (arg_is_atom(a, STR("SUBSCRIBED")))
			l->options |= RETURN_SUBSCRIBED;
		else if (arg_is_atom(a, STR("CHILDREN")))
			l->options |= RETURN_CHILDREN;
		else if (arg_is_atom(a, STR("SPECIAL-USE")))
			l->options |= RETURN_SPECIAL;
		else if (arg_is_atom(a, STR("MYRIGHTS")))
			l->options |= RETURN_MYRIGHTS;
		else if (arg_is_atom(a, STR("STATUS")) && i + 1 < list->n &&
		    status_is_known(&list->v[i + 1]))
			l->status = &list->v[++i];
		else
			return false;
	}
	return true;
}

/* By what stands before its first wildcard. */
static bool
may_be_shared(struct str pattern)
{
	struct str others = STR(PLACE_OTHERS "/");
	size_t star = str_find_char(pattern, '*');
	size_t percent = str_find_char(pattern, '%');
	struct str head =
	    str_slice(pattern, 0, star < percent ? star : percent);

	return str_starts_with(others, head) || str_starts_with(head, others);
}

/* Reference and pattern joined, as UTF-8. */
static bool
add_pattern(struct listing *l, struct str reference, struct str pattern)
{
	struct arena *a = l->s->command_arena;
	struct str name;

	if (!command_decode(l->s, arena_join(a, reference, pattern), &name))
		return false;
	VEC_PUSH(a, &l->patterns, list_pattern_new(a, name));
	l->wants_shared |= may_be_shared(name);
	/* Each may take 32 KiB. */
	return !arena_is_over(a);
}

static bool
take_patterns(struct listing *l, struct str reference, const struct arg *a)
{
	size_t i;

	if (a->type != ARG_LIST)
		return add_pattern(l, reference, a->s);
	l->options |= IS_EXTENDED;
	for (i = 0; i < a->n; i++) {
		if (!arg_is_text(&a->v[i]) ||
		    !add_pattern(l, reference, a->v[i].s))
			return false;
	}
	return a->n > 0;
}

/* NULL, or what is wrong. */
static const char *
parse(struct listing *l, const struct read_command *c)
{
	const struct arg *v = c->text.args;
	size_t n = c->text.n, i = 0;

	if (v[0].type == ARG_LIST) {
		if (!take_select(l, &v[i++]))
			return "Unknown selection option";
	}
	if (i + 2 > n || !arg_is_text(&v[i]))
		return "A reference and a pattern are missing";
	if (!take_patterns(l, v[i].s, &v[i + 1]))
		return arena_is_over(l->s->command_arena) ? "Too many patterns"
							  : "Bad pattern";
	i += 2;
	if (i == n)
		return NULL;
	if (i + 2 != n || !arg_is_atom(&v[i], STR("RETURN")) ||
	    v[i + 1].type != ARG_LIST || !take_return(l, &v[i + 1]))
		return "Unknown return option";
	return NULL;
}

static bool
asks_for_delimiter(const struct read_command *c)
{
	const struct arg *v = c->text.args;

	return c->text.n == 2 && v[0].type != ARG_LIST && arg_is_text(&v[1]) &&
	    v[1].s.len == 0;
}

static void
list(struct session *s, const struct read_command *c, unsigned options)
{
	struct listing l = { .s = s, .options = options };
	const char *wrong;
	size_t i;

	if (asks_for_delimiter(c)) {
		chat_untagged(s, "%s (\\Noselect) \"/\" \"\"",
		    options & IS_LSUB ? "LSUB" : "LIST");
		command_done(s, true, "Done");
		return;
	}
	wrong = parse(&l, c);
	if (wrong) {
		chat_bad(s, wrong);
		return;
	}
	if (l.status)
		status_note_condstore(s, l.status);
	load(&l);
	for (i = 0; l.rc == RC_OK && i < l.names.n; i++)
		consider(&l, &l.names.v[i]);
	if (l.rc == RC_OK)
		command_done(s, true, "Done");
	else
		chat_failure(s, &l.err);
}

void
cmd_list(struct session *s, const struct read_command *c)
{
	list(s, c, 0);
}

void
cmd_lsub(struct session *s, const struct read_command *c)
{
	list(s, c, IS_LSUB | SELECT_SUBSCRIBED);
}
