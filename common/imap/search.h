/*
 * SEARCH programs (RFC 3501 6.4.4, RFC 4731, RFC 5032, RFC 7162, RFC 8514) as
 * a tree. Texts come out as UTF-8, case folded.
 */
#ifndef M3_IMAP_SEARCH_H
#define M3_IMAP_SEARCH_H

#include "imap/args.h"
#include "imap/seqset.h"

enum search_type {
	SEARCH_AND,      /* all of v; n == 0: everything */
	SEARCH_OR,
	SEARCH_NOT,
	SEARCH_SEQ,      /* set: sequence numbers */
	SEARCH_UID,
	SEARCH_FLAG,     /* number: the bits, all of them set */
	SEARCH_KEYWORD,  /* text */
	SEARCH_RECENT,
	SEARCH_BEFORE,   /* number: days since 1970 */
	SEARCH_ON,
	SEARCH_SINCE,
	SEARCH_SENTBEFORE,
	SEARCH_SENTON,
	SEARCH_SENTSINCE,
	SEARCH_SAVEDBEFORE,
	SEARCH_SAVEDON,
	SEARCH_SAVEDSINCE,
	SEARCH_LARGER,   /* number: octets */
	SEARCH_SMALLER,
	SEARCH_OLDER,    /* number: seconds */
	SEARCH_YOUNGER,
	SEARCH_MODSEQ,
	SEARCH_HEADER,   /* field, text */
	SEARCH_BODY,
	SEARCH_TEXT,
	SEARCH_EMAILID,  /* text */
};

struct search_key {
	enum search_type type;
	struct search_key *v;
	size_t n;
	struct seqset set;
	uint64_t number;
	struct str field;
	struct str text;
};

enum search_return {
	RETURN_MIN   = 1,
	RETURN_MAX   = 2,
	RETURN_COUNT = 4,
	RETURN_ALL   = 8,
	RETURN_SAVE  = 16,
	RETURN_PARTIAL = 32,
};

/* "1:100", "-1:-100" (RFC 9394): a window of the result. */
struct search_partial {
	struct str text;     /* as it was given */
	uint32_t lo, hi;     /* from 1, lo <= hi */
	bool is_from_end;
};

struct search_program {
	bool is_extended;       /* RETURN was given: ESEARCH */
	unsigned returns;
	struct search_partial partial;
	bool uses_modseq;
	bool is_bad_charset;    /* NO [BADCHARSET], with a NULL result */
	struct search_key root; /* AND */
};

/*
 * NULL, or what is wrong. RETURN and CHARSET may be there; no_charset: that is
 * an error (RFC 6855 3).
 */
const char *search_parse(struct arena *a, const struct arg *v, size_t n,
    bool no_charset, struct search_program *ret);
/* RETURN (...) alone, for SORT and THREAD: *ret_used arguments. */
const char *search_parse_return(const struct arg *v, size_t n,
    struct search_program *ret, size_t *ret_used);
/* The keys alone, behind RETURN and a charset. */
const char *search_parse_keys(struct arena *a, const struct arg *v, size_t n,
    struct str charset, struct search_program *ret);

/* NULL, or what is wrong. */
const char *search_parse_partial(
    struct str text, struct search_partial *ret);
/* The window over n results: from counts from 0. */
struct search_part {
	size_t from;
	size_t n;
};
struct search_part search_part_of(const struct search_program *p, size_t n);

/* What must be read of messages to decide. */
enum search_needs {
	NEEDS_HEADER = 1, /* header octets */
	NEEDS_BODY   = 2, /* the whole message */
	NEEDS_ENVELOPE = 4,
	NEEDS_EMAILID = 8,
};
unsigned search_needs(const struct search_key *k);
/* A key names sequence numbers. */
bool search_uses_numbers(const struct search_key *k);

#endif
