/* A step of migrate.c: domains that were kept in letters. */
#ifndef M3_DB_MIGRATE_DOMAINS_H
#define M3_DB_MIGRATE_DOMAINS_H

#include "db/db.h"

/*
 * Gives domains that stand in letters (U-labels) their name in A-labels, and
 * their addresses new keys, wherever those stand: one transaction for each
 * address, so it may die and be run again. Where both spellings were domains
 * they become one; RC_PERM when both have the same address: the text names
 * the two.
 */
enum rc migrate_domains(struct db *db, struct err *err);

#endif
