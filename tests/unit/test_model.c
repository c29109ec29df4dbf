/* Unit tests of common/model: identifiers, addresses, rights. */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model/acl.h"
#include "model/address.h"
#include "model/id.h"
#include "base/banned.h"

START_TEST(test_oid)
{
	struct oid a, b, c = { { 0 } };
	char text[OID_HEX];

	ck_assert(oid_is_zero(&c));
	clock_set_fake(0, 0x65000000LL * 1000);
	a = oid_new();
	clock_set_fake(0, 0x65000001LL * 1000);
	b = oid_new();
	clock_set_fake(-1, -1);
	ck_assert(!oid_equals(&a, &b));
	ck_assert_int_lt(oid_compare(&a, &b), 0);
	ck_assert(str_starts_with(oid_format(&a, text), STR("65000000")));
	ck_assert(oid_parse(oid_format(&b, text), &c));
	ck_assert(oid_equals(&b, &c));
	ck_assert(!oid_parse(STR("65000000"), &c));
	ck_assert(!oid_parse(STR("65000000000000000000000g"), &c));
	ck_assert(oid_equals(&b, &c));
}
END_TEST

START_TEST(test_uuid)
{
	struct uuid a = uuid_new(), b = uuid_new(), c;
	char text[UUID_TEXT];
	struct str s = uuid_format(&a, text);

	ck_assert(!uuid_equals(&a, &b));
	ck_assert_int_ne(uuid_compare(&a, &b), 0);
	ck_assert_int_eq(s.p[14], '4');
	ck_assert(uuid_parse(s, &c));
	ck_assert(uuid_equals(&a, &c));
	ck_assert(str_equals(
	    uuid_format(&c, text), str_make(s.p, s.len)));
	ck_assert(uuid_parse(
	    STR("00112233-4455-4677-8899-AABBCCDDEEFF"), &c));
	ck_assert(str_equals(uuid_format(&c, text),
	    STR("00112233-4455-4677-8899-aabbccddeeff")));
	ck_assert(!uuid_parse(
	    STR("00112233+4455-4677-8899-AABBCCDDEEFF"), &c));
	ck_assert(!uuid_parse(STR("00112233445546778899AABBCCDDEEFF"), &c));
}
END_TEST

START_TEST(test_address)
{
	struct arena *a = arena_new();
	struct address x = { STR_INIT("Some.One+tag"), STR_INIT("Ex.TEST"),
		false };
	struct address y;
	struct str local = STR_NONE;

	ck_assert(str_equals(
	    address_key(a, &x), STR("some.one+tag@ex.test")));
	ck_assert(address_from_key(STR("a@b@c"), &y));
	ck_assert(str_equals(y.local, STR("a@b")));
	ck_assert(str_equals(y.domain, STR("c")));
	ck_assert(!address_from_key(STR("nobody"), &y));
	ck_assert(!address_is_null(&x));
	y = (struct address){ STR_INIT("other"), STR_INIT("eX.teST"),
		false };
	ck_assert(address_strip_tag(&x, STR("+"), &local));
	ck_assert(str_equals(local, STR("Some.One")));
	ck_assert(!address_strip_tag(&x, STR(""), &local));
	ck_assert(!address_strip_tag(&y, STR("+"), &local));
	y.local = STR("+tag");
	ck_assert(!address_strip_tag(&y, STR("+"), &local));
	arena_free(a);
}
END_TEST

START_TEST(test_both_spellings_of_a_domain_are_one_key)
{
	static const struct {
		struct str text;
		struct str key;
	} rows[] = {
		{ STR_INIT("Eva@b\xc3\xbc" "cher.example"),
		    STR_INIT("eva@xn--bcher-kva.example") },
		{ STR_INIT("eva@B\xc3\x9c" "CHER.Example"),
		    STR_INIT("eva@xn--bcher-kva.example") },
		/* decomposed: u and a combining diaeresis */
		{ STR_INIT("eva@bu\xcc\x88" "cher.example"),
		    STR_INIT("eva@xn--bcher-kva.example") },
		{ STR_INIT("eva@XN--Bcher-KVA.example"),
		    STR_INIT("eva@xn--bcher-kva.example") },
		{ STR_INIT("eva@stra\xc3\x9f" "e.example"),
		    STR_INIT("eva@xn--strae-oqa.example") },
		{ STR_INIT("*@b\xc3\xbc" "cher.example"),
		    STR_INIT("*@xn--bcher-kva.example") },
		{ STR_INIT("\xc3\x84@example.org"),
		    STR_INIT("\xc3\x84@example.org") },
		{ STR_INIT("a@[IPv6:::1]"), STR_INIT("a@[ipv6:::1]") },
		{ STR_INIT("a@b--c_d.example"), STR_INIT("a@b--c_d.example") },
		/* no names: only lower case, so that nobody has them */
		{ STR_INIT("A@\xff.B"), STR_INIT("a@\xff.b") },
		{ STR_INIT("A@\xe2\x80\xae.B"),
		    STR_INIT("a@\xe2\x80\xae.b") },
		{ STR_INIT("Anyone"), STR_INIT("anyone") },
	};
	struct arena *a = arena_new();
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct str key = address_key_of(a, rows[i].text);

		ck_assert_msg(str_equals(key, rows[i].key), "%.*s: %.*s",
		    STR_ARG(rows[i].text), STR_ARG(key));
	}
	arena_free(a);
}
END_TEST

START_TEST(test_acl_letters)
{
	static const struct {
		struct str text;
		struct str kept;
		struct str told;
	} rows[] = {
		{ STR_INIT(""), STR_INIT(""), STR_INIT("") },
		{ STR_INIT("l"), STR_INIT("l"), STR_INIT("l") },
		{ STR_INIT("aetxkpiwsrl"), STR_INIT("lrswipkxtea"),
		    STR_INIT("lrswipkxteacd") },
		{ STR_INIT("c"), STR_INIT("kx"), STR_INIT("kxc") },
		{ STR_INIT("d"), STR_INIT("te"), STR_INIT("ted") },
		{ STR_INIT("x"), STR_INIT("x"), STR_INIT("xc") },
		{ STR_INIT("ee"), STR_INIT("e"), STR_INIT("ed") },
	};
	char text[ACL_TEXT];
	unsigned rights = 7;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ck_assert(acl_parse(rows[i].text, &rights));
		ck_assert(str_equals(
		    acl_format(rights, false, text), rows[i].kept));
		ck_assert(str_equals(
		    acl_format(rights, true, text), rows[i].told));
	}
	ck_assert(!acl_parse(STR("lq"), &rights));
	ck_assert(!acl_parse(STR("L"), &rights));
	ck_assert(!acl_parse(STR("0"), &rights));
	ck_assert(!acl_parse(STR("+l"), &rights));
	ck_assert(!acl_parse(str_make("l\0r", 3), &rights));
	ck_assert_uint_eq(rights, RIGHT_EXPUNGE);
}
END_TEST

START_TEST(test_acl_rights)
{
	const struct acl_entry v[] = {
		{ STR_INIT("a@x"), RIGHT_READ | RIGHT_SEEN },
		{ STR_INIT("-b@x"), RIGHT_LOOKUP },
		{ STR_INIT("anyone"), RIGHT_LOOKUP | RIGHT_WRITE },
		{ STR_INIT("-anyone"), RIGHT_WRITE },
		{ STR_INIT("-a@x"), RIGHT_SEEN },
	};

	ck_assert_uint_eq(acl_rights(v, 0, STR("a@x")), 0);
	ck_assert_uint_eq(acl_rights(v, 3, STR("a@x")),
	    RIGHT_READ | RIGHT_SEEN | RIGHT_LOOKUP | RIGHT_WRITE);
	ck_assert_uint_eq(
	    acl_rights(v, 5, STR("a@x")), RIGHT_READ | RIGHT_LOOKUP);
	ck_assert_uint_eq(acl_rights(v, 5, STR("b@x")), 0);
	ck_assert_uint_eq(acl_rights(v, 5, STR("c@x")), RIGHT_LOOKUP);
	ck_assert(str_equals(acl_bare(STR("-b")), STR("b")));
	ck_assert(str_equals(acl_bare(STR("b-")), STR("b-")));
	ck_assert(acl_is_anyone(STR("-anyone")));
	ck_assert(!acl_is_anyone(STR("anyone@x")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("model");
	TCase *t = tcase_create("model");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_oid);
	tcase_add_test(t, test_uuid);
	tcase_add_test(t, test_address);
	tcase_add_test(t, test_both_spellings_of_a_domain_are_one_key);
	tcase_add_test(t, test_acl_letters);
	tcase_add_test(t, test_acl_rights);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
