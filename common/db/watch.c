/* The change stream on folders; see watch.h. */
#include "db/watch.h"

#include "db/db_internal.h"

#include "base/banned.h"

enum { AWAIT_MS = 1000 };

struct watch {
	struct db *db;
	mongoc_change_stream_t *stream;
};

enum rc
watch_new(struct db *db, struct watch **ret_watch, struct err *err)
{
	bson_t *pipeline = BCON_NEW("pipeline", "[",
	    "{", "$match", "{", "operationType", "{", "$in", "[", "insert",
	    "update", "replace", "]", "}", "}", "}",
	    "{", "$project", "{", "fullDocument.owner", BCON_INT32(1), "}",
	    "}", "]");
	bson_t *opts = BCON_NEW("fullDocument", "updateLookup",
	    "maxAwaitTimeMS", BCON_INT64(AWAIT_MS));
	enum rc rc = db_connect(db, err);
	struct watch *w;

	if (rc == RC_OK) {
		w = mem_alloc(sizeof(*w));
		w->db = db;
		w->stream = mongoc_collection_watch(
		    db_coll(db, DB_FOLDERS), pipeline, opts);
		*ret_watch = w;
	}
	bson_destroy(opts);
	bson_destroy(pipeline);
	return rc;
}

enum rc
watch_next(struct watch *w, struct uuid *ret_owner, bool *ret_has,
    struct err *err)
{
	const bson_t *doc, *reply;
	bson_error_t error;

	*ret_has = false;
	if (mongoc_change_stream_next(w->stream, &doc))
		*ret_has = doc_uuid(doc, "fullDocument.owner", ret_owner);
	else if (mongoc_change_stream_error_document(
		     w->stream, &error, &reply))
		return db_error(w->db, &error, reply, "change stream", err);
	return RC_OK;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	mongoc_change_stream_destroy(w->stream);
	mem_free(w);
}
