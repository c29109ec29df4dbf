/*
 * The wording of reports: built in, or from a file (`report.template`):
 *
 *	[failed]
 *	Subject: Undelivered mail
 *
 *	Your message could not be delivered ({queue}).
 *
 * Sections failed, delayed, delivered, relayed, expanded; what a file leaves
 * out stays as it is built in. {hostname}, {queue} and {sender} are replaced.
 */
#ifndef M3_MAIL_REPORT_TEXT_H
#define M3_MAIL_REPORT_TEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

enum report_action {
	REPORT_FAILED,
	REPORT_DELAYED,
	REPORT_DELIVERED,
	REPORT_RELAYED,  /* to a system that does not report itself */
	REPORT_EXPANDED,
	REPORT_ACTIONS
};

struct report_wording {
	struct str subject;   /* ASCII */
	struct str text;      /* UTF-8, lines with LF */
};

struct report_texts {
	struct report_wording v[REPORT_ACTIONS];
};

/* "failed", "delayed" ...: also the Action of RFC 3464 2.3.3. */
extern const char *const report_actions[REPORT_ACTIONS];

/* path "": the built-in ones. RC_PERM names file, line and what is wrong. */
enum rc report_texts_read(struct arena *a, struct str path,
    struct report_texts *ret_texts, struct err *err);

struct report_values {
	struct str hostname;
	struct str queue;
	struct str sender;
};

/* A text with its values, LF made CRLF. */
void report_text_add(
    struct buf *b, struct str text, const struct report_values *v);

#endif
