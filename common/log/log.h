/*
 * One line an event: key=value fields, to the journal with its priority when
 * standard error is connected to it, else to standard error. Values are
 * escaped: no field can forge another line or field. No message bodies, no
 * secrets. Code below mail/ does not log.
 *
 *	log_begin(LOG_AT_INFO, "accepted");
 *	log_str("queue", id);
 *	log_num("size", n);
 *	log_end();
 */
#ifndef M3_LOG_LOG_H
#define M3_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum log_level {
	LOG_AT_ERROR = 3,
	LOG_AT_WARN  = 4,
	LOG_AT_NOTE  = 5,
	LOG_AT_INFO  = 6,
	LOG_AT_DEBUG = 7,
};

/*
 * inetd and xinetd make the client's socket standard error as well: what is
 * written there would reach the client. Then standard error becomes
 * /dev/null, and the log goes to syslog (facility mail). Call first of all.
 */
void log_guard_stderr(const char *name);
/* "name: text" for a program that refuses to start. */
void log_complain(const char *name, const char *text);
/*
 * name: "m3mta-smtp". Detects $JOURNAL_STREAM. Lines over `level` are
 * dropped. Call once; safe to inherit by fork.
 */
void log_open(const char *name, enum log_level level, bool use_journal);
/*
 * Fields that every later line carries until changed: the session's id (16
 * hexadecimal digits made by log_new_session) and peer. Empty clears.
 */
void log_set_session(struct str session, struct str peer);
/* A new id for a session or a run; the digits lie in text. */
struct str log_new_session(char text[16]);
struct str log_session(void);

void log_begin(enum log_level level, const char *event);
void log_str(const char *key, struct str value);
void log_cstr(const char *key, const char *value);
void log_num(const char *key, int64_t value);
/* rc=temporary|permanent|bug code= text= */
void log_err(const struct err *err);
void log_end(void);
/* An event that is only an error: begin, err, end. */
void log_failure(const char *event, const struct err *err);

#endif
