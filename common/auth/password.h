/* Passwords: yescrypt by crypt(5). */
#ifndef M3_AUTH_PASSWORD_H
#define M3_AUTH_PASSWORD_H

#include "base/err.h"
#include "base/mem.h"

/* The crypt(5) string of a password, with a new salt. */
enum rc password_hash(
    struct arena *a, struct str password, struct str *ret_hash,
    struct err *err);
/*
 * Compares in constant time. hash "" (unknown user, no login): costs the
 * same as a wrong password and is false.
 */
bool password_verify(struct str password, struct str hash);
/* A random password of letters and digits, `len` of them. */
struct str password_random(struct arena *a, size_t len);

#endif
