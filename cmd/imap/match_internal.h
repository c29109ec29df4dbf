/* What match.c and match_text.c share; nobody else includes this. */
#ifndef M3_CMD_IMAP_MATCH_INTERNAL_H
#define M3_CMD_IMAP_MATCH_INTERNAL_H

#include "match.h"
#include "model/facts.h"

/* UNREAD: OPEN, and its document was not seen yet. */
enum truth { NO, YES, OPEN, UNREAD };

/* What is known of the message that is being judged. */
struct subject {
	size_t index;
	const struct seen *m;
	bool has_document;     /* blob, prefix and index were read */
	struct str prefix;
	struct str grams;      /* the index, mime/grams.h; STR_NONE */
	bool has_envelope;
	struct facts_envelope envelope;
	bool has_octets;       /* header and text parts may be read */
	struct str header;     /* prefix and header; not when has_octets is
	                        * false */
	const struct facts *facts;
	struct oid blob;
	struct str octets;     /* of the blob, from its start: what was read */
};

struct match {
	struct session *s;
	const struct view *view;
	const struct search_key *root;
	unsigned needs;
	bool has_index;        /* messages may have one */
	struct arena *a;       /* of one message */
	struct arena *scratch; /* of one comparison */
	int64_t now_s;
	enum rc rc;            /* of reads inside the evaluation */
	struct err *err;
};

typedef enum truth judge_fn(
    struct match *x, const struct search_key *k, const struct subject *m);

/* Keys about texts. After OPEN with has_octets, x->rc tells why. */
judge_fn judge_header, judge_body, judge_text;

#endif
