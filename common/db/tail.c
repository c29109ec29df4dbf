/*
 * One update does all that an append needs, so that a uid is never visible
 * late and never given twice; see tail.h and ARCHITECTURE.md, "The store".
 */
#include "db/tail.h"

#include "base/banned.h"

static void
add_entry(bson_t *array, size_t k, const struct entry *e)
{
	bson_oid_t id;
	bson_t *doc;
	char text[16];
	const char *key;

	bson_oid_init_from_data(&id, e->message.b);
	doc = BCON_NEW("u", "{", "$add", "[", "$uidnext",
	    BCON_INT64((int64_t)k), "]", "}",
	    "f", BCON_INT64((int64_t)e->flags),
	    "m", "{", "$add", "[", "$highestmodseq", BCON_INT64(1), "]", "}",
	    "i", BCON_OID(&id), "s", BCON_INT64((int64_t)e->size),
	    "d", BCON_INT64(e->date_s), "v", BCON_INT64(e->saved_s));
	bson_uint32_to_string((uint32_t)k, &key, text, sizeof(text));
	BSON_APPEND_DOCUMENT(array, key, doc);
	bson_destroy(doc);
}

static void
add_entries(bson_t *set, const struct entry *v, size_t n)
{
	bson_t tail, concat, added;
	size_t i;

	BSON_APPEND_DOCUMENT_BEGIN(set, "tail", &tail);
	bson_append_array_begin(&tail, "$concatArrays", -1, &concat);
	BSON_APPEND_UTF8(&concat, "0", "$tail");
	bson_append_array_begin(&concat, "1", -1, &added);
	for (i = 0; i < n; i++)
		add_entry(&added, i, &v[i]);
	bson_append_array_end(&concat, &added);
	bson_append_array_end(&tail, &concat);
	bson_append_document_end(set, &tail);
}

static void
add_sum(bson_t *set, const char *field, const char *path, int64_t n)
{
	BCON_APPEND(set, field, "{", "$add", "[", BCON_UTF8(path),
	    BCON_INT64(n), "]", "}");
}

void
tail_append(bson_t *change, const struct entry *v, size_t n)
{
	int64_t octets = 0, unseen = 0, deleted = 0;
	bson_t stage, set;
	size_t i;

	for (i = 0; i < n; i++) {
		octets += (int64_t)v[i].size;
		unseen += !(v[i].flags & FLAG_SEEN);
		deleted += (v[i].flags & FLAG_DELETED) != 0;
	}
	BSON_APPEND_DOCUMENT_BEGIN(change, "0", &stage);
	BSON_APPEND_DOCUMENT_BEGIN(&stage, "$set", &set);
	add_entries(&set, v, n);
	add_sum(&set, "uidnext", "$uidnext", (int64_t)n);
	add_sum(&set, "highestmodseq", "$highestmodseq", 1);
	add_sum(&set, "exists", "$exists", (int64_t)n);
	add_sum(&set, "unseen", "$unseen", unseen);
	add_sum(&set, "deleted", "$deleted", deleted);
	add_sum(&set, "size", "$size", octets);
	bson_append_document_end(&stage, &set);
	bson_append_document_end(change, &stage);
}
