/* What access control lists must hold; see verify.c and acl.c. */
#include "db/db_internal.h"
#include "db/verify_internal.h"

#include "base/banned.h"

struct lists {
	verify_sink *sink;
	void *ctx;
	const char *what;
	const char *text;
	struct arena *a;
};

static bool
on_hit(void *ctx, const bson_t *doc)
{
	struct lists *l = ctx;

	arena_reset(l->a);
	l->sink(l->ctx, l->what, doc_text_in(l->a, doc, "where"),
	    arena_printf(l->a, "%.*s: %s",
		STR_ARG(doc_text_in(l->a, doc, "who")), l->text));
	return true;
}

static enum rc
look(struct lists *l, struct db *db, enum db_collection which,
    bson_t *pipeline, const char *what, const char *text, struct err *err)
{
	enum rc rc;

	l->what = what;
	l->text = text;
	rc = db_aggregate(db, which, pipeline, on_hit, l, err);
	bson_destroy(pipeline);
	return rc;
}

/* An entry without its document: nobody would find the folder. */
static bson_t *
entries_without_share(void)
{
	return BCON_NEW("pipeline", "[",
	    "{", "$match", "{", "acl.0", "{", "$exists", BCON_BOOL(true), "}",
	    "}", "}",
	    "{", "$lookup", "{", "from", "shares", "localField", "_id",
	    "foreignField", "folder", "as", "s", "}", "}",
	    "{", "$unwind", "$acl", "}",
	    "{", "$match", "{", "$expr", "{", "$not", "[", "{", "$in", "[",
	    "$acl.i", "$s.identifier", "]", "}", "]", "}", "}", "}",
	    "{", "$project", "{", "where", "$name", "who", "$acl.i", "}", "}",
	    "]");
}

/* A document of no entry, or of another owner. */
static bson_t *
shares_without_entry(void)
{
	return BCON_NEW("pipeline", "[",
	    "{", "$lookup", "{", "from", "folders", "localField", "folder",
	    "foreignField", "_id", "as", "f", "}", "}",
	    "{", "$set", "{", "f", "{", "$first", "$f", "}", "}", "}",
	    "{", "$match", "{", "$expr", "{", "$not", "[", "{", "$and", "[",
	    "{", "$eq", "[", "$owner", "$f.owner", "]", "}",
	    "{", "$in", "[", "$identifier", "{", "$ifNull", "[", "$f.acl.i",
	    "[", "]", "]", "}", "]", "}", "]", "}", "]", "}", "}", "}",
	    "{", "$project", "{", "where", "$f.name", "who", "$identifier",
	    "}", "}", "]");
}

/* "-" stands before what takes rights away. */
static bson_t *
entries_without_mailbox(void)
{
	return BCON_NEW("pipeline", "[",
	    "{", "$match", "{", "acl.0", "{", "$exists", BCON_BOOL(true), "}",
	    "}", "}",
	    "{", "$unwind", "$acl", "}",
	    "{", "$set", "{", "who", "{", "$ltrim", "{", "input", "$acl.i",
	    "chars", "-", "}", "}", "}", "}",
	    "{", "$match", "{", "who", "{", "$ne", BCON_UTF8("anyone"), "}",
	    "}", "}",
	    "{", "$lookup", "{", "from", "mailboxes", "localField", "who",
	    "foreignField", "_id", "as", "m", "}", "}",
	    "{", "$match", "{", "m.kind", "{", "$ne", BCON_UTF8("mailbox"),
	    "}", "}", "}",
	    "{", "$project", "{", "where", "$name", "who", "$acl.i", "}", "}",
	    "]");
}

enum rc
verify_acl(struct db *db, verify_sink *sink, void *ctx, struct err *err)
{
	struct lists l = { .sink = sink, .ctx = ctx, .a = arena_new() };
	enum rc rc = look(&l, db, DB_FOLDERS, entries_without_share(),
	    "acl-share", "nothing says to whom this is shared", err);

	if (rc == RC_OK)
		rc = look(&l, db, DB_SHARES, shares_without_entry(),
		    "share-entry", "no such entry is there", err);
	if (rc == RC_OK)
		rc = look(&l, db, DB_FOLDERS, entries_without_mailbox(),
		    "acl-mailbox", "there is no such mailbox", err);
	arena_free(l.a);
	return rc;
}
