/* Names and passwords of SASL in one form (SASLprep, RFC 4013), by ICU. */
#ifndef M3_TEXT_SASLPREP_H
#define M3_TEXT_SASLPREP_H

#include "base/mem.h"

/*
 * The prepared form in the arena. ASCII without control characters is
 * handed out as it is. False: not UTF-8, or characters that RFC 4013
 * forbids; unassigned ones are allowed, as for a query.
 */
bool saslprep(struct arena *a, struct str s, struct str *ret_prepared);

#endif
