/* What verify.c has others look at. */
#ifndef M3_DB_VERIFY_INTERNAL_H
#define M3_DB_VERIFY_INTERNAL_H

#include "db/db.h"

typedef void verify_sink(
    void *ctx, const char *what, struct str where, struct str text);

/* "acl-share", "share-entry", "acl-mailbox" (verify_acl.c). */
enum rc verify_acl(
    struct db *db, verify_sink *sink, void *ctx, struct err *err);

#endif
