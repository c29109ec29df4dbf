/*
 * MongoDB users of an installation: one for each program, with a role made of
 * the table in collections.h, so that who takes a program over has no more
 * than its rights. They are users of the installation's own database.
 */
#ifndef M3_DB_ROLES_H
#define M3_DB_ROLES_H

#include "db/db.h"

/* "smtp", "imap", "mda", "notify", "admin"; their users are "m3mta-smtp" ... */
enum { ROLES_COUNT = 5 };
extern const char *const roles_programs[ROLES_COUNT];

/*
 * Makes the program's role and its user, or makes them what they should be:
 * rights and password. The connection needs the right to do so (userAdmin).
 * RC_TEMP: the database is away, or refuses it.
 */
enum rc roles_make(struct db *db, const char *program, struct str password,
    struct err *err);

#endif
