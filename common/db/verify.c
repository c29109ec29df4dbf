/*
 * Every invariant of the store and the queue, read from the documents as
 * they stand. Meant for a system at rest: what changes while it runs may be
 * told as a problem that is none.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "db/verify_internal.h"

#include "base/banned.h"

enum { KEY_SIZE = OID_SIZE + 4 };

void
verify_problem(struct verify *v, const char *what, struct str where,
    const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	v->counts.problems++;
	v->problem(v->ctx, what, where, buf_str(&b));
	buf_done(&b);
}

struct str
verify_name(struct verify *v, const struct oid *id)
{
	char text[OID_HEX];

	return arena_dup_str(v->scratch, oid_format(id, text));
}

/* --- what there is --------------------------------------------------------------- */

static bool
on_blob(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct known_blob *b;
	bson_iter_t it;
	const uint8_t *p;
	uint32_t len, n;
	struct oid id;

	if (!bson_iter_init_find(&it, doc, "_id") ||
	    !BSON_ITER_HOLDS_BINARY(&it))
		return true;
	bson_iter_binary(&it, NULL, &len, &p);
	if (len != KEY_SIZE)
		return true;
	memcpy(id.b, p, OID_SIZE);
	n = (uint32_t)p[12] << 24 | (uint32_t)p[13] << 16 |
	    (uint32_t)p[14] << 8 | p[15];
	if (v->blobs.n == 0 ||
	    !oid_equals(&v->blobs.v[v->blobs.n - 1].id, &id))
		VEC_ADD(v->a, &v->blobs)->id = id;
	b = &v->blobs.v[v->blobs.n - 1];
	arena_reset(v->scratch);
	b->has_hole |= n != b->n_chunks;
	b->n_chunks = n + 1;
	b->size += (uint64_t)doc_int(doc, "n");
	return true;
}

static enum rc
read_blobs(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "n", "{", "$binarySize",
	    "$b", "}", "}", "sort", "{", "_id", BCON_INT32(1), "}");
	enum rc rc =
	    db_find(v->db, DB_BLOBS, &filter, opts, on_blob, v, err);

	bson_destroy(opts);
	bson_destroy(&filter);
	v->blob_is_used = ARENA_ARRAY(v->a, v->blobs.n + 1, bool);
	v->counts.blobs = v->blobs.n;
	return rc;
}

static int
compare_blobs(const void *x, const void *y)
{
	return oid_compare(&((const struct known_blob *)x)->id,
	    &((const struct known_blob *)y)->id);
}

const struct known_blob *
verify_use_blob(struct verify *v, const struct oid *id)
{
	struct known_blob key = { .id = *id }, *hit;

	hit = v->blobs.n ? bsearch(&key, v->blobs.v, v->blobs.n, sizeof(key),
			       compare_blobs)
			 : NULL;
	if (hit)
		v->blob_is_used[hit - v->blobs.v] = true;
	return hit;
}

static bool
on_message(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct known_message *m = VEC_ADD(v->a, &v->messages);
	const struct known_blob *b;
	uint64_t prefix;

	arena_reset(v->scratch);
	doc_oid(doc, "_id", &m->id);
	doc_uuid(doc, "owner", &m->owner);
	doc_oid(doc, "blob", &m->blob);
	m->size = (uint64_t)doc_int(doc, "size");
	prefix = (uint64_t)doc_int(doc, "prefix");
	b = verify_use_blob(v, &m->blob);
	if (!b)
		verify_problem(v, "message-blob", verify_name(v, &m->id),
		    "its blob %.*s is missing",
		    STR_ARG(verify_name(v, &m->blob)));
	else if (m->size != prefix + b->size)
		verify_problem(v, "message-size", verify_name(v, &m->id),
		    "size %llu, prefix and blob have %llu",
		    (unsigned long long)m->size,
		    (unsigned long long)prefix + b->size);
	return true;
}

int
verify_compare_messages(const void *x, const void *y)
{
	return oid_compare(&((const struct known_message *)x)->id,
	    &((const struct known_message *)y)->id);
}

static enum rc
read_messages(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *opts = BCON_NEW("projection", "{", "owner", BCON_INT32(1),
	    "blob", BCON_INT32(1), "size", BCON_INT32(1), "prefix", "{",
	    "$binarySize", "$prefix", "}", "}");
	enum rc rc =
	    db_find(v->db, DB_MESSAGES, &filter, opts, on_message, v, err);

	bson_destroy(opts);
	bson_destroy(&filter);
	if (v->messages.n)
		qsort(v->messages.v, v->messages.n,
		    sizeof(*v->messages.v), verify_compare_messages);
	v->counts.messages = v->messages.n;
	return rc;
}

static bool
on_mailbox(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct known_owner *o;
	struct uuid owner;

	if (!doc_uuid(doc, "owner", &owner))
		return true;
	o = VEC_ADD(v->a, &v->owners);
	o->owner = owner;
	o->address = doc_text_in(v->a, doc, "_id");
	o->current = (uint64_t)doc_int(doc, "size.current");
	o->expunged = doc_int(doc, "size.expunged");
	return true;
}

static int
verify_compare_owners(const void *x, const void *y)
{
	return uuid_compare(&((const struct known_owner *)x)->owner,
	    &((const struct known_owner *)y)->owner);
}

struct known_owner *
verify_find_owner(const struct verify *v, const struct uuid *owner)
{
	struct known_owner key = { .owner = *owner };

	return v->owners.n ? bsearch(&key, v->owners.v, v->owners.n,
				 sizeof(key), verify_compare_owners)
			   : NULL;
}

static enum rc
read_owners(struct verify *v, struct err *err)
{
	bson_t filter = BSON_INITIALIZER;
	enum rc rc = db_find(
	    v->db, DB_MAILBOXES, &filter, NULL, on_mailbox, v, err);

	bson_destroy(&filter);
	if (v->owners.n)
		qsort(v->owners.v, v->owners.n, sizeof(*v->owners.v),
		    verify_compare_owners);
	v->counts.mailboxes = v->owners.n;
	return rc;
}

static void
check_owners(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->owners.n; i++) {
		struct known_owner *o = &v->owners.v[i];

		if (o->current != o->summed)
			verify_problem(v, "quota", o->address,
			    "%llu is kept, the folders have %llu",
			    (unsigned long long)o->current,
			    (unsigned long long)o->summed);
		if (o->expunged != o->expunged_summed)
			verify_problem(v, "expunged", o->address,
			    "%lld octets are kept as expunged, the trash has "
			    "%lld", (long long)o->expunged,
			    (long long)o->expunged_summed);
		if (!o->has_inbox)
			verify_problem(v, "inbox", o->address, "there is no INBOX");
	}
}

/* A writer whose octets gc took may have added some after that: orphans. */
static void
verify_holes(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->blobs.n; i++) {
		arena_reset(v->scratch);
		if (v->blobs.v[i].has_hole && v->blob_is_used[i])
			verify_problem(v, "blob-chunk",
			    verify_name(v, &v->blobs.v[i].id),
			    "a chunk is missing before the last of %u",
			    v->blobs.v[i].n_chunks);
	}
}

static void
count_orphans(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->blobs.n; i++)
		v->counts.orphan_blobs += !v->blob_is_used[i];
}

static verify_step *const steps[] = { read_blobs, read_messages, read_owners,
	verify_folders, verify_lost_pages, verify_annotations, verify_acls,
	verify_trash, verify_queue, verify_domains, verify_uidvalidity,
	verify_removals, verify_annotation_users };

enum rc
verify_run(struct db *db,
    void (*on_problem)(void *ctx, const char *what, struct str where,
	struct str text),
    void *ctx, struct verify_counts *ret_counts, struct err *err)
{
	struct verify v = { .db = db, .a = arena_new(),
		.scratch = arena_new(), .problem = on_problem, .ctx = ctx };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < sizeof(steps) / sizeof(*steps); i++)
		rc = steps[i](&v, err);
	if (rc == RC_OK) {
		check_owners(&v);
		verify_holes(&v);
		count_orphans(&v);
		*ret_counts = v.counts;
	}
	arena_free(v.scratch);
	arena_free(v.a);
	return rc;
}
