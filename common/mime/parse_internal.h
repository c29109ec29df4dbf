/* What the files of the parser share; nobody else includes this. */
#ifndef M3_MIME_PARSE_INTERNAL_H
#define M3_MIME_PARSE_INTERNAL_H

#include "base/limits.h"
#include "base/vec.h"
#include "mime/decode.h"
#include "mime/html.h"
#include "mime/parse.h"

/* Octets of a line that are looked at for a boundary: "--" text "--". */
#define MIME_HEAD (LIMIT_MIME_BOUNDARY + 4)

enum line_state {
	LINE_START,    /* nothing of the line was seen */
	LINE_HEAD,     /* perhaps a boundary: octets are kept in head */
	LINE_HEADER,   /* inside a line of a header */
	LINE_BODY,     /* inside a line of a body */
	LINE_BOUNDARY, /* the rest of a boundary's line */
};

struct boundary {
	struct str text;
	uint32_t level; /* of its multipart in mime_parser.open */
};

enum { PREVIEW_RAW = 4096, PREVIEW_TEXT = 16384 };

/*
 * The part that the preview is made of: octets as they come, and what is left
 * of them when they are decoded and HTML's markup is gone.
 */
struct preview {
	char *raw;       /* PREVIEW_RAW octets */
	size_t n_raw;
	char *kept;      /* PREVIEW_TEXT octets */
	size_t n_kept;
	uint64_t n_seen; /* octets of the part */
	struct decoder decoder;
	struct html_filter filter;
	bool is_filtered; /* by the filter, before its charset is decoded */
	bool is_open;    /* the current part's body is being kept */
	bool is_full;
	bool has_plain;
	struct str text; /* the result so far */
};

/*
 * Invariants: depth >= 1 until the end; open[0] is part 0; parts that are
 * open have body_size 0 and, in lines, the count of newlines at their body's
 * start. head_len <= MIME_HEAD.
 */
struct mime_parser {
	struct arena *a;
	struct arena *scratch; /* while a field is parsed */
	VEC(struct facts_part) parts;
	uint32_t open[LIMIT_MIME_DEPTH + 1]; /* part indices, outermost first */
	uint32_t last_child[LIMIT_MIME_DEPTH + 1];
	uint32_t depth;
	struct boundary bounds[LIMIT_MIME_DEPTH + 1];
	uint32_t n_bounds;

	enum line_state state;
	bool in_header;
	bool opens_part;      /* what follows the boundary's line */
	uint64_t at;          /* offset of the next octet */
	uint64_t line_at;     /* offset of the line's first octet */
	uint64_t newlines;    /* seen so far */
	unsigned last_newline;/* octets of the one before this line; 0: none
	                       * in this header or body */
	char last;            /* the octet before `at` */
	char head[MIME_HEAD];
	size_t head_len;

	char *field;          /* the header field so far, unfolded */
	size_t field_len;
	size_t field_cap;
	size_t field_first;   /* length of its first line, SIZE_MAX: in it */
	bool is_mime;         /* of the current header */

	struct facts_envelope *envelope; /* of the current header, or NULL */
	size_t budget;        /* octets of encoded facts that are left */
	bool is_cut;
	uint32_t received;
	struct str delivered_to;
	char *delivered_to_room;  /* that lies in here; NULL: there is none */
	struct preview preview;
};

static inline struct facts_part *
mime_current(struct mime_parser *p)
{
	return &p->parts.v[p->open[p->depth - 1]];
}

/* Takes cost off the budget; false (and is_cut): it is used up. */
bool mime_spend(struct mime_parser *p, size_t cost);
/* A copy in the arena within the budget, else STR_NONE. */
struct str mime_keep(struct mime_parser *p, struct str s);
/* Parses p->field into the current part and its envelope. */
void mime_field_done(struct mime_parser *p);
/* Decides at the end of a header what the part is. */
void mime_header_done(struct mime_parser *p);

/* The current part's header is complete: is it one for the preview? */
void mime_preview_begin(struct mime_parser *p);
void mime_preview_add(struct mime_parser *p, const char *s, size_t len);
/* The part that was being kept has ended. */
void mime_preview_end(struct mime_parser *p);

#endif
