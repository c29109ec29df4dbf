/*
 * Where the name of a mailbox leads. One's own folders have their names, those
 * of others "Other Users/ADDRESS/NAME" (RFC 2342).
 */
#ifndef M3_CMD_IMAP_PLACE_H
#define M3_CMD_IMAP_PLACE_H

#include "chat.h"

#define PLACE_OTHERS "Other Users"

struct place {
	struct uuid owner;
	struct str address;  /* of the owner's mailbox */
	struct str name;     /* as its owner names it */
	struct str full;     /* as it was given, when is_void */
	bool is_other;
	bool is_void;        /* no such user; or a level above the folders */
};

/* INBOX in capitals. */
struct str place_inbox(struct arena *a, struct str name);
enum rc place_find(struct session *s, struct str mailbox, struct place *ret,
    struct err *err);
bool place_is_others(struct str mailbox); /* "Other Users", or below */
/* As the user names a folder. */
struct str place_name(struct session *s, const struct folder *f);
/* As the user names a place. */
struct str place_full_name(struct session *s, const struct place *p);
/* The right "k" on the nearest folder above. False: answered. */
bool place_may_create(struct session *s, const struct place *p);

#endif
