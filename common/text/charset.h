/* Charsets to UTF-8 and case folding, by ICU. */
#ifndef M3_TEXT_CHARSET_H
#define M3_TEXT_CHARSET_H

#include "base/buf.h"
#include "base/mem.h"

/*
 * Names are those of IANA, and labels by the WHATWG encoding standard: those
 * of a subset mean what browsers take for it (iso-8859-1: windows-1252).
 */
bool charset_is_known(struct str name);
/* Each text begins in the same state: it must not be split (RFC 2047 5). */
bool charset_is_stateful(struct str name);
/*
 * Adds the octets as UTF-8; what cannot be converted becomes U+FFFD. An
 * unknown charset, and none, is taken as UTF-8 or else as Latin 1.
 */
void charset_to_utf8(struct buf *out, struct str charset, struct str bytes);
/*
 * For searching: case folded and decomposed, so that "STRASSE" finds
 * "straße". s: UTF-8; what is not is kept as it is. In the arena.
 */
struct str casemap(struct arena *a, struct str s);
/*
 * For SORT and THREAD, i;unicode-casemap (RFC 5051, RFC 5256 2.2): titlecase
 * of each character, decomposed; keys are compared octet by octet.
 */
struct str collation_key(struct arena *a, struct str s);

#endif
