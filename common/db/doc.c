/* Documents: the few BSON types that this project stores. */
#include <assert.h>

#include "base/vec.h"
#include "db/db_internal.h"

#include "base/banned.h"

bson_t *
doc_from_json(const char *json)
{
	bson_error_t error;
	bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);

	assert(doc);
	return doc;
}

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
doc_add_oids(bson_t *doc, const char *key, const struct oid *v, size_t n)
{
	char text[16];
	const char *index;
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, key, -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string(
		    (uint32_t)i, &index, text, sizeof(text));
		doc_add_oid(&array, index, &v[i]);
	}
	bson_append_array_end(doc, &array);
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
	const char *p = text.len ? text.p : "";

	if (bson_utf8_validate(p, text.len, false))
		bson_append_utf8(doc, key, -1, p, (int)text.len);
	else
		doc_add_bytes(doc, key, text);
}

void
doc_add_int(bson_t *doc, const char *key, int64_t n)
{
	bson_append_int64(doc, key, -1, n);
}

void
doc_add_texts(bson_t *doc, const char *key, const struct str *v, size_t n)
{
	char text[16];
	const char *index;
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, key, -1, &array);
	for (i = 0; i < n; i++) {
		bson_uint32_to_string(
		    (uint32_t)i, &index, text, sizeof(text));
		doc_add_text(&array, index, v[i]);
	}
	bson_append_array_end(doc, &array);
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
doc_view_bytes(const bson_t *doc, const char *path)
{
	bson_iter_t field;
	const uint8_t *p;
	uint32_t len;

	if (!find(doc, path, &field) || !BSON_ITER_HOLDS_BINARY(&field))
		return STR_NONE;
	bson_iter_binary(&field, NULL, &len, &p);
	return str_make(p, len);
}

struct str
doc_bytes_in(struct arena *a, const bson_t *doc, const char *path)
{
	struct str bytes = doc_view_bytes(doc, path);

	return bytes.p ? arena_dup_str(a, bytes) : STR_NONE;
}

static struct str
text_of(struct arena *a, const bson_iter_t *field)
{
	const uint8_t *b;
	const char *p;
	uint32_t len;

	if (BSON_ITER_HOLDS_UTF8(field)) {
		p = bson_iter_utf8(field, &len);
		return arena_dup_str(a, str_make(p, len));
	}
	if (BSON_ITER_HOLDS_BINARY(field)) {
		bson_iter_binary(field, NULL, &len, &b);
		return arena_dup_str(a, str_make(b, len));
	}
	return STR_NONE;
}

struct str
doc_text_in(struct arena *a, const bson_t *doc, const char *path)
{
	bson_iter_t field;

	return find(doc, path, &field) ? text_of(a, &field) : STR_NONE;
}

bool
doc_array(const bson_t *doc, const char *path, bson_iter_t *ret_it)
{
	bson_iter_t field;

	return find(doc, path, &field) && BSON_ITER_HOLDS_ARRAY(&field) &&
	    bson_iter_recurse(&field, ret_it);
}

bool
doc_array_next(bson_iter_t *it, bson_t *ret_doc)
{
	const uint8_t *p;
	uint32_t len;

	while (bson_iter_next(it)) {
		if (!BSON_ITER_HOLDS_DOCUMENT(it))
			continue;
		bson_iter_document(it, &len, &p);
		return bson_init_static(ret_doc, p, len);
	}
	return false;
}

const struct str *
doc_texts_in(
    struct arena *a, const bson_t *doc, const char *path, size_t *ret_n)
{
	VEC(struct str) texts = { 0 };
	bson_iter_t it;

	if (doc_array(doc, path, &it)) {
		while (bson_iter_next(&it))
			VEC_PUSH(a, &texts, text_of(a, &it));
	}
	*ret_n = texts.n;
	return texts.v;
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
