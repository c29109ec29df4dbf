/*
 * Collections, their indexes and their shard keys.
 *
 * config     _id "all" or a daemon {keys {"remote/route": value}: a key's
 *            dots are written as '/'}; "secret" {bytes}; "schema"
 *            {number, writes}: see migrate.h; config set counts there
 * counters   _id "uidvalidity" {last}: the last given
 * domains    _id name (lower-case A-labels), delivery, postmaster, route,
 *            tls, max_size, disabled
 * mailboxes  _id address, domain, kind, owner, password, scram, size{current,
 *            maximum, expunged (not yet collected)},
 *            credentials (rises with each new password),
 *            removed (its removal has begun), names, annotated, shared
 *            (written by what hangs on it: store_internal.h),
 *            destinations, ...
 * queue      see queue_doc.c
 * folders    _id, owner, mailbox (address), name, uidvalidity, uidnext,
 *            highestmodseq, xmodseq (of the last expunge), exists, unseen,
 *            deleted, size, recent, keywords ("" is a free place),
 *            special, subscribed, noselect,
 *            acl [{i identifier, r rights}] when there is one,
 *            annotated (rises with its annotations), names (of INBOX: rises
 *            when a name is gone),
 *            tail [{u uid, f flags, m modseq, i message, s size, d date,
 *            v saved}]
 * pages      _id, owner, folder, lo, hi (uids), mod (highest modseq), n, un
 *            (entries, unseen ones), first (index of the first unseen, or n),
 *            e [as tail]
 * messages   _id, owner, blob, prefix, size, facts, grams (text index), queue
 * blobs      _id 16 octets: blob id and number of the chunk, b octets
 * trash      _id, owner, folder, m modseq, at, u [lo, hi, lo, hi ...],
 *            messages [ids] until gc took them, size (their octets), then
 *            blobs [ids] that gc looks at
 * limits     _id key, counters, h [hashes of wrong passwords], expires
 * annotations _id, owner (16 zeros: all), folder (12 zeros: the server),
 *            name (another user's private one: his owner id before it),
 *            user (of such a one, that id as text), value, stamp (another with each value)
 * incoming   _id blob, at (last sign of its writer), n (references made)
 * shares     _id, identifier, owner, folder: one for each entry of an acl
 */
#include <stdio.h>

#include "base/rnd.h"
#include "db/db_internal.h"
#include "db/migrate.h"

#include "base/banned.h"

struct collection_spec {
	enum db_collection which;
	const char *indexes;   /* the command's array, JSON; NULL = none */
	const char *shard_key; /* JSON; NULL = not sharded */
};

static const struct collection_spec specs[] = {
	{ DB_CONFIG, NULL, NULL },
	{ DB_COUNTERS, NULL, NULL },
	{ DB_DOMAINS, NULL, "{\"_id\": \"hashed\"}" },
	{ DB_MAILBOXES,
	    "[{\"name\": \"domain\", \"key\": {\"domain\": 1}},"
	    " {\"name\": \"owner\", \"key\": {\"owner\": 1}}]",
	    "{\"_id\": \"hashed\"}" },
	{ DB_QUEUE,
	    "[{\"name\": \"due\", \"key\": {\"bucket\": 1, \"next_at\": 1}},"
	    " {\"name\": \"blob\", \"key\": {\"blob\": 1}}]",
	    "{\"bucket\": 1, \"_id\": 1}" },
	{ DB_FOLDERS,
	    "[{\"name\": \"name\", \"key\": {\"owner\": 1, \"name\": 1},"
	    "  \"unique\": true}]",
	    "{\"owner\": 1}" },
	{ DB_PAGES,
	    "[{\"name\": \"first\", \"key\":"
	    "  {\"owner\": 1, \"folder\": 1, \"lo\": 1, \"n\": 1,"
	    "   \"un\": 1, \"first\": 1}},"
	    " {\"name\": \"mod\", \"key\":"
	    "  {\"owner\": 1, \"folder\": 1, \"mod\": 1}}]",
	    "{\"owner\": 1, \"folder\": 1, \"lo\": 1}" },
	{ DB_MESSAGES, "[{\"name\": \"blob\", \"key\": {\"blob\": 1}}]",
	    "{\"owner\": 1, \"_id\": 1}" },
	{ DB_BLOBS, NULL, "{\"_id\": \"hashed\"}" },
	{ DB_TRASH,
	    "[{\"name\": \"modseq\", \"key\":"
	    "  {\"owner\": 1, \"folder\": 1, \"m\": 1}},"
	    " {\"name\": \"at\", \"key\": {\"at\": 1}}]",
	    "{\"owner\": 1, \"folder\": 1, \"m\": 1}" },
	{ DB_LIMITS,
	    "[{\"name\": \"expires\", \"key\": {\"expires\": 1},"
	    "  \"expireAfterSeconds\": 0}]",
	    "{\"_id\": \"hashed\"}" },
	{ DB_ANNOTATIONS,
	    "[{\"name\": \"name\", \"key\":"
	    "  {\"owner\": 1, \"folder\": 1, \"name\": 1},"
	    "  \"unique\": true},"
	    " {\"name\": \"user\", \"key\": {\"user\": 1},"
	    "  \"sparse\": true}]",
	    "{\"owner\": 1}" },
	{ DB_SHARES,
	    "[{\"name\": \"entry\", \"key\":"
	    "  {\"identifier\": 1, \"owner\": 1, \"folder\": 1},"
	    "  \"unique\": true}]",
	    "{\"identifier\": 1, \"owner\": 1}" },
	{ DB_INCOMING, "[{\"name\": \"at\", \"key\": {\"at\": 1}}]",
	    "{\"_id\": \"hashed\"}" },
};

/* NamespaceExists (48) is what a second run gets. */
static enum rc
create(struct db *db, enum db_collection which, struct err *err)
{
	bson_t command = BSON_INITIALIZER, reply;
	bson_error_t error;
	enum rc rc = RC_OK;

	BSON_APPEND_UTF8(&command, "create", db_coll_name(which));
	if (!mongoc_client_command_simple(db->client, db->options.name,
		&command, NULL, &reply, &error) &&
	    error.code != 48)
		rc = db_error(db, &error, &reply, "create", err);
	bson_destroy(&reply);
	bson_destroy(&command);
	return rc;
}

static enum rc
create_indexes(
    struct db *db, const struct collection_spec *spec, struct err *err)
{
	bson_t command = BSON_INITIALIZER;
	bson_t *indexes;
	enum rc rc;

	if (!spec->indexes)
		return RC_OK;
	indexes = doc_from_json(spec->indexes);
	BSON_APPEND_UTF8(&command, "createIndexes",
	    db_coll_name(spec->which));
	BSON_APPEND_ARRAY(&command, "indexes", indexes);
	rc = db_command(db, &command, NULL, err);
	bson_destroy(indexes);
	bson_destroy(&command);
	return rc;
}

static enum rc
shard(struct db *db, const struct collection_spec *spec, struct err *err)
{
	bson_t command = BSON_INITIALIZER, reply;
	bson_error_t error;
	enum rc rc = RC_OK;
	char name[128];
	bson_t *key;

	if (!spec->shard_key)
		return RC_OK;
	key = doc_from_json(spec->shard_key);
	snprintf(name, sizeof(name), "%s.%s", db->options.name,
	    db_coll_name(spec->which));
	BSON_APPEND_UTF8(&command, "shardCollection", name);
	BSON_APPEND_DOCUMENT(&command, "key", key);
	if (!mongoc_client_command_simple(
		db->client, "admin", &command, NULL, &reply, &error))
		rc = db_error(db, &error, &reply, "shardCollection", err);
	bson_destroy(&reply);
	bson_destroy(key);
	bson_destroy(&command);
	return rc;
}

/*
 * Random octets that stay for ever: what all processes derive alike and
 * nobody else can (the salts of unknown users in SCRAM).
 */
static enum rc
make_secret(struct db *db, struct err *err)
{
	bson_t doc = BSON_INITIALIZER;
	bool is_there;
	char bytes[32];
	enum rc rc;

	rnd_fill(bytes, sizeof(bytes));
	BSON_APPEND_UTF8(&doc, "_id", "secret");
	doc_add_bytes(&doc, "bytes", str_make(bytes, sizeof(bytes)));
	rc = db_insert(db, DB_CONFIG, &doc, &is_there, err);
	bson_destroy(&doc);
	return rc;
}

/* A newer database is refused before anything is made in it. */
enum rc
db_init_schema(struct db *db, bool is_sharded, migrate_progress_fn *progress,
    void *ctx, struct err *err)
{
	size_t i, n = sizeof(specs) / sizeof(*specs);
	enum rc rc = db_connect(db, err);

	if (rc == RC_OK)
		rc = migrate_refuse_newer(db, err);
	for (i = 0; rc == RC_OK && i < n; i++)
		rc = create(db, specs[i].which, err);
	if (rc == RC_OK)
		rc = migrate_run(db, progress, ctx, err);
	for (i = 0; rc == RC_OK && i < n; i++) {
		rc = create_indexes(db, &specs[i], err);
		if (rc == RC_OK && is_sharded)
			rc = shard(db, &specs[i], err);
	}
	return rc == RC_OK ? make_secret(db, err) : rc;
}
