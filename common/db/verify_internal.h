/*
 * What the files of `m3mta verify` share: all that is known of the documents
 * that others refer to, and the steps, each of which reads some collections.
 */
#ifndef M3_DB_VERIFY_INTERNAL_H
#define M3_DB_VERIFY_INTERNAL_H

#include "db/store_internal.h"
#include "db/verify.h"

struct known_blob {
	struct oid id;
	uint64_t size;
	uint32_t n_chunks;
	bool has_hole;       /* a chunk before its last is not there */
};

struct known_message {
	struct oid id;
	struct uuid owner;
	uint64_t size;
	struct oid blob;
	bool is_shown;   /* an entry has it */
};

struct known_owner {
	struct uuid owner;
	struct str address;
	uint64_t current;
	uint64_t summed;
	bool has_inbox;
	int64_t expunged;        /* kept in the mailbox */
	int64_t expunged_summed; /* of the trash */
};

struct verify {
	struct db *db;
	struct arena *a;       /* of the whole run */
	struct arena *scratch; /* of one document */
	void (*problem)(void *ctx, const char *what, struct str where,
	    struct str text);
	void *ctx;
	struct verify_counts counts;
	VEC(struct known_blob) blobs;
	VEC(struct known_message) messages;
	VEC(struct known_owner) owners;
	bool *blob_is_used;
	/* The folder that is being read. */
	struct folder folder;
	struct str address;
	entry_vec entries;
	uint32_t last_hi;
};

/* Tells of one violation. */
void verify_problem(struct verify *v, const char *what, struct str where,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Of a document, for a problem: its id, in the scratch arena. */
struct str verify_name(struct verify *v, const struct oid *id);
/* Notes that something refers to a blob; NULL: there is none. */
const struct known_blob *verify_use_blob(
    struct verify *v, const struct oid *id);
int verify_compare_messages(const void *x, const void *y);
/* NULL: no mailbox has this owner. */
struct known_owner *verify_find_owner(
    const struct verify *v, const struct uuid *owner);

typedef enum rc verify_step(struct verify *v, struct err *err);

/* verify_folders.c */
verify_step verify_folders;
verify_step verify_lost_pages;
verify_step verify_annotations;
verify_step verify_acls;
/* verify_queue.c */
verify_step verify_trash;
verify_step verify_queue;
verify_step verify_domains;
/* verify_accounts.c */
verify_step verify_uidvalidity;
verify_step verify_removals;
verify_step verify_annotation_users;

typedef void verify_sink(
    void *ctx, const char *what, struct str where, struct str text);

/* "acl-share", "share-entry", "acl-mailbox" (verify_acl.c). */
enum rc verify_acl(
    struct db *db, verify_sink *sink, void *ctx, struct err *err);

#endif
