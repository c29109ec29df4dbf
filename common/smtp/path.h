/*
 * Paths of RFC 5321 4.1.2 and 4.1.3: parse and print. A path has at most
 * LIMIT_SMTP_PATH octets; its local part may fill it (RFC 5321 4.5.3.1: 64
 * is what must be taken, and senders by SRS and VERP have more), and may have
 * dots in any place.
 */
#ifndef M3_SMTP_PATH_H
#define M3_SMTP_PATH_H

#include "base/buf.h"
#include "model/address.h"

enum path_result {
	PATH_OK,
	PATH_SYNTAX,  /* 501 5.1.7 or 5.1.3 */
	PATH_LENGTH,  /* over the limit */
	PATH_UTF8,    /* 8-bit octets that are not UTF-8 */
};

/*
 * "<...>" at the start of s, source route dropped; the local part comes out
 * unquoted. *ret_used: octets of the path with its brackets. "<>" and
 * "<postmaster>" are accepted, the caller decides. *ret_is_8bit: needs
 * SMTPUTF8.
 */
enum path_result path_parse(struct arena *a, struct str s,
    struct address *ret_address, size_t *ret_used, bool *ret_is_8bit);
/* The same without brackets, the whole slice: "a@b", "\"a b\"@c". */
enum path_result path_parse_bare(
    struct arena *a, struct str s, struct address *ret_address);
/*
 * Prints without brackets: parse gives it back. Quoted where it has to be; a
 * local part whose dots are out of place is quoted when it came so.
 */
void path_print(const struct address *addr, struct buf *out);
/* A domain or address literal as EHLO takes them. */
bool path_is_host(struct str s);

#endif
