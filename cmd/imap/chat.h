/* The only writer of answers (RFC 3501 7). */
#ifndef M3_CMD_IMAP_CHAT_H
#define M3_CMD_IMAP_CHAT_H

#include "session.h"

/* "tag OK text", tagged with the running command's tag. */
void chat_ok(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void chat_no(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts; too many end the session with BYE. */
void chat_bad(struct session *s, const char *text);
/* "* text" */
void chat_untagged(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "* BYE text", and the end. */
void chat_bye(struct session *s, const char *text);
/* NO for a failure of the database layer: by its code. Logged. */
void chat_failure(struct session *s, const struct err *err);
/* "+ text", flushed. */
void chat_continue(struct session *s, const char *text);
void chat_flush(struct session *s);
/* A string of any octets: quoted or a literal. */
void chat_string(struct session *s, struct str text);
/* A mailbox name as astring: modified UTF-7, or UTF-8 when enabled. */
void chat_mailbox(struct session *s, struct str name);

#endif
