/*
 * Sequence sets (RFC 3501 9, RFC 9051 9): "1:4,7,9:*", and "$" for the saved
 * result (RFC 5182). Parsing keeps what was written; resolving puts the
 * largest number for "*", orders and merges. A range is never expanded, so
 * 4294967295:1 costs as much as 1.
 */
#ifndef M3_IMAP_SEQSET_H
#define M3_IMAP_SEQSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"

#define SEQ_STAR 0u /* "*": no number of a set is 0 */

struct seq_range {
	uint32_t lo;
	uint32_t hi;
};

/*
 * Invariant once resolved: lo <= hi, no SEQ_STAR, ordered, and between two
 * ranges at least one number is missing.
 */
struct seqset {
	struct seq_range *v;
	size_t n;
	bool is_saved; /* "$": v is empty, the session has the numbers */
};

/*
 * All of s has to be one set. False: it is not (RFC: BAD). The ranges are
 * the arena's.
 */
bool seqset_parse(struct arena *a, struct str s, struct seqset *ret_set);

/*
 * largest: the highest number in use, 0 when the folder is empty; then a
 * lone "*" means nothing. set and *ret_set may be the same object.
 */
void seqset_resolve(struct arena *a, const struct seqset *set,
    uint32_t largest, struct seqset *ret_set);

/* The three below want a resolved set. */
bool seqset_has(const struct seqset *set, uint32_t n);
uint64_t seqset_count(const struct seqset *set);
void seqset_format(const struct seqset *set, struct buf *out);

#endif
