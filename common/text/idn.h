/*
 * Names of domains in letters of any script (RFC 5890, UTS 46): the form
 * that the DNS and the directory know them by.
 */
#ifndef M3_TEXT_IDN_H
#define M3_TEXT_IDN_H

#include "base/mem.h"

/*
 * The name in lower-case A-labels ("xn--bcher-kva.example"), by UTS 46
 * without transitional processing, in the arena. A name that is ASCII
 * already is only made lower case: nobody looks into its labels. False: it
 * is no name (not UTF-8, a code point or a direction that is not allowed, a
 * label over 63 or a name over 255 octets). Does not block.
 */
bool idn_to_ascii(struct arena *a, struct str name, struct str *ret_name);

#endif
