/*
 * The text of HTML, as far as a preview or a human needs it (WHATWG, HTML
 * living standard 13.2.5, simplified): markup goes, characters stay.
 */
#ifndef M3_MIME_HTML_H
#define M3_MIME_HTML_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Takes markup away while octets pass by; any split gives the same. Comments
 * and what stands in style, script, title and xml go; a tag becomes a blank,
 * unless it is one of those that stand within a word (b, i, span ...). '<'
 * before anything but a letter, '/', '!' or '?' is text. Octets are looked at
 * as ASCII; with is_iso2022 those of a wide character are not.
 */
struct html_filter {
	bool is_iso2022;
	bool is_wide;      /* between ESC $ and ESC ( */
	bool is_escape;    /* ESC was the octet before */
	unsigned char state;
	unsigned char n_dashes; /* of a comment: "--" so far */
	char quote;        /* inside an attribute's value, or NUL */
	char last;         /* in a tag: octet before, blanks left out */
	bool is_end_tag;
	char name[12];     /* of the tag, lower case; cut off if longer */
	unsigned char n_name;
	unsigned char hidden; /* which element is left out; 0: none */
};

/* All zero is the start. Adds to out at most bytes.len + 1 octets. */
void html_filter_push(
    struct html_filter *f, struct str bytes, struct buf *out);
/* The end: a '<' that nothing follows is text. */
void html_filter_finish(struct html_filter *f, struct buf *out);

/*
 * Adds the text with its character references decoded: the names of HTML 4,
 * &apos; and numbers, all with their ';'. s: UTF-8.
 */
void html_decode(struct str s, struct buf *out);

#endif
