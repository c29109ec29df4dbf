/* Documents: the few BSON types that this project stores. */
#include "db/db_internal.h"

#include "base/banned.h"

void
doc_add_oid(bson_t *doc, const char *key, const struct oid *id)
{
	bson_oid_t oid;

	bson_oid_init_from_data(&oid, id->b);
	bson_append_oid(doc, key, -1, &oid);
}

void
doc_add_uuid(bson_t *doc, const char *key, const struct uuid *id)
{
	bson_append_binary(
	    doc, key, -1, BSON_SUBTYPE_UUID, id->b, UUID_SIZE);
}

void
doc_add_bytes(bson_t *doc, const char *key, struct str bytes)
{
	const char *p = bytes.len ? bytes.p : "";

	bson_append_binary(doc, key, -1, BSON_SUBTYPE_BINARY,
	    (const uint8_t *)p, (uint32_t)bytes.len);
}

void
doc_add_text(bson_t *doc, const char *key, struct str text)
{
	bson_append_utf8(
	    doc, key, -1, text.len ? text.p : "", (int)text.len);
}

static bool
find(const bson_t *doc, const char *path, bson_iter_t *ret_field)
{
	bson_iter_t it;

	return bson_iter_init(&it, doc) &&
	    bson_iter_find_descendant(&it, path, ret_field);
}

int64_t
doc_int(const bson_t *doc, const char *path)
{
	bson_iter_t field;

	if (!find(doc, path, &field))
		return 0;
	if (BSON_ITER_HOLDS_DATE_TIME(&field))
		return bson_iter_date_time(&field);
	return BSON_ITER_HOLDS_NUMBER(&field) ? bson_iter_as_int64(&field)
					      : 0;
}

bool
doc_bool(const bson_t *doc, const char *path)
{
	bson_iter_t field;

	return find(doc, path, &field) && BSON_ITER_HOLDS_BOOL(&field) &&
	    bson_iter_bool(&field);
}

struct str
doc_bytes_in(struct arena *a, const bson_t *doc, const char *path)
{
	bson_iter_t field;
	const uint8_t *p;
	uint32_t len;

	if (!find(doc, path, &field) || !BSON_ITER_HOLDS_BINARY(&field))
		return STR_NONE;
	bson_iter_binary(&field, NULL, &len, &p);
	return arena_dup_str(a, str_make(p, len));
}

struct str
doc_text_in(struct arena *a, const bson_t *doc, const char *path)
{
	bson_iter_t field;
	const char *p;
	uint32_t len;

	if (!find(doc, path, &field) || !BSON_ITER_HOLDS_UTF8(&field))
		return STR_NONE;
	p = bson_iter_utf8(&field, &len);
	return arena_dup_str(a, str_make(p, len));
}

bool
doc_oid(const bson_t *doc, const char *path, struct oid *ret_id)
{
	bson_iter_t field;

	if (!find(doc, path, &field) || !BSON_ITER_HOLDS_OID(&field))
		return false;
	memcpy(ret_id->b, bson_iter_oid(&field)->bytes, OID_SIZE);
	return true;
}

bool
doc_uuid(const bson_t *doc, const char *path, struct uuid *ret_id)
{
	bson_iter_t field;
	const uint8_t *p;
	uint32_t len;

	if (!find(doc, path, &field) || !BSON_ITER_HOLDS_BINARY(&field))
		return false;
	bson_iter_binary(&field, NULL, &len, &p);
	if (len != UUID_SIZE)
		return false;
	memcpy(ret_id->b, p, UUID_SIZE);
	return true;
}
