/* The only writer of replies (RFC 5321 4.2, RFC 2034). */
#ifndef M3_CMD_SMTP_CHAT_H
#define M3_CMD_SMTP_CHAT_H

#include "session.h"

/*
 * One reply. status "" leaves the enhanced code out; it is also left out
 * before EHLO. Control characters in the text become '?'. Nothing is sent
 * before chat_flush or the next wait for input, so that pipelined commands
 * are answered in one write.
 */
void chat_reply(struct session *s, int code, const char *status,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A line of a reply that goes on: "250-text". */
void chat_line(struct session *s, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A reply with which the session ends. */
void chat_close(struct session *s, int code, const char *status,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* 451: the database is away, logged. RC_PERM: a limit, 421. */
void chat_temporary(struct session *s, const struct err *err);
void chat_flush(struct session *s);

#endif
