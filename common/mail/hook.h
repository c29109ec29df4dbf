/*
 * Hooks: programs that m3mta-smtp asks at its stages, by the protocol of
 * Postfix's policy servers (name=value lines, an empty line; the answer is
 * action=..., an empty line; access(5) has the actions), so that those run
 * here as they are. One
 * process a hook and session, started when it is first asked.
 */
#ifndef M3_MAIL_HOOK_H
#define M3_MAIL_HOOK_H

#include "base/buf.h"
#include "base/mem.h"
#include "model/config.h"

struct hooks;

enum hook_action {
	HOOK_PASS,       /* DUNNO, OK */
	HOOK_REPLY,      /* code, status, text: 4xx or 5xx */
	HOOK_HEADER,     /* PREPEND: text is a field, without its line end */
	HOOK_HOLD,
	HOOK_DISCARD,
	HOOK_REDIRECT,   /* text is the address for all recipients */
	HOOK_IF_PERMIT,  /* the reply, unless a later hook refuses */
	HOOK_IF_REJECT,  /* the reply instead of a later hook's 5xx */
};

struct hook_answer {
	enum hook_action action;
	int code;
	struct str status;
	struct str text;
};

struct hooks *hooks_new(struct arena *a, const struct config *c);
/* One of the list is for this stage ("rcpt"). */
bool hooks_have(const struct hooks *h, const char *stage);
/*
 * Asks the hook with this number (from 0) when it is for the stage.
 * attributes: "name=value" lines, each with LF. A hook that does not answer
 * is a 451, or passes, by its `fails`. The answer's texts are in a.
 */
struct hook_answer hooks_ask(struct hooks *h, struct arena *a, size_t i,
    const char *stage, struct str attributes);
size_t hooks_count(const struct hooks *h);
void hooks_free(struct hooks *h); /* ends the programs; NULL is accepted */

/* An attribute line; control characters of the value become '?'. */
void hook_add(struct buf *b, const char *name, struct str value);
/* The lines of an answer, for tests and fuzzers. False: not understood. */
bool hook_parse_answer(
    struct arena *a, struct str text, struct hook_answer *ret_answer);

#endif
