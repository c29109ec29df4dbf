/*
 * What NOTIFY tells of mailboxes that are not selected: the difference of
 * two lists of an owner's folders. A folder keeps its id when it is renamed;
 * a name that has another id has another mailbox.
 */
#include "notify.h"

#include "imap/entry_name.h"
#include "place.h"
#include "special.h"
#include "view.h"

#include "base/banned.h"

/* A name before and now; NULL: nobody had it. */
struct pair {
	struct str name;
	const struct folder *old;
	const struct folder *now;
	const struct folder *from;  /* now's folder before, by its id */
	bool was_there;             /* as a mailbox, not only subscribed */
	bool is_there;
	bool is_same;               /* the same mailbox, under the same name */
	unsigned wanted;
};

/* --- looking things up ------------------------------------------------------------ */

static const struct folder *
find_id(const struct notify_folders *f, const struct oid *id)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (oid_equals(&f->v[i].id, id))
			return &f->v[i];
	}
	return NULL;
}

/* The first name that is not before this one. */
static size_t
lower_bound(const struct notify_folders *f, struct str name)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (str_compare(f->v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct folder *
find_name(const struct notify_folders *f, struct str name)
{
	size_t i = lower_bound(f, name);

	return i < f->n && str_equals(f->v[i].name, name) ? &f->v[i] : NULL;
}

static bool
has_children(const struct notify_diff *d, struct str name)
{
	struct str top = arena_join(d->s->command_arena, name, STR("/"));
	size_t i;

	for (i = lower_bound(d->now, top);
	     i < d->now->n && str_starts_with(d->now->v[i].name, top); i++) {
		if (!d->now->v[i].no_select)
			return true;
	}
	return false;
}

static bool
is_selected(const struct session *s, const struct folder *f)
{
	return s->view && oid_equals(&s->view->folder.id, &f->id);
}

/* --- what this session did itself -------------------------------------------------- */

static bool
is_at_or_below(struct str name, struct str top)
{
	return top.len && str_starts_with(name, top) &&
	    (name.len == top.len || name.p[top.len] == '/');
}

/* A command on a name moves what is below it and makes what is above. */
static bool
is_own(const struct notify_diff *d, unsigned event, struct str name)
{
	const struct notify_own *own = d->own;

	return own->events & event &&
	    (is_at_or_below(name, own->from) ||
		is_at_or_below(name, own->to) ||
		is_at_or_below(own->to, name));
}

static bool
is_own_entry(const struct notify_diff *d, const struct oid *folder,
    struct str entry)
{
	const struct notify_own *own = d->own;
	size_t i;

	for (i = 0; i < own->n_entries; i++) {
		if (oid_equals(folder, &own->folder) &&
		    str_equals(own->entries[i].name, entry))
			return true;
	}
	return false;
}

/* --- LIST -------------------------------------------------------------------------- */

static void
add_attribute(struct buf *b, const char *attribute)
{
	if (b->len)
		buf_add_char(b, ' ');
	buf_add_cstr(b, attribute);
}

/* There, but not to be read any more (5.9). */
static bool
is_hidden(const struct notify_diff *d, struct str name)
{
	size_t i;

	for (i = 0; i < d->now->n_hidden; i++) {
		if (str_equals(d->now->hidden[i], name))
			return true;
	}
	return false;
}

static void
tell_list(const struct notify_diff *d, const struct pair *p, bool is_renamed)
{
	struct session *s = d->s;
	struct buf b = BUF_INIT;
	const char *use = p->is_there && p->now
	    ? special_name(p->now->special_use)
	    : NULL;

	if (!p->is_there)
		add_attribute(&b, is_hidden(d, p->name) ? "\\NoAccess"
							: "\\NonExistent");
	if (p->now && p->now->subscribed)
		add_attribute(&b, "\\Subscribed");
	add_attribute(&b, has_children(d, p->name) ? "\\HasChildren"
						   : "\\HasNoChildren");
	if (use)
		add_attribute(&b, use);
	writer_printf(
	    s->writer, "* LIST (%.*s) \"/\" ", STR_ARG(buf_str(&b)));
	chat_mailbox(s, p->name);
	if (is_renamed) {
		writer_add_cstr(s->writer, " (\"OLDNAME\" (");
		chat_mailbox(s, p->from->name);
		writer_add_cstr(s->writer, "))");
	}
	writer_add_cstr(s->writer, "\r\n");
	buf_done(&b);
}

/* A mailbox whose parent moved the same way is not told of (5.4). */
static bool
moved_with_parent(const struct notify_diff *d, const struct pair *p)
{
	size_t cut = str_find_last_char(p->name, '/');
	const struct folder *parent, *was;
	struct str below;

	if (cut == p->name.len)
		return false;
	parent = find_name(d->now, str_slice(p->name, 0, cut));
	was = parent ? find_id(d->before, &parent->id) : NULL;
	below = str_tail(p->name, cut);
	return was && !str_equals(was->name, parent->name) &&
	    p->from->name.len == was->name.len + below.len &&
	    str_starts_with(p->from->name, was->name) &&
	    str_ends_with(p->from->name, below);
}

/* A new INBOX takes the place of the one that was renamed: no event (5.4). */
static bool
is_left_inbox(const struct notify_diff *d, const struct pair *p)
{
	return str_equals(p->name, STR("INBOX")) && p->was_there &&
	    find_id(d->now, &p->old->id);
}

/* One's own; a subscription to another user's folder is not. */
static bool
is_personal(const struct notify_diff *d, const struct folder *f)
{
	return uuid_equals(&f->owner, &d->s->user->owner) &&
	    !place_is_others(f->name);
}

static bool
tell_here(const struct notify_diff *d, const struct pair *p)
{
	unsigned wanted = p->wanted;
	bool is_renamed = p->from != NULL;

	if (is_renamed)
		wanted |= notify_events(d->spec, p->from->name,
		    p->from->subscribed, is_personal(d, p->from));
	if (!(wanted & NOTIFY_MAILBOX_NAME) ||
	    is_own(d, NOTIFY_MAILBOX_NAME, p->name))
		return false;
	if (is_renamed ? moved_with_parent(d, p) : is_left_inbox(d, p))
		return false;
	tell_list(d, p, is_renamed);
	return true;
}

/* What was renamed away is told of under its new name. */
static bool
tell_gone(const struct notify_diff *d, const struct pair *p)
{
	if (!(p->wanted & NOTIFY_MAILBOX_NAME) ||
	    is_own(d, NOTIFY_MAILBOX_NAME, p->name) ||
	    find_id(d->now, &p->old->id))
		return false;
	tell_list(d, p, false);
	return true;
}

static void
tell_name(const struct notify_diff *d, const struct pair *p)
{
	bool was = p->old && p->old->subscribed;
	bool is = p->now && p->now->subscribed;
	bool is_told = false;

	if (p->is_there && !p->is_same)
		is_told = tell_here(d, p);
	else if (p->was_there && !p->is_there)
		is_told = tell_gone(d, p);
	if (!is_told && was != is &&
	    p->wanted & NOTIFY_SUBSCRIPTION_CHANGE &&
	    !is_own(d, NOTIFY_SUBSCRIPTION_CHANGE, p->name))
		tell_list(d, p, false);
}

/* --- STATUS ------------------------------------------------------------------------ */

enum status_item {
	TELL_COUNTS = 1 << 0,
	TELL_VALIDITY = 1 << 1,
	TELL_MODSEQ = 1 << 2,
};

static void
tell_status(struct session *s, const struct folder *f, unsigned what)
{
	static const struct {
		unsigned what; /* 0: always */
		struct str name;
	} rows[] = {
		{ TELL_COUNTS, STR_INIT("MESSAGES") },
		{ TELL_COUNTS, STR_INIT("UIDNEXT") },
		{ TELL_VALIDITY, STR_INIT("UIDVALIDITY") },
		{ 0, STR_INIT("UNSEEN") },
		{ TELL_MODSEQ, STR_INIT("HIGHESTMODSEQ") },
	};
	struct arg v[sizeof(rows) / sizeof(*rows)];
	struct arg list = { .type = ARG_LIST, .v = v };
	struct folder named = *f;
	struct err unused;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].what && !(rows[i].what & what))
			continue;
		v[list.n++] = (struct arg){ .type = ARG_ATOM,
			.s = rows[i].name };
	}
	named.owner = s->user->owner; /* the name is the full one already */
	(void)status_tell(s, &named, &list, &unused);
}

/* All that any event asks for (3.1). */
void
notify_tell_status(
    struct session *s, const struct folder *f, unsigned events)
{
	unsigned what = TELL_COUNTS | TELL_VALIDITY;

	if (events & NOTIFY_FLAG_CHANGE || s->has_condstore)
		what |= TELL_MODSEQ;
	tell_status(s, f, what);
}

/* Appended by this very command, and nothing else happened there. */
static bool
are_own_messages(const struct notify_diff *d, const struct pair *p)
{
	size_t n = d->own->n_new;

	return n && oid_equals(&d->own->folder, &p->now->id) &&
	    p->now->uidnext - p->old->uidnext == n &&
	    p->now->exists - p->old->exists == n;
}

static void
tell_messages(const struct notify_diff *d, const struct pair *p)
{
	const struct folder *old = p->old, *now = p->now;
	unsigned modseq = d->s->has_condstore ? TELL_MODSEQ : 0;
	bool has_flags = p->wanted & NOTIFY_FLAG_CHANGE;

	if (!(p->wanted & NOTIFY_MESSAGE_EVENTS) || is_selected(d->s, now))
		return;
	if (!p->is_same) {
		/* A UIDVALIDITY that the client does not know (5.1). */
		if (p->was_there || p->from || now->exists || has_flags)
			notify_tell_status(d->s, now, p->wanted);
		return;
	}
	if (now->highestmodseq == old->highestmodseq)
		return;
	if (now->uidnext != old->uidnext || now->exists != old->exists) {
		if (has_flags || !are_own_messages(d, p))
			tell_status(d->s, now, TELL_COUNTS | modseq);
	} else if (has_flags && (modseq || now->unseen != old->unseen)) {
		tell_status(d->s, now, TELL_VALIDITY | modseq);
	}
}

/* --- METADATA ---------------------------------------------------------------------- */

struct entries {
	const struct notify_diff *d;
	const struct oid *folder;
	struct str mailbox;
	struct buf line;
};

static void
add_entry(struct entries *e, struct str name)
{
	if (is_own_entry(e->d, e->folder, name))
		return;
	buf_add_char(&e->line, ' ');
	entry_name_add(&e->line, name);
}

static void
tell_entries(struct entries *e)
{
	struct writer *w = e->d->s->writer;

	if (e->line.len) {
		writer_add_cstr(w, "* METADATA ");
		if (e->mailbox.len)
			chat_mailbox(e->d->s, e->mailbox);
		else
			chat_string(e->d->s, STR(""));
		writer_add_str(w, buf_str(&e->line));
		writer_add_cstr(w, "\r\n");
	}
	buf_done(&e->line);
}

static size_t
first_stamp(const struct notify_stamps *t, const struct oid *folder)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (oid_compare(&t->v[mid].folder, folder) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct annotation_stamp *
stamp_at(const struct notify_stamps *t, size_t i, const struct oid *folder)
{
	return i < t->n && oid_equals(&t->v[i].folder, folder) ? &t->v[i]
							       : NULL;
}

/* The entries of a folder, before and now, side by side. */
static void
compare_entries(struct entries *e)
{
	const struct notify_stamps *x = e->d->stamps_before;
	const struct notify_stamps *y = e->d->stamps_now;
	size_t i = first_stamp(x, e->folder), k = first_stamp(y, e->folder);

	for (;;) {
		const struct annotation_stamp *old = stamp_at(x, i, e->folder);
		const struct annotation_stamp *now = stamp_at(y, k, e->folder);
		int c;

		if (!old && !now)
			return;
		c = !old ? 1 : !now ? -1 : str_compare(old->name, now->name);
		if (c != 0 || !oid_equals(&old->stamp, &now->stamp))
			add_entry(e, c <= 0 ? old->name : now->name);
		i += c <= 0;
		k += c >= 0;
	}
}

static void
tell_metadata(const struct notify_diff *d, const struct pair *p)
{
	const struct folder *was = p->is_same ? p->old : p->from;
	struct entries e = { .d = d, .folder = &p->now->id,
		.mailbox = p->name, .line = BUF_INIT };

	if (!was || !(p->wanted & NOTIFY_MAILBOX_METADATA) ||
	    was->annotated == p->now->annotated)
		return;
	if (was->special_use != p->now->special_use)
		add_entry(&e, STR("/private/specialuse"));
	compare_entries(&e);
	tell_entries(&e);
}

static void
tell_server_metadata(const struct notify_diff *d)
{
	static const struct oid server;
	struct entries e = { .d = d, .folder = &server, .line = BUF_INIT };

	if (!(notify_all_events(d->spec) & NOTIFY_SERVER_METADATA))
		return;
	compare_entries(&e);
	tell_entries(&e);
}

/* --- all together -------------------------------------------------------------------- */

static void
tell_pair(const struct notify_diff *d, struct str name,
    const struct folder *old, const struct folder *now)
{
	struct pair p = { .name = name, .old = old, .now = now };

	p.was_there = old && !old->no_select;
	p.is_there = now && !now->no_select;
	p.is_same = p.was_there && p.is_there && oid_equals(&old->id, &now->id);
	if (p.is_there && !p.is_same)
		p.from = find_id(d->before, &now->id);
	p.wanted = notify_events(d->spec, p.name,
	    (old && old->subscribed) || (now && now->subscribed),
	    (!old || is_personal(d, old)) && (!now || is_personal(d, now)));
	tell_name(d, &p);
	if (!p.is_there)
		return;
	tell_messages(d, &p);
	tell_metadata(d, &p);
}

void
notify_tell(const struct notify_diff *d)
{
	const struct notify_folders *x = d->before, *y = d->now;
	size_t i = 0, k = 0;

	while (i < x->n || k < y->n) {
		int c = i == x->n ? 1
		    : k == y->n	  ? -1
				  : str_compare(x->v[i].name, y->v[k].name);

		tell_pair(d, c <= 0 ? x->v[i].name : y->v[k].name,
		    c <= 0 ? &x->v[i] : NULL, c >= 0 ? &y->v[k] : NULL);
		i += c <= 0;
		k += c >= 0;
	}
	tell_server_metadata(d);
}
