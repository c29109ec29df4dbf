/*
 * UIDVALIDITY (RFC 9051 2.3.1.1): a name that is made again must get a
 * greater value, also when its mailbox was removed meanwhile, and with it
 * all that knew of the old one. So there is one counter for the database,
 * `counters` {_id: "uidvalidity", last}, and it is never below the server's
 * seconds since 1970: what was given before it was lost, by a restore or in
 * another installation under the same name, is below it as well. It is in a
 * collection of its own, since who may count must not configure.
 */
#include "db/store_internal.h"

#include "base/banned.h"

enum { MS = 1000 };

/* last: the greater of last + n and n - 1 after the server's second. */
static bson_t *
uidvalidity_pipeline(uint32_t n)
{
	return BCON_NEW("0", "{", "$set", "{", "last", "{", "$max", "[",
	    "{", "$add", "[", "$last", BCON_INT64(n), "]", "}",
	    "{", "$add", "[", "{", "$floor", "{", "$divide", "[", "{",
	    "$toLong", "$$NOW", "}", BCON_INT64(MS), "]", "}", "}",
	    BCON_INT64((int64_t)n - 1), "]", "}", "]", "}", "}", "}");
}

enum rc
uidvalidity_take(
    struct db *db, uint32_t n, uint32_t *ret_first, struct err *err)
{
	bson_t *filter = BCON_NEW("_id", "uidvalidity");
	bson_t *pipeline = uidvalidity_pipeline(n);
	bool is_found = false;
	int64_t last = 0;
	bson_t doc;
	enum rc rc = db_find_and_update(db, DB_COUNTERS, filter, pipeline, NULL,
	    &doc, &is_found, err);

	bson_destroy(pipeline);
	bson_destroy(filter);
	if (rc != RC_OK)
		return rc;
	if (is_found) {
		last = doc_int(&doc, "last");
		bson_destroy(&doc);
	}
	if (last < n || last > UINT32_MAX)
		return err_set(err, RC_TEMP, "4.3.5",
		    "database: no UIDVALIDITY is left, or its counter is "
		    "missing: run m3mta init");
	*ret_first = (uint32_t)(last - n + 1);
	return RC_OK;
}
