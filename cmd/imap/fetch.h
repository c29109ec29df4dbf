/* A FETCH under way: the command, and the answers for a batch of messages. */
#ifndef M3_CMD_IMAP_FETCH_H
#define M3_CMD_IMAP_FETCH_H

#include "commands.h"

#include "db/blob.h"
#include "imap/fetch_att.h"
#include "model/facts.h"

/* One message of a batch. */
struct target {
	size_t index;             /* in the view */
	bool is_there;            /* its document was found */
	struct message m;
	struct facts facts;
	bool has_facts;
};

/* A piece of the answer. */
struct piece {
	struct str text;          /* before the octets of the range */
	bool has_range;
	struct blob_range range;
	/* Octets that are changed on their way are gathered first. */
	const struct section *section;
	struct str head;          /* prefix octets that belong to them */
	struct str encoding;
};

struct fetch {
	struct session *s;
	struct fetch_atts atts;
	struct str set;           /* as it was given */
	struct selection sel;
	uint64_t changed_since;
	bool has_changed_since;
	bool wants_vanished;      /* ... and what was expunged since then */
	unsigned fields;          /* of the messages documents */
	struct arena *a;          /* of one batch */
	struct target *targets;
	size_t n_targets;
	VEC(struct piece) pieces;
	struct buf text;          /* of the piece being made */
	struct buf gathered;
	size_t at;                /* piece that is being written */
	bool has_missing;
	bool has_unknown_cte;
};

/*
 * Answers for n messages, by their places in the view: one query for facts,
 * few for octets. After a failure an answer may be cut in its middle when
 * pieces were being written (at < pieces.n).
 */
enum rc fetch_batch(
    struct fetch *f, const uint32_t *v, size_t n, struct err *err);

#endif
