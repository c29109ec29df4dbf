/* The octets of a mailbox; see store_internal.h. */
#include "db/store_internal.h"

#include "base/banned.h"

/*
 * There is room for it, and what was expunged and is not yet collected does
 * not make the whole more than twice the quota.
 */
static void
quota_add_condition(bson_t *filter, int64_t n)
{
	BCON_APPEND(filter, "$expr", "{", "$or", "[",
	    "{", "$eq", "[", "$size.maximum", BCON_INT64(0), "]", "}",
	    "{", "$and", "[",
	    "{", "$lte", "[", "{", "$add", "[", "$size.current",
	    BCON_INT64(n), "]", "}", "$size.maximum", "]", "}",
	    "{", "$lte", "[", "{", "$add", "[", "$size.current",
	    "{", "$ifNull", "[", "$size.expunged", BCON_INT64(0), "]", "}",
	    BCON_INT64(n), "]", "}", "{", "$multiply", "[", "$size.maximum",
	    BCON_INT64(2), "]", "}", "]", "}",
	    "]", "}", "]", "}");
}

/* Which of the two it was: the caller can mend one of them. */
static enum rc
quota_say_full(struct db *db, const bson_t *key, struct str address,
    int64_t n, struct err *err)
{
	bson_t doc;
	bool found = false, has_room = false;
	enum rc rc =
	    db_find_one(db, DB_MAILBOXES, key, NULL, &doc, &found, err);

	if (rc != RC_OK)
		return rc;
	if (found) {
		has_room = doc_int(&doc, "size.current") + n <=
		    doc_int(&doc, "size.maximum");
		bson_destroy(&doc);
	}
	return err_set(err, RC_PERM, has_room ? "CROWDED" : "OVERQUOTA",
	    "mailbox %.*s is full", STR_ARG(address));
}

enum rc
quota_change(struct db *db, const struct uuid *owner, struct str address,
    int64_t added, int64_t freed, struct err *err)
{
	bson_t key = BSON_INITIALIZER, filter;
	bson_t *inc = BCON_NEW("$inc", "{", "size.current",
	    BCON_INT64(added - freed), "size.expunged", BCON_INT64(freed),
	    "}");
	int64_t matched = 0;
	enum rc rc;

	doc_add_text(&key, "_id", address);
	doc_add_uuid(&key, "owner", owner);
	bson_copy_to(&key, &filter);
	if (added > freed)
		quota_add_condition(&filter, added - freed);
	rc = db_update_one(
	    db, DB_MAILBOXES, &filter, inc, NULL, &matched, err);
	if (rc == RC_OK && added > freed && matched == 0)
		rc = quota_say_full(db, &key, address, added - freed, err);
	bson_destroy(inc);
	bson_destroy(&filter);
	bson_destroy(&key);
	return rc;
}

enum rc
quota_add(struct db *db, const struct uuid *owner, struct str address,
    int64_t n, struct err *err)
{
	return quota_change(
	    db, owner, address, n > 0 ? n : 0, n < 0 ? -n : 0, err);
}
