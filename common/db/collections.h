/*
 * COLL(id, name, smtp, imap, mda, notify): all collections, and what each
 * program may do there: f find, i insert, u update, r remove, c watch. Least
 * rights: `m3mta init --roles` makes roles of this table (roles.c), so a
 * collection cannot be added without them. m3mta may do everything.
 * Included by db_internal.h, db.c and roles.c; no guard.
 */
/* clang-format off */
COLL(CONFIG,      "config",      "f",    "f",    "f",    "f")
COLL(COUNTERS,    "counters",    "",     "fu",   "fu",   "")
COLL(DOMAINS,     "domains",     "f",    "f",    "f",    "")
COLL(MAILBOXES,   "mailboxes",   "f",    "fu",   "fu",   "")
/* A message that smtp took is out of its hands: it cannot even read it. */
COLL(QUEUE,       "queue",       "i",    "",     "fiur", "")
COLL(FOLDERS,     "folders",     "",     "fiur", "fiur", "fc")
COLL(PAGES,       "pages",       "",     "fiur", "fiur", "")
COLL(MESSAGES,    "messages",    "",     "fi",   "fir",  "")
COLL(BLOBS,       "blobs",       "i",    "fi",   "fir",  "")
COLL(TRASH,       "trash",       "",     "fiu",  "fiur", "")
COLL(LIMITS,      "limits",      "fiur", "fiur", "fiur", "")
COLL(ANNOTATIONS, "annotations", "",     "fiur", "f",    "")
COLL(SHARES,      "shares",      "",     "fiur", "f",    "")
COLL(INCOMING,    "incoming",    "fiur", "fiur", "fiur", "")
/* clang-format on */
