/* Unit tests of documents: what is added is read back; wrong types are
 * empty. No database is needed. */
#include <check.h>
#include <stdlib.h>

#include "db/db_internal.h"
#include "db/store_internal.h"
#include "base/banned.h"

START_TEST(test_round_trip)
{
	struct arena *a = arena_new();
	struct oid id = oid_new(), id2;
	struct uuid owner = uuid_new(), owner2;
	bson_t doc = BSON_INITIALIZER;
	bson_t inner;

	BSON_APPEND_DOCUMENT_BEGIN(&doc, "_id", &inner);
	doc_add_uuid(&inner, "o", &owner);
	doc_add_oid(&inner, "i", &id);
	bson_append_document_end(&doc, &inner);
	doc_add_bytes(&doc, "p", STR("a\0\r\n\xff"));
	doc_add_bytes(&doc, "none", STR_NONE);
	doc_add_text(&doc, "t", STR("\xc3\xa9"));
	BSON_APPEND_INT64(&doc, "n", INT64_MAX);
	BSON_APPEND_INT32(&doc, "m", -5);
	BSON_APPEND_DATE_TIME(&doc, "d", 1700000000123);
	BSON_APPEND_BOOL(&doc, "b", true);

	ck_assert(doc_uuid(&doc, "_id.o", &owner2));
	ck_assert(uuid_equals(&owner, &owner2));
	ck_assert(doc_oid(&doc, "_id.i", &id2));
	ck_assert(oid_equals(&id, &id2));
	ck_assert(str_equals(
	    doc_bytes_in(a, &doc, "p"), STR("a\0\r\n\xff")));
	ck_assert_uint_eq(doc_bytes_in(a, &doc, "none").len, 0);
	ck_assert(str_equals(doc_text_in(a, &doc, "t"), STR("\xc3\xa9")));
	ck_assert_int_eq(doc_int(&doc, "n"), INT64_MAX);
	ck_assert_int_eq(doc_int(&doc, "m"), -5);
	ck_assert_int_eq(doc_int(&doc, "d"), 1700000000123);
	ck_assert(doc_bool(&doc, "b"));
	bson_destroy(&doc);
	arena_free(a);
}
END_TEST

START_TEST(test_wrong_types)
{
	struct arena *a = arena_new();
	struct oid id = { { 7 } };
	struct uuid owner = { { 7 } };
	bson_t doc = BSON_INITIALIZER;

	doc_add_text(&doc, "t", STR("text"));
	doc_add_bytes(&doc, "p", STR("short"));
	BSON_APPEND_INT32(&doc, "n", 1);
	ck_assert(!doc_oid(&doc, "t", &id));
	ck_assert(!doc_oid(&doc, "absent", &id));
	ck_assert(!doc_uuid(&doc, "p", &owner));
	ck_assert(!doc_uuid(&doc, "n.n", &owner));
	ck_assert_int_eq(id.b[0], 7);
	ck_assert_int_eq(owner.b[0], 7);
	ck_assert_int_eq(doc_int(&doc, "t"), 0);
	ck_assert(!doc_bool(&doc, "n"));
	ck_assert_ptr_null(doc_bytes_in(a, &doc, "t").p);
	ck_assert_ptr_null(doc_text_in(a, &doc, "n").p);
	bson_destroy(&doc);
	arena_free(a);
}
END_TEST

static const struct entry whole = {
	.uid = 4000000000, .size = 4294967295, .flags = UINT64_C(1) << 61 | 5,
	.modseq = INT64_MAX, .message = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
		11, 12 } },
	.date_s = -1, .saved_s = 1700000000,
};

static void
check_entry(const struct entry *e)
{
	ck_assert_uint_eq(e->uid, whole.uid);
	ck_assert_uint_eq(e->size, whole.size);
	ck_assert_uint_eq(e->flags, whole.flags);
	ck_assert_uint_eq(e->modseq, whole.modseq);
	ck_assert(oid_equals(&e->message, &whole.message));
	ck_assert_int_eq(e->date_s, whole.date_s);
	ck_assert_int_eq(e->saved_s, whole.saved_s);
}

/* The same fields in another order, some of another type. */
static void
add_odd_entry(bson_t *array, const char *key)
{
	bson_t e;

	bson_append_document_begin(array, key, -1, &e);
	BSON_APPEND_INT64(&e, "v", whole.saved_s);
	BSON_APPEND_INT64(&e, "f", (int64_t)whole.flags);
	BSON_APPEND_INT64(&e, "m", (int64_t)whole.modseq);
	doc_add_oid(&e, "i", &whole.message);
	BSON_APPEND_INT64(&e, "s", whole.size);
	BSON_APPEND_INT32(&e, "d", (int32_t)whole.date_s);
	BSON_APPEND_DOUBLE(&e, "u", whole.uid);
	bson_append_document_end(array, &e);
}

/* Entries as they are always written, and as they never are. */
START_TEST(test_entries)
{
	struct arena *a = arena_new();
	entry_vec v = { 0 };
	bson_t doc = BSON_INITIALIZER, array;

	entries_encode(&doc, "e", &whole, 1);
	bson_append_array_begin(&doc, "odd", -1, &array);
	add_odd_entry(&array, "0");
	entry_encode(&array, 1, &whole);
	BSON_APPEND_INT32(&array, "2", 7);
	bson_append_array_end(&doc, &array);
	entries_decode(a, &doc, "e", &v);
	ck_assert_uint_eq(v.n, 1);
	check_entry(&v.v[0]);
	entries_decode(a, &doc, "odd", &v);
	ck_assert_uint_eq(v.n, 4);
	check_entry(&v.v[1]);
	check_entry(&v.v[2]);
	ck_assert_uint_eq(v.v[3].uid, 0);
	bson_destroy(&doc);
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("doc");
	TCase *t = tcase_create("doc");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_wrong_types);
	tcase_add_test(t, test_entries);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
