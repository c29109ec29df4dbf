/*
 * The arguments of NOTIFY (RFC 5465 8) and what they ask for. Names of
 * mailboxes are as the client wrote them: whoever knows its encoding
 * decodes them in place before notify_events is asked.
 */
#ifndef M3_IMAP_NOTIFY_H
#define M3_IMAP_NOTIFY_H

#include "imap/fetch_att.h"

enum notify_event {
	NOTIFY_MESSAGE_NEW         = 1 << 0,
	NOTIFY_MESSAGE_EXPUNGE     = 1 << 1,
	NOTIFY_FLAG_CHANGE         = 1 << 2,
	NOTIFY_MAILBOX_NAME        = 1 << 3,
	NOTIFY_SUBSCRIPTION_CHANGE = 1 << 4,
	NOTIFY_MAILBOX_METADATA    = 1 << 5,
	NOTIFY_SERVER_METADATA     = 1 << 6,

	NOTIFY_MESSAGE_EVENTS = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE |
	    NOTIFY_FLAG_CHANGE,
};

enum notify_filter {
	NOTIFY_SELECTED,         /* the selected mailbox, at once */
	NOTIFY_SELECTED_DELAYED, /* ... EXPUNGE with the next command */
	NOTIFY_INBOXES,          /* all that mail may be delivered to */
	NOTIFY_PERSONAL,
	NOTIFY_SUBSCRIBED,
	NOTIFY_SUBTREE,
	NOTIFY_MAILBOXES,
};

/* Events for mailboxes other than the selected one. */
struct notify_group {
	enum notify_filter filter;
	unsigned events;
	struct str *names;       /* of SUBTREE and MAILBOXES */
	size_t n_names;
};

/* All zero: NOTIFY NONE. */
struct notify_spec {
	bool wants_status;       /* STATUS before the answer */
	bool is_delayed;         /* SELECTED-DELAYED */
	unsigned selected;       /* events of the selected mailbox */
	struct fetch_atts atts;  /* of its MessageNew, perhaps none */
	const struct notify_group *groups;
	size_t n_groups;
};

enum notify_verdict {
	NOTIFY_OK,
	NOTIFY_BAD,              /* *ret_wrong says what */
	NOTIFY_BADEVENT,         /* an event that is not supported */
	NOTIFY_OVERFLOW,         /* more names than LIMIT_NOTIFY_NAMES */
};

/* "MessageNew MessageExpunge ...", for BADEVENT. */
extern const char notify_event_names[];

/* Everything in *ret is in the arena; it is written for NOTIFY_OK only. */
enum notify_verdict notify_parse(struct arena *a, const struct arg *v,
    size_t n, struct notify_spec *ret, const char **ret_wrong);

/*
 * What the groups want to hear of a name, decoded; is_personal: it is the
 * user's own. Groups add up (RFC 5465
 * 6); the selected mailbox's messages are not their business.
 */
unsigned notify_events(const struct notify_spec *s, struct str name,
    bool is_subscribed, bool is_personal);
/* ... of any name. */
unsigned notify_all_events(const struct notify_spec *s);

#endif
