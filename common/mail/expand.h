/*
 * Where mail for an alias ends: mailboxes, lists, other systems, and what is
 * refused. Found whole, level by level, before anything of it is used, so
 * that each of the aliases on the way is known to lead somewhere, or not.
 */
#ifndef M3_MAIL_EXPAND_H
#define M3_MAIL_EXPAND_H

#include "mail/rcpt.h"

enum expand_end {
	EXPAND_ENDS,   /* the leaves are where it ends */
	EXPAND_CIRCLE, /* it leads to nothing but itself */
	EXPAND_DEEP,   /* more than LIMIT_ALIAS_DEPTH aliases in a row */
	EXPAND_WIDE,   /* more than `max` leaves */
};

/* Who answers for an address: rcpt_decide, or a cache before it. */
typedef enum rc expand_decide(void *ctx, const struct address *to,
    struct rcpt_answer *ret_answer, struct err *err);

struct expand_question {
	expand_decide *decide;
	void *ctx;
	/* Where it starts; its destinations are `v`. No mailbox is one of the
	 * aliases of a circle: a filter may lead back to its own. */
	const struct mailbox *root;
	const struct str *v;
	size_t n;
	struct str path;     /* what it came through before */
	size_t max;          /* leaves */
	bool through_lists;  /* lists are followed as aliases are */
};

struct expand_leaf {
	struct str address;  /* printed */
	struct str path;     /* with the aliases on the way, root included */
	bool is_circle;      /* an alias that leads to nothing but itself */
	bool is_direct;      /* one of root's own destinations */
	bool is_unknown;     /* an address here that does not exist */
};

struct expansion {
	enum expand_end end;
	struct expand_leaf *v; /* each address once; EXPAND_ENDS only */
	size_t n;
	/* "a@x -> b@x -> a@x": one that has root in it, else, of an
	 * EXPAND_CIRCLE, one that it leads into; "" = none. */
	struct str circle;
};

/*
 * RC_TEMP: the directory cannot be read. A circle that has a way out is no
 * failure: mail for each of its aliases leaves by it.
 */
enum rc expand_address(struct arena *a, const struct expand_question *q,
    struct expansion *ret, struct err *err);

/* A path with one more alias: words between blanks, blanks within as "+20". */
struct str expand_path_add(struct arena *a, struct str path, struct str key);
bool expand_path_has(struct arena *a, struct str path, struct str key);
uint32_t expand_path_depth(struct str path);

#endif
