/* Special uses by name (RFC 6154, RFC 8457), and STATUS for LIST. */
#ifndef M3_CMD_IMAP_SPECIAL_H
#define M3_CMD_IMAP_SPECIAL_H

#include "chat.h"

/* "\\Sent"; NULL for SPECIAL_NONE. */
const char *special_name(enum special_use use);
enum special_use special_of(struct str name);
/* One that a mailbox can be given. */
bool special_is_settable(enum special_use use);
/* A list of items, each one that STATUS knows. */
bool status_is_known(const struct arg *items);
/* A client that asks for HIGHESTMODSEQ has CONDSTORE on (RFC 7162 3.1). */
void status_note_condstore(struct session *s, const struct arg *items);
/* "* STATUS name (...)"; RC_PERM: an unknown item. */
enum rc status_tell(struct session *s, const struct folder *f,
    const struct arg *items, struct err *err);

#endif
