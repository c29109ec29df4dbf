/*
 * What becomes of a recipient: the decision of RCPT in the order of 2013,
 * asked again by the mda at each attempt.
 */
#ifndef M3_MAIL_RCPT_H
#define M3_MAIL_RCPT_H

#include "db/directory.h"
#include "model/config.h"

enum rcpt_verdict {
	RCPT_LOCAL,        /* mailbox or catch-all mailbox */
	RCPT_EXPAND,       /* alias or list */
	RCPT_RELAY,        /* not ours, and allowed */
	RCPT_BACKUP,       /* we are backup MX */
	RCPT_ROUTE,        /* the domain has a fixed route */
	RCPT_UNKNOWN,      /* 550 5.1.1 */
	RCPT_DISABLED,     /* 550 5.2.1 */
	RCPT_FULL,         /* 452 4.2.2 or 552 5.2.2 */
	RCPT_REFUSED,      /* 550 5.7.1: relaying denied */
	RCPT_NO_POSTMASTER, /* ours, but nobody is set up to read it: accepted */
};

struct rcpt_question {
	struct address to;
	uint64_t size;            /* declared or real, 0 = not known */
	struct str peer;          /* address of the client; "" = mda */
	const struct mailbox *login; /* NULL = not authenticated */
	bool is_delivery;         /* asked by the mda: relaying is allowed */
	bool is_whole;            /* all destinations are wanted */
};

struct rcpt_answer {
	enum rcpt_verdict verdict;
	struct domain *domain;    /* NULL: not ours */
	struct mailbox *mailbox;  /* LOCAL, EXPAND, FULL, DISABLED */
};

/*
 * A destination as the directory has it: printed, or, of older days, as a
 * key, which has no quotes. In the arena. False: it is no address.
 */
bool rcpt_parse_stored(
    struct arena *a, struct str text, struct address *ret_address);

enum { RCPT_KEYS = 3 };

/*
 * Under what an address is looked up, the first that exists counts: exact,
 * without its tag, the catch-all. In the arena; how many.
 */
size_t rcpt_keys(struct arena *a, const struct config *c,
    const struct address *to, struct str keys[RCPT_KEYS]);

/*
 * One or two round trips, and for an alias at RCPT those of its first
 * destination that exists. RC_TEMP: the database is away.
 */
enum rc rcpt_decide(struct db *db, struct arena *a, const struct config *c,
    const struct rcpt_question *q, struct rcpt_answer *ret_answer,
    struct err *err);

/* smtp.relay.networks has this address. */
bool rcpt_is_relay_network(const struct config *c, struct str peer);
/*
 * May this client send to other systems? login: or NULL. Only smtp asks, with
 * its own configuration; others find the answer in the queue document.
 */
bool rcpt_may_relay(
    const struct config *c, const struct mailbox *login, struct str peer);

#endif
