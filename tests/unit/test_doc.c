/* Unit tests of documents: what is added is read back; wrong types are
 * empty. No database is needed. */
#include <check.h>
#include <stdlib.h>

#include "db/db_internal.h"
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

int
main(void)
{
	Suite *s = suite_create("doc");
	TCase *t = tcase_create("doc");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_wrong_types);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
