/*
 * Whether a wrong password is the same wrong one as before: a device with an
 * old password says it again and again, and is nobody who guesses.
 */
#ifndef M3_AUTH_REPEAT_H
#define M3_AUTH_REPEAT_H

#include <stdint.h>

#include "base/str.h"

/*
 * A short hash of user and password, never 0, keyed with a secret of this host
 * that stands in no database: 32 random octets in DIRECTORY/login-secret,
 * made by whoever comes first, readable by its owner and his group (smtp and
 * imap may run as two users of one), gone when the host starts again. 24 bits: with the secret too, it tells little of a
 * password. 0: there is no secret, so nothing is known to be the same.
 * Reads a small file.
 */
uint32_t repeat_hash(
    struct str directory, struct str user, struct str password);

#endif
