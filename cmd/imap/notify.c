/* NOTIFY in a session; see notify.h. */
#include "notify.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "db/acl.h"
#include "log/log.h"
#include "model/acl.h"
#include "net/doorbell.h"
#include "place.h"
#include "rights.h"
#include "view.h"

#include "base/banned.h"

struct notify {
	struct arena *a;
	struct notify_spec spec;
	struct doorbell *bell;       /* NULL: the poll does it */
	struct notify_folders now, spare;
	struct notify_stamps stamps, spare_stamps;
	struct notify_own own;       /* in the command's arena */
	bool is_due;
	int64_t poll_at_ms;
};

enum { METADATA = NOTIFY_MAILBOX_METADATA | NOTIFY_SERVER_METADATA };

/* --- the selected mailbox ------------------------------------------------------- */

bool
notify_wants_counts(const struct session *s)
{
	return !s->notify ||
	    s->notify->spec.selected & NOTIFY_MESSAGE_EXPUNGE;
}

bool
notify_wants_flags(const struct session *s)
{
	return !s->notify || s->notify->spec.selected & NOTIFY_FLAG_CHANGE;
}

bool
notify_wants_expunge_now(const struct session *s)
{
	return s->notify && !s->notify->spec.is_delayed &&
	    s->notify->spec.selected & NOTIFY_MESSAGE_EXPUNGE;
}

const struct fetch_atts *
notify_atts(const struct session *s)
{
	const struct fetch_atts *atts =
	    s->notify ? &s->notify->spec.atts : NULL;

	return atts && (atts->items || atts->n_sections) ? atts : NULL;
}

/* --- what is known of the others ------------------------------------------------ */

static struct folder *
find_folder(const struct notify_folders *f, const struct oid *id)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (oid_equals(&f->v[i].id, id))
			return &f->v[i];
	}
	return NULL;
}

/*
 * The client knows of the mailbox what it was told while it was selected;
 * what was held back comes as a STATUS.
 */
void
notify_unselected(struct session *s)
{
	struct view *v = s->view;
	struct folder *f = s->notify && v
	    ? find_folder(&s->notify->now, &v->folder.id)
	    : NULL;

	if (!f)
		return;
	f->exists = (uint32_t)v->n_announced;
	f->uidnext = v->folder.uidnext;
	f->unseen = v->folder.unseen;
	f->highestmodseq = view_is_told(v) ? v->modseq : 0;
	s->notify->is_due = true;
}

static int
compare_stamps(const void *x, const void *y)
{
	const struct annotation_stamp *a = x, *b = y;
	int c = oid_compare(&a->folder, &b->folder);

	return c ? c : str_compare(a->name, b->name);
}

/* Whether a group may cover a folder of another user. */
static bool
wants_others(const struct notify_spec *spec, const struct notify_folders *own)
{
	size_t i, k;

	for (i = 0; i < spec->n_groups; i++) {
		const struct notify_group *g = &spec->groups[i];

		for (k = 0; k < g->n_names; k++) {
			if (str_starts_with(g->names[k], STR(PLACE_OTHERS)))
				return true;
		}
		for (k = 0; g->filter == NOTIFY_SUBSCRIBED && k < own->n;
		     k++) {
			if (place_is_others(own->v[k].name))
				return true;
		}
	}
	return false;
}

/* By name; a subscription that a folder fulfils stands behind it. */
static int
compare_folders(const void *x, const void *y)
{
	const struct folder *a = x, *b = y;
	int c = str_compare(a->name, b->name);

	return c ? c : a->no_select - b->no_select;
}

static void
merge(struct notify_folders *f)
{
	size_t i, n = 0;

	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), compare_folders);
	for (i = 0; i < f->n; i++) {
		if (n && str_equals(f->v[n - 1].name, f->v[i].name))
			f->v[n - 1].subscribed |= f->v[i].subscribed;
		else
			f->v[n++] = f->v[i];
	}
	f->n = n;
}

/* What may be read of others joins one's own (RFC 4314, RFC 5465 5). */
static enum rc
add_others(struct session *s, struct notify_folders *f, struct err *err)
{
	VEC(struct folder) all = { 0 };
	VEC(struct str) hidden = { 0 };
	struct folder *v;
	size_t n, i;
	enum rc rc = rights_list_shared(s, f->a, &v, &n, err);

	if (rc != RC_OK)
		return rc;
	for (i = 0; i < f->n; i++)
		VEC_PUSH(f->a, &all, f->v[i]);
	for (i = 0; i < n; i++) {
		unsigned rights = rights_of(s, &v[i]);
		struct folder x = v[i];

		if (rights_is_owner(s, &x.owner) || !(rights & RIGHT_LOOKUP))
			continue;
		x.name = arena_dup_str(f->a, place_name(s, &v[i]));
		x.special_use = SPECIAL_NONE;
		x.subscribed = false;
		if (rights & RIGHT_READ)
			VEC_PUSH(f->a, &all, x);
		else
			VEC_PUSH(f->a, &hidden, x.name);
	}
	f->v = all.v;
	f->n = all.n;
	f->hidden = hidden.v;
	f->n_hidden = hidden.n;
	merge(f);
	return RC_OK;
}

static enum rc
read_folders(struct session *s, const struct notify_spec *spec,
    struct notify_folders *f, struct err *err)
{
	enum rc rc;

	if (!f->a)
		f->a = arena_new();
	arena_reset(f->a);
	f->n = f->n_hidden = 0;
	rc = folder_list(
	    s->p->db, f->a, &s->user->owner, &f->v, &f->n, err);
	return rc == RC_OK && wants_others(spec, f) ? add_others(s, f, err)
						    : rc;
}

/* Rings for owners whose folders are among them; a new one: look again. */
static void
listen(struct session *s, struct notify *n)
{
	struct str dir = config_str(s->config, CFG_RUNTIME_DIR);
	size_t i;

	for (i = 0; n->bell && i < n->now.n; i++) {
		if (!rights_is_owner(s, &n->now.v[i].owner))
			n->is_due |= !doorbell_also(
			    n->bell, dir, &n->now.v[i].owner);
	}
}

bool
notify_listen(struct session *s)
{
	struct notify *n = s->notify;

	if (n->bell && s->view &&
	    !rights_is_owner(s, &s->view->folder.owner))
		n->is_due |= !doorbell_also(n->bell,
		    config_str(s->config, CFG_RUNTIME_DIR),
		    &s->view->folder.owner);
	return n->is_due;
}

/* The owners of the folders, each once; others up to a limit. */
static size_t
list_owners(const struct session *s, const struct notify_folders *f,
    const struct uuid **ret_v)
{
	size_t i, k, n = 0;

	ret_v[n++] = &s->user->owner;
	for (i = 0; i < f->n && n < LIMIT_DOORBELL_OWNERS; i++) {
		for (k = 0; k < n; k++) {
			if (uuid_equals(ret_v[k], &f->v[i].owner))
				break;
		}
		if (k == n)
			ret_v[n++] = &f->v[i].owner;
	}
	return n;
}

static enum rc
read_stamps(struct session *s, const struct notify_folders *f,
    struct notify_stamps *t, struct err *err)
{
	const struct uuid *owners[LIMIT_DOORBELL_OWNERS];
	VEC(struct annotation_stamp) all = { 0 };
	struct annotation_stamp *v;
	size_t n_owners = list_owners(s, f, owners), n, i, k;
	enum rc rc = RC_OK;

	if (!t->a)
		t->a = arena_new();
	arena_reset(t->a);
	t->n = 0;
	for (i = 0; rc == RC_OK && i < n_owners; i++) {
		rc = annotation_stamps(s->p->db, t->a, owners[i],
		    i ? &s->user->owner : NULL, &v, &n, err);
		for (k = 0; rc == RC_OK && k < n; k++)
			VEC_PUSH(t->a, &all, v[k]);
	}
	if (rc == RC_OK && all.n)
		qsort(all.v, all.n, sizeof(*all.v), compare_stamps);
	t->v = all.v;
	t->n = rc == RC_OK ? all.n : 0;
	return rc;
}

static uint64_t
annotated(const struct notify_folders *f)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < f->n; i++)
		sum += f->v[i].annotated;
	return sum;
}

/* The server's have no counter: they are read whenever they are wanted. */
static bool
needs_stamps(const struct notify *n, const struct notify_folders *now)
{
	unsigned events = notify_all_events(&n->spec);

	return events & NOTIFY_SERVER_METADATA ||
	    (events & NOTIFY_MAILBOX_METADATA &&
		annotated(now) != annotated(&n->now));
}

static bool
is_too_much(const struct session *s, size_t n)
{
	return n > (size_t)config_int(s->config, CFG_IMAP_NOTIFY_MAXIMUM);
}

/* --- the beginning and the end -------------------------------------------------- */

static enum rc
take_stock(struct session *s, struct notify *n, struct err *err)
{
	enum rc rc;

	if (n->spec.n_groups == 0)
		return RC_OK;
	rc = read_folders(s, &n->spec, &n->now, err);
	if (rc == RC_OK && is_too_much(s, n->now.n))
		return err_set(err, RC_PERM, "", "too many mailboxes");
	if (rc == RC_OK && notify_all_events(&n->spec) & METADATA)
		rc = read_stamps(s, &n->now, &n->stamps, err);
	return rc;
}

static void
tell_stock(struct session *s, const struct notify *n)
{
	size_t i;

	for (i = 0; n->spec.wants_status && i < n->now.n; i++) {
		const struct folder *f = &n->now.v[i];
		unsigned events = notify_events(&n->spec, f->name,
		    f->subscribed, rights_is_owner(s, &f->owner));

		if (events & NOTIFY_MESSAGE_EVENTS && !f->no_select &&
		    !(s->view && oid_equals(&s->view->folder.id, &f->id)))
			notify_tell_status(s, f, events);
	}
}

/* What may not be read is not watched (3.1). */
static void
tell_hidden(struct session *s, const struct notify *n)
{
	size_t i;

	for (i = 0; i < n->now.n_hidden; i++) {
		if (!notify_events(
			&n->spec, n->now.hidden[i], false, false))
			continue;
		writer_add_cstr(s->writer, "* LIST (\\NoAccess) \"/\" ");
		chat_mailbox(s, n->now.hidden[i]);
		writer_add_cstr(s->writer, "\r\n");
	}
}

static void
plan_poll(const struct session *s, struct notify *n)
{
	n->poll_at_ms =
	    clock_deadline(config_int(s->config, CFG_IMAP_IDLE_POLL));
}

/* First the doorbell, then the look: nothing falls between. */
enum rc
notify_begin(struct session *s, struct arena *a,
    const struct notify_spec *spec, struct err *err)
{
	struct notify *n = mem_alloc(sizeof(*n));
	struct err unused;
	enum rc rc;

	n->a = a;
	n->spec = *spec;
	if (spec->selected || spec->n_groups)
		(void)doorbell_open_owner(
		    config_str(s->config, CFG_RUNTIME_DIR), &s->user->owner,
		    &n->bell, &unused);
	rc = take_stock(s, n, err);
	if (rc != RC_OK) {
		notify_free(n);
		return rc;
	}
	plan_poll(s, n);
	notify_free(s->notify);
	s->notify = n;
	listen(s, n);
	tell_hidden(s, n);
	tell_stock(s, n);
	return RC_OK;
}

void
notify_free(struct notify *n)
{
	if (!n)
		return;
	doorbell_close(n->bell);
	arena_free(n->now.a);
	arena_free(n->spare.a);
	arena_free(n->stamps.a);
	arena_free(n->spare_stamps.a);
	arena_free(n->a);
	mem_free(n);
}

/* As if NOTIFY NONE had come (RFC 5465 5.8). */
static void
overflow(struct session *s)
{
	struct notify *n = s->notify;

	log_begin(LOG_AT_NOTE, "notify-overflow");
	log_num("folders", (int64_t)n->now.n);
	log_end();
	chat_untagged(s, "OK [NOTIFICATIONOVERFLOW] Too many mailboxes");
	n->spec = (struct notify_spec){ .wants_status = false };
	doorbell_close(n->bell);
	n->bell = NULL;
}

/* --- looking -------------------------------------------------------------------- */

bool
notify_is_waiting(const struct session *s)
{
	return s->notify &&
	    (s->notify->spec.n_groups ||
		(s->view && s->notify->spec.selected));
}

struct doorbell *
notify_bell(const struct session *s)
{
	return s->notify ? s->notify->bell : NULL;
}

void
notify_own(struct session *s, const struct notify_own *own)
{
	if (s->notify)
		s->notify->own = *own;
}

static void
keep_stamps(struct notify *n)
{
	struct notify_stamps old = n->stamps;

	n->stamps = n->spare_stamps;
	n->spare_stamps = old;
}

/* What was known stays known until the new state was read whole. */
static enum rc
look(struct session *s, struct notify *n, struct err *err)
{
	struct notify_folders before;
	struct notify_diff d = { .s = s, .spec = &n->spec, .own = &n->own,
		.before = &before, .now = &n->now,
		.stamps_before = &n->stamps, .stamps_now = &n->stamps };
	enum rc rc = read_folders(s, &n->spec, &n->spare, err);
	bool has_stamps = rc == RC_OK && needs_stamps(n, &n->spare);

	if (has_stamps)
		rc = read_stamps(s, &n->spare, &n->spare_stamps, err);
	if (rc != RC_OK)
		return rc;
	before = n->now;
	n->now = n->spare;
	n->spare = before;
	if (is_too_much(s, n->now.n)) {
		overflow(s);
		return RC_OK;
	}
	if (has_stamps)
		d.stamps_now = &n->spare_stamps;
	notify_tell(&d);
	if (has_stamps)
		keep_stamps(n);
	listen(s, n);
	return RC_OK;
}

static bool
has_rung(struct notify *n)
{
	uint64_t unused;

	return n->bell && doorbell_read(n->bell, &unused);
}

enum rc
notify_sync(
    struct session *s, bool may_expunge, bool is_due, struct err *err)
{
	struct notify *n = s->notify;
	enum rc rc;

	/* has_rung takes the ring away: it is asked in any case. */
	is_due = has_rung(n) || is_due || n->is_due || n->own.events ||
	    clock_mono_ms() >= n->poll_at_ms;
	n->is_due = false;
	rc = s->view ? view_sync(s, may_expunge, err) : RC_OK;
	if (rc == RC_OK && is_due && n->spec.n_groups &&
	    s->state != STATE_LOGOUT)
		rc = look(s, n, err);
	if (is_due)
		plan_poll(s, n);
	n->is_due |= is_due && rc != RC_OK;
	n->own = (struct notify_own){ .events = 0 };
	return rc;
}
