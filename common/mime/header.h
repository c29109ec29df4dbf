/*
 * Fields of a raw header: the octets from a part's header_offset, or a
 * message's prefix, up to and with the empty line. Lines may end in CRLF or
 * LF. Nothing is copied: slices point into the header.
 */
#ifndef M3_MIME_HEADER_H
#define M3_MIME_HEADER_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

struct header_field {
	struct str name;  /* without blanks before the colon */
	struct str value; /* behind the colon, raw, folded, as it stands; without
	                   * the last line end */
	struct str whole; /* all of it with its last line end */
};

/*
 * Takes the next field off *rest. False: the empty line or the end was
 * reached; *rest then begins with the empty line. A line without a colon is
 * a field whose name is the line and whose value is STR_NONE.
 *     struct str rest = header;
 *     while (header_next(&rest, &field)) ...
 */
bool header_next(struct str *rest, struct header_field *ret_field);

/* The first field of that name (any case). False: there is none. */
bool header_find(
    struct str header, struct str name, struct header_field *ret_field);

/* The value without line ends and without blanks around it, in the arena. */
struct str header_unfold(struct arena *a, struct str value);

/*
 * BODY[HEADER.FIELDS (names)] and, when invert, HEADER.FIELDS.NOT (RFC 3501
 * 6.4.5): the whole fields that match, in their order. The empty line that
 * ends the answer is the caller's, so that prefix and header can be selected
 * from one after the other. True: the header has that line.
 */
bool header_select(struct str header, const struct str *names, size_t n,
    bool invert, struct buf *out);

#endif
