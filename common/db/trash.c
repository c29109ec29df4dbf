/* The collection `trash`: what an expunge leaves behind. */
#include "db/store_internal.h"

#include "base/banned.h"

/* Messages named by one record; more get further records. */
enum { TRASH_MESSAGES = 20000 };

static void
add_ranges(bson_t *doc, const struct uid_range *v, size_t n)
{
	char text[16];
	const char *key;
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, "u", -1, &array);
	for (i = 0; i < 2 * n; i++) {
		bson_uint32_to_string((uint32_t)i, &key, text, sizeof(text));
		doc_add_int(&array, key, i % 2 ? v[i / 2].hi : v[i / 2].lo);
	}
	bson_append_array_end(doc, &array);
}

static void
add_messages(bson_t *doc, const struct oid *v, size_t n)
{
	char text[16];
	const char *key;
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, "messages", -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string((uint32_t)i, &key, text, sizeof(text));
		doc_add_oid(&array, key, &v[i]);
	}
	bson_append_array_end(doc, &array);
}

struct record {
	const struct uuid *owner;
	const struct oid *folder;
	uint64_t modseq;
	const struct uid_range *uids;
	size_t n_uids;
	const struct oid *messages;
	size_t n_messages;
	int64_t size;
};

/* An upsert and not an insert: only an update takes the server's clock. */
static enum rc
insert_record(struct db *db, const struct record *r, struct err *err)
{
	bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, sub;
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	struct oid id = oid_new();
	enum rc rc;

	folder_filter(&filter, r->owner, &id);
	doc_add_oid(&filter, "folder", r->folder);
	doc_add_int(&filter, "m", (int64_t)r->modseq);
	BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &sub);
	add_ranges(&sub, r->uids, r->n_uids);
	add_messages(&sub, r->messages, r->n_messages);
	doc_add_int(&sub, "size", r->size);
	bson_append_document_end(&change, &sub);
	BCON_APPEND(
	    &change, "$currentDate", "{", "at", BCON_BOOL(true), "}");
	rc = db_update_one(
	    db, DB_TRASH, &filter, &change, upsert, NULL, err);
	bson_destroy(upsert);
	bson_destroy(&change);
	bson_destroy(&filter);
	return rc;
}

enum rc
trash_insert(struct db *db, const struct uuid *owner,
    const struct oid *folder, uint64_t modseq, const struct uid_range *uids,
    size_t n_uids, const struct oid *messages, size_t n_messages,
    int64_t size, struct err *err)
{
	struct record r = { owner, folder, modseq, uids, n_uids, messages, 0,
		size };
	enum rc rc = RC_OK;

	while (rc == RC_OK && (r.n_uids || n_messages)) {
		r.n_messages = n_messages < TRASH_MESSAGES ? n_messages
							   : TRASH_MESSAGES;
		rc = insert_record(db, &r, err);
		r.n_uids = 0;
		r.size = 0;
		r.messages += r.n_messages;
		n_messages -= r.n_messages;
	}
	return rc;
}
