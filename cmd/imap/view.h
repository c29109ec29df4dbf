/*
 * The selected mailbox as this client sees it: sequence numbers, and what
 * others changed. Sequence numbers move only in view_sync, and only when
 * the command allows it (RFC 3501 5.5, 7.4.1).
 */
#ifndef M3_CMD_IMAP_VIEW_H
#define M3_CMD_IMAP_VIEW_H

#include "chat.h"

struct view *view_new(const struct folder *f);
void view_free(struct view *v);

/* Not by EXAMINE, and with a right to change something. */
bool view_is_writable(const struct view *v);
/* The folder's modseq now, 0 when it is gone; and view_check_rights. */
enum rc view_poll(struct session *s, uint64_t *ret_modseq, struct err *err);
/*
 * Reads the rights of a mailbox of another user again and tells what that
 * changes; when it can no longer be read the session ends with BYE.
 */
enum rc view_check_rights(struct session *s, struct err *err);
/* Loads the map if it was not needed before. */
enum rc view_load(struct session *s, struct err *err);
/* Looks for changes and remembers them; view_tell tells. */
enum rc view_update(struct session *s, struct err *err);
/*
 * Looks for changes and tells them: FLAGS, EXPUNGE or VANISHED when
 * allowed, EXISTS, RECENT, FETCH. A folder that was deleted ends the
 * session with BYE.
 */
enum rc view_sync(struct session *s, bool may_expunge, struct err *err);
/* Only tells what is known already. */
void view_tell(struct session *s, bool may_expunge);
/* Nothing is known that was not told. */
bool view_is_told(struct view *v);
/*
 * Up to which modseq the client knows all, expunges included. What it may
 * take for its cache, whatever higher ones its FETCH answers had (RFC 7162 6).
 */
uint64_t view_told_modseq(struct view *v);
/*
 * What a tagged answer says as HIGHESTMODSEQ: when something waits untold,
 * and once when it was told. 0: nothing.
 */
uint64_t view_take_owed_modseq(struct session *s);
/* Flags of a message changed and the client was not told. */
void view_mark_dirty(struct view *v, size_t index);

/* --- \Recent (view_recent.c) ---------------------------------------------- */

/*
 * Takes what no other session was told as \Recent, of what this one knows;
 * EXAMINE takes nothing, and shows what nobody took.
 */
enum rc view_take_recent(struct session *s, struct err *err);
bool view_is_recent(const struct view *v, uint32_t uid);
/* Of those the client knows; exact once the map is loaded. */
uint32_t view_count_recent(const struct view *v);
/*
 * The running command appended these to the folder, if it is the selected
 * one: NOTIFY does not FETCH what the client made itself.
 */
void view_note_own(struct session *s, const struct oid *folder,
    uint32_t first_uid, size_t n);

/* --- selections ------------------------------------------------------------ */

/* Indices into view->v, rising. */
struct selection {
	uint32_t *v;
	size_t n;
	bool has_gone;    /* the set also named what is gone */
	bool is_by_uid;   /* uids, or "$": what is gone counts as not named */
};

/*
 * What a set names, by sequence numbers or (is_uid) uids, without those that
 * are gone unless with_gone. NULL, or what is wrong with the set.
 */
const char *view_select(struct session *s, const struct arg *set,
    bool is_uid, bool with_gone, struct selection *ret);
/* "$", the uids of SEARCH RETURN (SAVE): a resolved set. */
struct seqset view_saved(struct session *s);
struct uid_set view_uids(
    struct session *s, const struct selection *sel);

/* The index of a uid, or SIZE_MAX. */
size_t view_find(const struct view *v, uint32_t uid);

/* "(\Seen $Work)" */
void view_add_flags(
    struct buf *b, const struct view *v, const struct seen *m);
/* "* FLAGS (...)" and, in SELECT, PERMANENTFLAGS. */
void view_tell_flags(struct session *s, bool permanent);
/* view_tell_flags, when there are keywords that the client has not heard. */
void view_tell_keywords(struct session *s);
/* "* n FETCH (", or "* uid UIDFETCH (" for a client without numbers. */
void view_add_fetch(struct buf *b, const struct session *s, size_t index);
/* "* n FETCH (UID ... FLAGS ... MODSEQ ...)" */
void view_tell_fetch(struct session *s, size_t index, bool with_uid);

/* A set of uids as "1:3,5", for COPYUID and VANISHED. */
void view_add_uid_list(struct buf *b, const uint32_t *v, size_t n);

#endif
