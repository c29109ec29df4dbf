/*
 * An IMAP folder and its entries, as the database layer hands them out and
 * takes them back. Flags are one bit each: five of the system, then the
 * folder's keywords by their position in its table.
 */
#ifndef M3_MODEL_FOLDER_H
#define M3_MODEL_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/acl.h"
#include "model/id.h"

enum {
	FLAG_SEEN          = 1 << 0,
	FLAG_ANSWERED      = 1 << 1,
	FLAG_FLAGGED       = 1 << 2,
	FLAG_DELETED       = 1 << 3,
	FLAG_DRAFT         = 1 << 4,
	FLAG_SYSTEM        = 0x1f,
	FLAG_FIRST_KEYWORD = 5, /* bit of keyword 0 */
};

/* RFC 6154, and \Important of RFC 8457. NONE for an ordinary folder. */
enum special_use {
	SPECIAL_NONE,
	SPECIAL_ALL,
	SPECIAL_ARCHIVE,
	SPECIAL_DRAFTS,
	SPECIAL_FLAGGED,
	SPECIAL_JUNK,
	SPECIAL_SENT,
	SPECIAL_TRASH,
	SPECIAL_IMPORTANT,
};

/* A folder without its entries. */
struct folder {
	struct uuid owner;
	struct oid id;             /* MAILBOXID (RFC 8474) */
	struct str address;        /* of the owner's mailbox */
	struct str name;           /* UTF-8, levels split by '/', INBOX upper */
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint64_t highestmodseq;    /* >= 1 */
	uint32_t exists;
	uint32_t unseen;           /* sum over pages and tail */
	uint32_t first_unseen;     /* sequence number; 0: none, or not known */
	uint32_t deleted;          /* entries with \Deleted */
	uint64_t size;             /* octets of all messages */
	uint32_t recent_uid;       /* uids from here on are \Recent */
	const struct str *keywords; /* "": free, no entry has its bit */
	size_t n_keywords;
	enum special_use special_use;
	const struct acl_entry *acl; /* who else may what */
	size_t n_acl;
	bool subscribed;
	bool no_select;            /* a subscribed name without a folder */
	uint64_t annotated;        /* rises with each change of METADATA */
};

/* LIMIT_FOLDER_NAME and LIMIT_FOLDER_DEPTH hold, and no level is empty. */
bool folder_name_fits(struct str name);
/* Its place in the folder's table, or n_keywords; case does not matter. */
size_t folder_keyword(const struct folder *f, struct str keyword);
/* No place is free: a new keyword needs one that no message has any more. */
bool folder_keywords_are_full(const struct folder *f);
/* Their flag bits. *ret_all false: some are not in the table, and left out. */
uint64_t folder_keyword_bits(const struct folder *f,
    const struct str *keywords, size_t n, bool *ret_all);

/*
 * A session has one for each message: no octet between the fields, and 40
 * bits for the seconds of 17,000 years.
 */
struct entry {
	uint32_t uid;
	uint32_t size;             /* RFC822.SIZE: prefix and blob */
	uint64_t flags;
	uint64_t modseq;
	struct oid message;
	int64_t date_s : 40;       /* INTERNALDATE, seconds since the epoch */
	int64_t saved_s : 40;      /* SAVEDATE (RFC 8514) */
} __attribute__((packed, aligned(2)));

/* The times, in seconds; what is too far away becomes the end of 40 bits. */
void entry_set_times(struct entry *e, int64_t date_s, int64_t saved_s);

/* A uid that was expunged, and when. */
struct expunged {
	uint32_t uid;
	uint64_t modseq;
};

/* Ranges of uids, rising and apart: lo <= hi. */
struct uid_range {
	uint32_t lo;
	uint32_t hi;
};

struct uid_set {
	const struct uid_range *v;
	size_t n;
};

#endif
