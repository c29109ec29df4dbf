/*
 * NOTIFY (RFC 5465) in a session. Until its first NOTIFY a client hears of
 * its selected mailbox with each command; from then on of what it asked
 * for, also while no command runs.
 *
 * What happens elsewhere is found by comparing: the session keeps the
 * counters of all folders of its user, and reads them again (one query)
 * when its doorbell rings or a poll is due. Nothing is held in between.
 */
#ifndef M3_CMD_IMAP_NOTIFY_H
#define M3_CMD_IMAP_NOTIFY_H

#include "chat.h"
#include "db/annotations.h"
#include "imap/notify.h"

struct notify;
struct doorbell;

/*
 * From now on this; spec lies in the arena, which is taken over. Tells
 * STATUS when spec asks for it. RC_PERM: more folders than are watched,
 * and nothing changed.
 */
enum rc notify_begin(struct session *s, struct arena *a,
    const struct notify_spec *spec, struct err *err);
void notify_free(struct notify *n); /* NULL is accepted */

/* --- the selected mailbox --------------------------------------------------- */

/* Whether its counts (EXISTS, EXPUNGE) and its flags are told at all. */
bool notify_wants_counts(const struct session *s);
bool notify_wants_flags(const struct session *s);
/* EXPUNGE also while no command runs. */
bool notify_wants_expunge_now(const struct session *s);
/* What is told of new messages, or NULL. */
const struct fetch_atts *notify_atts(const struct session *s);
/* It is not selected any more; called while s->view is still there. */
void notify_unselected(struct session *s);

/* --- all others ------------------------------------------------------------- */

/* Whether there is anything that may have to be told at any time. */
bool notify_is_waiting(const struct session *s);
struct doorbell *notify_bell(const struct session *s);
/* Hears the selected folder's owner. True: look now, it is new. */
bool notify_listen(struct session *s);

/* What the running command did itself: the client is not told of it. */
struct notify_own {
	unsigned events;            /* enum notify_event */
	struct str from;            /* name that was, or "" */
	struct str to;              /* name that is now, or "" */
	struct oid folder;          /* of n_new messages and of entries */
	size_t n_new;
	const struct annotation *entries;
	size_t n_entries;
};
void notify_own(struct session *s, const struct notify_own *own);

/*
 * Looks at the selected mailbox, and at the others when somebody rang, this
 * command did something there, or is_due; tells what is wanted.
 */
enum rc notify_sync(
    struct session *s, bool may_expunge, bool is_due, struct err *err);

/* --- of notify.c and notify_diff.c ------------------------------------------ */

/* Folders sorted by name. */
struct notify_folders {
	struct arena *a;
	struct folder *v;       /* others' under their full names */
	size_t n;
	struct str *hidden;     /* others' that may be seen and not read */
	size_t n_hidden;
};

/* Annotations sorted by folder and name. */
struct notify_stamps {
	struct arena *a;
	struct annotation_stamp *v;
	size_t n;
};

struct notify_diff {
	struct session *s;
	const struct notify_spec *spec;
	const struct notify_own *own;
	const struct notify_folders *before;
	const struct notify_folders *now;
	const struct notify_stamps *stamps_before;
	const struct notify_stamps *stamps_now;
};

/* Tells what differs and is wanted. */
void notify_tell(const struct notify_diff *d);
/* "* STATUS name (...)" for a folder of SET STATUS. */
void notify_tell_status(
    struct session *s, const struct folder *f, unsigned events);

#endif
