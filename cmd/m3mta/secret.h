/* Passwords from files and standard input, never from the command line. */
#ifndef M3_CMD_M3MTA_SECRET_H
#define M3_CMD_M3MTA_SECRET_H

#include "base/err.h"
#include "base/mem.h"

/* The first line of the file, "-" is standard input. RC_PERM: empty. */
enum rc secret_read(struct arena *a, struct str path, struct str *ret_secret,
    struct err *err);

#endif
