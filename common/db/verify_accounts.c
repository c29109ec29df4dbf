/* verify: what belongs to the installation and its accounts. */
#include "db/verify_internal.h"

#include "base/banned.h"

static bool
verify_take_last(void *ctx, const bson_t *doc)
{
	*(int64_t *)ctx = doc_int(doc, "last");
	return false;
}

/* The counter is read after the folders: meanwhile it may only rise. */
enum rc
verify_uidvalidity(struct verify *v, struct err *err)
{
	bson_t *group = BCON_NEW("0", "{", "$group", "{", "_id", BCON_NULL,
	    "last", "{", "$max", "$uidvalidity", "}", "}", "}");
	bson_t *filter = BCON_NEW("_id", "uidvalidity");
	int64_t given = 0, last = 0;
	enum rc rc = db_aggregate(
	    v->db, DB_FOLDERS, group, verify_take_last, &given, err);

	if (rc == RC_OK)
		rc = db_find(v->db, DB_COUNTERS, filter, NULL,
		    verify_take_last, &last, err);
	if (rc == RC_OK && given > last)
		verify_problem(v, "uidvalidity", STR("counters"),
		    "a folder has %lld, the counter is at %lld: a restore? "
		    "See m3mta restored", (long long)given, (long long)last);
	bson_destroy(filter);
	bson_destroy(group);
	return rc;
}

static bool
verify_take_removed(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;

	arena_reset(v->scratch);
	verify_problem(v, "mailbox-removal",
	    doc_text_in(v->scratch, doc, "_id"),
	    "its removal did not come to an end: remove it again");
	return true;
}

enum rc
verify_removals(struct verify *v, struct err *err)
{
	bson_t *filter = BCON_NEW("removed", BCON_BOOL(true));
	enum rc rc = db_find(v->db, DB_MAILBOXES, filter, NULL,
	    verify_take_removed, v, err);

	bson_destroy(filter);
	return rc;
}

static bool
verify_take_annotations(void *ctx, const bson_t *doc)
{
	struct verify *v = ctx;
	struct uuid owner = { { 0 } }, guest;
	struct str user, name;

	arena_reset(v->scratch);
	user = doc_text_in(v->scratch, doc, "_id.user");
	name = doc_text_in(v->scratch, doc, "name");
	(void)doc_uuid(doc, "_id.owner", &owner);
	if (!uuid_equals(&owner, &(struct uuid){ { 0 } }) &&
	    !verify_find_owner(v, &owner))
		verify_problem(v, "annotation-owner", name,
		    "its owner's mailbox is missing");
	if (user.len &&
	    (!uuid_parse(user, &guest) || !verify_find_owner(v, &guest)))
		verify_problem(v, "annotation-user", name,
		    "the mailbox of whom it is for is missing");
	if ((name.len && name.p[0] != '/') != (user.len > 0))
		verify_problem(v, "annotation-user", name,
		    "name and user do not fit");
	return true;
}

/* Those of one owner and user are one row. */
enum rc
verify_annotation_users(struct verify *v, struct err *err)
{
	bson_t *pipeline = BCON_NEW("0", "{", "$group", "{", "_id", "{",
	    "owner", "$owner", "user", "$user", "}", "name", "{", "$first",
	    "$name", "}", "}", "}");
	enum rc rc = db_aggregate(v->db, DB_ANNOTATIONS, pipeline,
	    verify_take_annotations, v, err);

	bson_destroy(pipeline);
	return rc;
}
