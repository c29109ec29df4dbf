/* Unit tests of common/base: slices, arenas, buffers, numbers, clocks. */
#include <check.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/hostport.h"
#include "base/num.h"
#include "base/rnd.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/banned.h"

START_TEST(test_str_compare)
{
	ck_assert(str_equals(STR("abc"), STR("abc")));
	ck_assert(!str_equals(STR("abc"), STR("abd")));
	ck_assert(!str_equals(STR("abc"), STR("ab")));
	ck_assert(str_equals(STR_NONE, STR("")));
	ck_assert(str_equals_nocase(STR("aBc"), STR("AbC")));
	ck_assert(!str_equals_nocase(STR("a["), STR("a{")));
	ck_assert_int_lt(str_compare(STR("a"), STR("b")), 0);
	ck_assert_int_lt(str_compare(STR("a"), STR("ab")), 0);
	ck_assert_int_gt(str_compare(STR("\xff"), STR("a")), 0);
	ck_assert_int_eq(str_compare_nocase(STR("ABC"), STR("abc")), 0);
	ck_assert(str_equals_secret(STR("k\0y"), STR("k\0y")));
	ck_assert(!str_equals_secret(STR("k\0y"), STR("k\0z")));
	ck_assert(!str_equals_secret(STR("k"), STR("kk")));
}
END_TEST

START_TEST(test_str_find)
{
	struct str s = STR("one two\0three");

	ck_assert_uint_eq(str_find_char(s, 't'), 4);
	ck_assert_uint_eq(str_find_char(s, 'x'), s.len);
	ck_assert_uint_eq(str_find_last_char(s, 'e'), s.len - 1);
	ck_assert_uint_eq(str_find(s, STR("three")), 8);
	ck_assert_uint_eq(str_find(s, STR("threex")), s.len);
	ck_assert_uint_eq(str_find(s, STR("")), 0);
	ck_assert_uint_eq(str_find_nocase(s, STR("TWO")), 4);
	ck_assert(str_has_char(s, '\0'));
	ck_assert(str_starts_with(s, STR("one")));
	ck_assert(!str_starts_with(STR("on"), STR("one")));
	ck_assert(str_ends_with_nocase(s, STR("THREE")));
	ck_assert(str_equals(str_slice(s, 4, 3), STR("two")));
	ck_assert(str_equals(str_slice(s, 99, 3), STR("")));
	ck_assert(str_equals(str_tail(s, 8), STR("three")));
	ck_assert(str_equals(str_trim(STR("\t a b\r\n")), STR("a b")));
	ck_assert(str_equals(str_trim(STR(" \r\n")), STR("")));
}
END_TEST

START_TEST(test_str_split)
{
	struct str rest = STR("a,,b,");
	struct str part;
	const char *const want[] = { "a", "", "b", "" };
	size_t n = 0;

	while (str_split_char(&rest, ',', &part)) {
		ck_assert_uint_lt(n, 4);
		ck_assert(str_equals(part, str_from_cstr(want[n])));
		n++;
	}
	ck_assert_uint_eq(n, 4);
	rest = STR("");
	ck_assert(str_split_char(&rest, ',', &part));
	ck_assert_uint_eq(part.len, 0);
	rest = STR_NONE;
	ck_assert(!str_split_char(&rest, ',', &part));
}
END_TEST

START_TEST(test_arena)
{
	struct arena *a = arena_new();
	char *p;
	size_t i, before, n_set = 0;

	for (i = 0; i < 10000; i++) {
		p = arena_alloc(a, i % 97);
		ck_assert_uint_eq((uintptr_t)p % sizeof(void *), 0);
		memset(p, 0x5a, i % 97);
	}
	p = arena_alloc(a, 1 << 20);
	for (i = 0; i < 1 << 20; i++)
		n_set += p[i] != 0;
	ck_assert_uint_eq(n_set, 0);
	before = arena_size(a);
	arena_reset(a);
	ck_assert_uint_lt(arena_size(a), before);
	p = arena_alloc(a, 64);
	for (i = 0; i < 64; i++)
		ck_assert_int_eq(p[i], 0);
	ck_assert_str_eq(arena_dup_cstr(a, STR("copy")), "copy");
	ck_assert(str_equals(
	    arena_join3(a, STR("a"), STR("b"), STR("c")), STR("abc")));
	ck_assert(str_equals(arena_printf(a, "%s-%d", "x", 42), STR("x-42")));
	ck_assert(str_equals(
	    arena_dup_lower(a, STR("A\xc3Z")), STR("a\xc3z")));
	arena_wipe(a);
	arena_free(a);
	arena_free(NULL);
}
END_TEST

START_TEST(test_vec)
{
	struct arena *a = arena_new();
	VEC(size_t) v = { 0 };
	size_t i;

	for (i = 0; i < 1000; i++)
		VEC_PUSH(a, &v, i);
	ck_assert_uint_eq(v.n, 1000);
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(v.v[i], i);
	*VEC_ADD(a, &v) += 7;
	ck_assert_uint_eq(v.v[1000], 7);
	arena_free(a);
}
END_TEST

START_TEST(test_buf)
{
	struct buf b = BUF_INIT;

	buf_add_cstr(&b, "x=");
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_hex(&b, "\x00\xff", 2);
	buf_printf(&b, " %0300d", 1);
	ck_assert(str_starts_with(
	    buf_str(&b), STR("x=18446744073709551615 00ff 000")));
	ck_assert_uint_eq(b.len, 2 + 20 + 1 + 4 + 1 + 300);
	buf_consume(&b, 2);
	buf_truncate(&b, 20);
	ck_assert(str_equals(buf_str(&b), STR("18446744073709551615")));
	buf_reset(&b);
	ck_assert_uint_eq(b.len, 0);
	buf_wipe(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

static const struct {
	const char *text;
	uint64_t max;
	bool is_good;
	uint64_t n;
} u64_cases[] = {
	{ "0", 9, true, 0 },
	{ "9", 9, true, 9 },
	{ "10", 9, false, 0 },
	{ "007", 9, true, 7 },
	{ "", 9, false, 0 },
	{ "-1", 9, false, 0 },
	{ "+1", 9, false, 0 },
	{ "1e9", UINT64_MAX, false, 0 },
	{ " 1", 9, false, 0 },
	{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
	{ "18446744073709551616", UINT64_MAX, false, 0 },
	{ "99999999999999999999999", UINT64_MAX, false, 0 },
};

START_TEST(test_num_u64)
{
	uint64_t n = 77;
	bool good = num_parse_u64(
	    str_from_cstr(u64_cases[_i].text), u64_cases[_i].max, &n);

	ck_assert_int_eq(good, u64_cases[_i].is_good);
	ck_assert_uint_eq(n, good ? u64_cases[_i].n : 77);
}
END_TEST

START_TEST(test_num_units)
{
	uint64_t n;
	int64_t i;

	ck_assert(num_parse_size(STR("35M"), &n));
	ck_assert_uint_eq(n, 35u << 20);
	ck_assert(num_parse_size(STR("512k"), &n));
	ck_assert_uint_eq(n, 512u << 10);
	ck_assert(!num_parse_size(STR("M"), &n));
	ck_assert(!num_parse_size(STR("99999999999999999G"), &n));
	ck_assert(num_parse_duration(STR("2h"), &n));
	ck_assert_uint_eq(n, 7200);
	ck_assert(num_parse_duration(STR("45"), &n));
	ck_assert_uint_eq(n, 45);
	ck_assert(!num_parse_duration(STR("2y"), &n));
	ck_assert(num_parse_i64(STR("-9223372036854775808"), &i));
	ck_assert_int_eq(i, INT64_MIN);
	ck_assert(!num_parse_i64(STR("9223372036854775808"), &i));
}
END_TEST

START_TEST(test_clock)
{
	clock_set_fake(1000, 5000);
	ck_assert_int_eq(clock_deadline(50), 1050);
	ck_assert_int_eq(clock_left_ms(1050), 50);
	ck_assert_int_eq(clock_left_ms(900), 0);
	ck_assert_int_eq(clock_wall_ms(), 5000);
	ck_assert_int_eq(clock_deadline(INT64_MAX), CLOCK_NEVER);
	ck_assert_int_eq(clock_left_ms(CLOCK_NEVER), INT32_MAX);
	clock_set_fake(-1, -1);
	ck_assert_int_gt(clock_wall_ms(), 1600000000000);
}
END_TEST

START_TEST(test_err)
{
	struct err e;
	char big[1000];

	ck_assert_int_eq(err_set(NULL, RC_TEMP, "", "x"), RC_TEMP);
	err_set(&e, RC_PERM, "5.1.1", "a\r\nb");
	ck_assert_str_eq(e.text, "a??b");
	err_prefix(&e, "in %s", "file");
	ck_assert_str_eq(e.text, "in file: a??b");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&e, RC_BUG, "4.3.0", "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_SIZE - 1);
	err_prefix(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_SIZE - 1);
}
END_TEST

START_TEST(test_rnd)
{
	unsigned seen = 0;
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	int i;

	for (i = 0; i < 1000; i++) {
		uint32_t n = rnd_below(5);

		ck_assert_uint_lt(n, 5);
		seen |= 1u << n;
	}
	ck_assert_uint_eq(seen, 0x1f);
	rnd_fill(a, sizeof(a));
	rnd_fill(b, sizeof(b));
	ck_assert(memcmp(a, b, sizeof(a)) != 0);
}
END_TEST

START_TEST(test_ascii)
{
	int c;

	ck_assert_int_eq(ascii_hex_value('f'), 15);
	ck_assert_int_eq(ascii_hex_value('g'), -1);
	for (c = 128; c < 256; c++) {
		ck_assert(!ascii_is_alpha((char)c));
		ck_assert(!ascii_is_graph((char)c));
		ck_assert(!ascii_is_cntl((char)c));
		ck_assert(ascii_is_8bit((char)c));
	}
	ck_assert_int_eq(ascii_lower('Z'), 'z');
	ck_assert_int_eq(ascii_upper('['), '[');
}
END_TEST

START_TEST(test_hostport)
{
	static const struct {
		struct str text;
		struct str address; /* "": refused */
		uint16_t port;
	} rows[] = {
		{ STR_INIT("127.0.0.1"), STR_INIT("127.0.0.1"), 7 },
		{ STR_INIT("127.0.0.1:1"), STR_INIT("127.0.0.1"), 1 },
		{ STR_INIT("127.0.0.1:65535"), STR_INIT("127.0.0.1"), 65535 },
		{ STR_INIT("::1"), STR_INIT("::1"), 7 },
		{ STR_INIT("[::1]"), STR_INIT("::1"), 7 },
		{ STR_INIT("[::1]:783"), STR_INIT("::1"), 783 },
		{ STR_INIT("127.0.0.1:65536"), STR_INIT(""), 7 },
		{ STR_INIT("127.0.0.1:0"), STR_INIT(""), 7 },
		{ STR_INIT("127.0.0.1:"), STR_INIT(""), 7 },
		{ STR_INIT("127.0.0.1:1x"), STR_INIT(""), 7 },
		{ STR_INIT("[::1"), STR_INIT(""), 7 },
		{ STR_INIT("[::1]1"), STR_INIT(""), 7 },
		{ STR_INIT("[127.0.0.1]:1"), STR_INIT(""), 7 },
		{ STR_INIT("localhost:1"), STR_INIT(""), 7 },
		{ STR_INIT("["), STR_INIT(""), 7 },
		{ STR_INIT(":"), STR_INIT(""), 7 },
		{ STR_INIT(""), STR_INIT(""), 7 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct str address = STR("");
		uint16_t port = 7;
		bool ok = hostport_parse(rows[i].text, &address, &port);

		ck_assert_msg(ok == (rows[i].address.len > 0), "%zu", i);
		ck_assert_msg(str_equals(address, rows[i].address), "%zu", i);
		ck_assert_uint_eq(port, rows[i].port);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_str_compare);
	tcase_add_test(t, test_hostport);
	tcase_add_test(t, test_str_find);
	tcase_add_test(t, test_str_split);
	tcase_add_test(t, test_arena);
	tcase_add_test(t, test_vec);
	tcase_add_test(t, test_buf);
	tcase_add_loop_test(t, test_num_u64, 0,
	    (int)(sizeof(u64_cases) / sizeof(u64_cases[0])));
	tcase_add_test(t, test_num_units);
	tcase_add_test(t, test_clock);
	tcase_add_test(t, test_err);
	tcase_add_test(t, test_rnd);
	tcase_add_test(t, test_ascii);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
