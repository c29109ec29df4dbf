/* IMAP arguments, FETCH items, SEARCH keys; modified UTF-7; SMTP
 * parameters; line ends; encoded words; networks; configuration values. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cidr.h"
#include "imap/fetch_att.h"
#include "imap/search.h"
#include "imap/url.h"
#include "mime/crlf.h"
#include "mime/encoded_word.h"
#include "model/config.h"
#include "smtp/params.h"
#include "text/mutf7.h"

#include "base/banned.h"

#define COUNT(v) ((int)(sizeof(v) / sizeof(*(v))))

static struct arena *a;

static void
setup(void)
{
	a = arena_new();
}

static void
teardown(void)
{
	arena_free(a);
}

struct verdict_case {
	const char *text;
	bool is_good;
};

static const struct verdict_case commands[] = {
	{ "a1 NOOP", true },
	{ "a1  NOOP", false },
	{ "a1 FETCH 1:* (FLAGS BODY[HEADER.FIELDS (A B)]<0.5>)", true },
	{ "a1 LOGIN \"a\\\"b\" c", true },
	{ "a1 LOGIN \"a\\xb\" c", false },
	{ "a1 LOGIN \"open c", false },
	{ "a1 X (a (b) c", false },
	{ "a1 X a)", false },
	{ "a1 X {", false },
	{ "* X", false },
	{ "a+ X", false },
	{ "", false },
	{ "a1", false },
	{ "a1 UID", false },
	{ "a1 LIST \"\" *", true },
	{ "a1 SELECT a[b", true },
	{ "a1 LIST \"\" *[*", true },
	{ "a1 SEARCH SUBJECT BODY[x", true },
	{ "a1 FETCH 1 BODY[", false },
	{ "a1 UID FETCH 1 (BODY[HEADER.FIELDS (\"]\" a)]<0.5> UID)", true },
	{ "a1 FETCH 1 BODY[\"]", false },
	{ "a1 FETCH 1 BODY[HEADER.FIELDS ({1})]", false },
	{ "a1 LOGIN \"\xc3\xa4\" x", true },
	{ "a1 LOGIN \"\xc3\" x", false },
	{ "a1 LOGIN \xc3\xa4 x", false },
};

START_TEST(test_commands)
{
	struct command_piece p = { .line = str_from_cstr(commands[_i].text) };
	struct command_text c;
	const char *wrong = command_parse(a, &p, 1, &c);

	ck_assert_msg(!wrong == commands[_i].is_good, "%s: %s",
	    commands[_i].text, wrong ? wrong : "parsed");
}
END_TEST

START_TEST(test_nesting)
{
	struct buf b = BUF_INIT;
	struct command_piece p = { .has_literal = false };
	struct command_text c;
	int i;

	buf_add_cstr(&b, "a1 NOOP ");
	for (i = 0; i < 4000; i++)
		buf_add_char(&b, '(');
	p.line = buf_str(&b);
	ck_assert_ptr_nonnull(command_parse(a, &p, 1, &c));
	buf_done(&b);
}
END_TEST

struct literal_case {
	const char *line;
	enum literal_kind kind;
	uint64_t size;
};

static const struct literal_case literals[] = {
	{ "a X {5}", LITERAL_SYNC, 5 },
	{ "a X {5+}", LITERAL_NONSYNC, 5 },
	{ "a X (~{5+}", LITERAL_NONSYNC, 5 },
	{ "a X (~{5-}", LITERAL_LOST, 0 },
	{ "a X {005}", LITERAL_SYNC, 5 },
	{ "a X {01+}", LITERAL_NONSYNC, 1 },
	{ "a X {0}", LITERAL_SYNC, 0 },
	{ "a X {-1}", LITERAL_BAD, 0 },
	{ "a X {}", LITERAL_BAD, 0 },
	{ "a X {+}", LITERAL_LOST, 0 },
	{ "a X {4294967295+}", LITERAL_LOST, 0 },
	{ "a X {99999999999999999999999999999-}", LITERAL_LOST, 0 },
	{ "a X y{5+}", LITERAL_LOST, 0 },
	{ "a X y{5}", LITERAL_NONE, 0 },
	{ "a X {1a}", LITERAL_BAD, 0 },
	{ "a X {4294967295}", LITERAL_BAD, 0 },
	{ "a X {99999999999999999999999999999}", LITERAL_BAD, 0 },
	{ "a X \"{5}\"", LITERAL_NONE, 0 },
	{ "a X", LITERAL_NONE, 0 },
};

START_TEST(test_literals)
{
	struct literal_spec l = literal_of(str_from_cstr(literals[_i].line));

	ck_assert_int_eq(l.kind, literals[_i].kind);
	if (l.kind != LITERAL_BAD && l.kind != LITERAL_LOST)
		ck_assert_uint_eq(l.size, literals[_i].size);
}
END_TEST

static const struct verdict_case fetches[] = {
	{ "FLAGS", true },
	{ "(UID RFC822.SIZE)", true },
	{ "BODY[]", true },
	{ "BODY.PEEK[1.2.MIME]<5.100>", true },
	{ "BODY[HEADER.FIELDS (From)]", true },
	{ "BODY[HEADER.FIELDS ()]", false },
	{ "BODY[HEADER.FIELDS (\"(\\\"]\" x)]", true },
	{ "BODY[HEADER.FIELDS (a\"b)]", false },
	{ "BODY[HEADER.FIELDS (\"a\"b)]", false },
	{ "BODY[HEADER.FIELDS ((a))]", false },
	{ "ALL", true },
	{ "(ALL)", false },
	{ "(UID fast)", false },
	{ "(FULL)", false },
	{ "BODY[0]", false },
	{ "BODY[1.]", false },
	{ "BODY[-1]", false },
	{ "BODY[4294967296]", false },
	{ "BODY[MIME]", false },
	{ "BODY[]<0.0>", false },
	{ "BODY[]<5.-1>", false },
	{ "BODY[]<4294967295.4294967295>", true },
	{ "FOO", false },
	{ "()", false },
	{ "(PREVIEW (LAZY) UID)", true },
	{ "(PREVIEW UID (LAZY))", false },
	{ "(PREVIEW (FOO))", false },
};

static const char *
parse_line(const char *line, struct command_text *c)
{
	struct command_piece p = { .line = arena_join(
				       a, STR("a FETCH "),
				       str_from_cstr(line)) };

	return command_parse(a, &p, 1, c);
}

START_TEST(test_fetch)
{
	struct command_text c;
	struct fetch_atts atts;
	const char *wrong = parse_line(fetches[_i].text, &c);

	if (!wrong)
		wrong = fetch_atts_parse(a, &c.args[0], &atts);
	ck_assert_msg(!wrong == fetches[_i].is_good, "%s", fetches[_i].text);
}
END_TEST

/* A URL, and its parts printed again; NULL: it is none. */
struct url_case {
	const char *text;
	const char *parts;
};

static const struct url_case urls[] = {
	{ "/INBOX/;UID=20", "/INBOX 0 20 0 0+0" },
	{ "/INBOX;UIDVALIDITY=7/;UID=20", "/INBOX 7 20 0 0+0" },
	{ "/a/b/;uid=4294967295/;section=1.2.MIME",
	    "/a/b 0 4294967295 2 0+0" },
	{ "/a;UIDVALIDITY=7/;UID=20;SECTION=1.5.9", "/a 7 20 3 0+0" },
	{ "c/;UID=1/;PARTIAL=5.10", "c 0 1 0 5+10" },
	{ ";UID=1/;SECTION=HEADER", " 0 1 0 0+0" },
	{ "/%41%20%C3%BC/;UID=1", "/A \xc3\xbc 0 1 0 0+0" },
	{ "/a/;UID=1/;SECTION=HEADER.FIELDS%20(To%20Cc)", "/a 0 1 0 0+0" },
	{ "", NULL },
	{ "/", NULL },
	{ "/INBOX", NULL },
	{ "/INBOX;UIDVALIDITY=7", NULL },
	{ "/INBOX/;UID=", NULL },
	{ "/INBOX/;UID=0", NULL },
	{ "/INBOX/;UID=4294967296", NULL },
	{ "/INBOX/;UID=1;UID=2", NULL },
	{ "/INBOX/;UID=1;UIDVALIDITY=2", NULL },
	{ "/INBOX/;UID=1/;SECTION=", NULL },
	{ "/INBOX/;UID=1/;SECTION=MIME", NULL },
	{ "/INBOX/;UID=1/;PARTIAL=1.0", NULL },
	{ "/INBOX/;UID=1/;PARTIAL=-1", NULL },
	{ "/INBOX/;UID=1/;EXPIRE=x", NULL },
	{ "/INBOX/;UID=1?x", NULL },
	{ "/IN BOX/;UID=1", NULL },
	{ "/%4/;UID=1", NULL },
	{ "/%00/;UID=1", NULL },
	{ "/%ff/;UID=1", NULL },
	{ "//host/INBOX/;UID=1", NULL },
	{ "imap://host/INBOX/;UID=1", NULL },
};

START_TEST(test_url)
{
	struct str parts;
	struct imap_url u;

	if (!imap_url_parse(a, str_from_cstr(urls[_i].text), &u)) {
		ck_assert_msg(!urls[_i].parts, "%s", urls[_i].text);
		return;
	}
	ck_assert_msg(urls[_i].parts != NULL, "%s", urls[_i].text);
	parts = arena_printf(a, "%s%.*s %u %u %zu %llu+%llu",
	    u.is_relative ? "" : "/", STR_ARG(u.mailbox), u.uidvalidity,
	    u.uid, u.section.n_part, (unsigned long long)u.section.offset,
	    (unsigned long long)u.section.length);
	ck_assert_msg(str_equals(parts, str_from_cstr(urls[_i].parts)),
	    "%s: %.*s", urls[_i].text, STR_ARG(parts));
}
END_TEST

static const struct verdict_case searches[] = {
	{ "ALL", true },
	{ "1:* NOT SEEN OR FROM x SUBJECT \"y z\"", true },
	{ "SINCE 1-Feb-1994", true },
	{ "SINCE 30-Feb-1994", false },
	{ "SINCE 1-Feb-0000", false },
	{ "(DELETED (FLAGGED))", true },
	{ "HEADER X-Foo \"\"", true },
	{ "OR SEEN", false },
	{ "NOT", false },
	{ "FROB", false },
	{ "()", false },
	{ "RETURN (MIN COUNT) UNSEEN", true },
	{ "RETURN (FOO) UNSEEN", false },
	{ "KEYWORD ((a+)+$", false },
	{ "LARGER x", false },
	{ "SAVEDATESUPPORTED THREADID x", true },
	{ "OLDER 0", false },
	{ "RETURN (PARTIAL 1:2) ALL", true },
	{ "RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL", false },
};

START_TEST(test_search)
{
	struct command_text c;
	struct search_program p;
	const char *wrong = parse_line(searches[_i].text, &c);

	if (!wrong)
		wrong = search_parse(a, c.args, c.n, false, &p);
	ck_assert_msg(!wrong == searches[_i].is_good, "%s: %s",
	    searches[_i].text, wrong ? wrong : "parsed");
}
END_TEST

START_TEST(test_search_depth)
{
	struct buf b = BUF_INIT;
	struct command_text c;
	struct search_program p;
	int i;

	for (i = 0; i < 1000; i++)
		buf_add_cstr(&b, "NOT ");
	buf_add(&b, "SEEN", 5);
	ck_assert_ptr_null(parse_line(b.p, &c));
	ck_assert_ptr_nonnull(search_parse(a, c.args, c.n, false, &p));
	buf_done(&b);
}
END_TEST

struct pair {
	struct str x;
	struct str y;
};

static const struct pair names[] = {
	{ STR_INIT("INBOX"), STR_INIT("INBOX") },
	{ STR_INIT("a&b"), STR_INIT("a&-b") },
	{ STR_INIT("Entw\xc3\xbcrfe"), STR_INIT("Entw&APw-rfe") },
	{ STR_INIT("\xe5\x8f\xb0\xe5\x8c\x97"), STR_INIT("&U,BTFw-") },
	{ STR_INIT("\xf0\x9f\x8e\x89"), STR_INIT("&2Dzf...-") },
};

START_TEST(test_mutf7)
{
	struct buf b = BUF_INIT;
	struct str back;

	mutf7_encode(&b, names[_i].x);
	if (_i < 4)
		ck_assert(str_equals(buf_str(&b), names[_i].y));
	ck_assert(mutf7_decode(a, buf_str(&b), &back));
	ck_assert(str_equals(back, names[_i].x));
	buf_done(&b);
}
END_TEST

static const char *const bad_names[] = { "&", "&AAA", "&2AA-", "&AGE-",
	"\xc3\xbc", "&U,BTFw-&U,BTFw-", "a&AP w-" };

START_TEST(test_bad_mutf7)
{
	struct str out;

	ck_assert(!mutf7_decode(a, str_from_cstr(bad_names[_i]), &out));
}
END_TEST

static const struct pair words[] = {
	{ STR_INIT("plain"), STR_INIT("plain") },
	{ STR_INIT("=?utf-8?Q?Gr=C3=BC=C3=9Fe?="),
	    STR_INIT("Gr\xc3\xbc\xc3\x9f" "e") },
	{ STR_INIT("=?iso-8859-1?Q?a=E4_b?= =?UTF-8?B?w7w=?= x"),
	    STR_INIT("a\xc3\xa4 b\xc3\xbc x") },
	{ STR_INIT("=?broken"), STR_INIT("=?broken") },
	{ STR_INIT("=?x?Z?y?="), STR_INIT("=?x?Z?y?=") },
};

START_TEST(test_words)
{
	ck_assert(str_equals(
	    encoded_words_decode(a, words[_i].x), words[_i].y));
}
END_TEST

static const struct pair ends[] = {
	{ STR_INIT("a\r\nb\r\n"), STR_INIT("a\r\nb\r\n") },
	{ STR_INIT("a\nb\rc"), STR_INIT("a\r\nb\r\nc") },
	{ STR_INIT("\r"), STR_INIT("\r\n") },
	{ STR_INIT("\r\r\n\n"), STR_INIT("\r\n\r\n\r\n") },
	{ STR_INIT("a\r\n.\n"), STR_INIT("a\r\n.\r\n") },
};

static const struct pair kept_ends[] = {
	{ STR_INIT("a\nb\rc"), STR_INIT("a\r\nb\rc") },
	{ STR_INIT("\r"), STR_INIT("\r") },
	{ STR_INIT("\r\r\n\n"), STR_INIT("\r\r\n\r\n") },
	{ STR_INIT("a\r\rb\r\n"), STR_INIT("a\r\rb\r\n") },
};

/* The same result at every split. */
static void
check_ends(struct pair p, bool keeps_cr)
{
	size_t at;

	for (at = 0; at <= p.x.len; at++) {
		struct crlf c = { .keeps_cr = keeps_cr };
		struct buf b = BUF_INIT;

		crlf_push(&c, str_slice(p.x, 0, at), &b);
		crlf_push(&c, str_tail(p.x, at), &b);
		crlf_finish(&c, &b);
		ck_assert(str_equals(buf_str(&b), p.y));
		buf_done(&b);
	}
}

START_TEST(test_crlf)
{
	check_ends(ends[_i], false);
}
END_TEST

START_TEST(test_crlf_kept)
{
	check_ends(kept_ends[_i], true);
}
END_TEST

START_TEST(test_params)
{
	struct smtp_mail_params m;
	struct smtp_rcpt_params r;
	struct smtp_refusal why;

	ck_assert(smtp_mail_params_parse(
	    STR(" SIZE=12 BODY=8BITMIME ENVID=a+2Bb"), &m, &why));
	ck_assert_uint_eq(m.size, 12);
	ck_assert(m.is_8bit);
	ck_assert(str_equals(xtext_decode(a, m.envid), STR("a+b")));
	ck_assert(!smtp_mail_params_parse(STR(" SIZE=1 SIZE=2"), &m, &why));
	ck_assert_int_eq(why.code, 501);
	ck_assert(!smtp_rcpt_params_parse(STR("NOTIFY=NEVER"), &r, &why));
	ck_assert(!xtext_is_valid(STR("a+0Ab")));
	ck_assert(!xtext_is_valid(STR("a=b")));
}
END_TEST

START_TEST(test_cidr)
{
	char text[64];

	ck_assert(cidr_matches(STR("192.0.2.0/24"), STR("192.0.2.255")));
	ck_assert(!cidr_matches(STR("192.0.2.0/24"), STR("192.0.3.0")));
	ck_assert(cidr_matches(STR("192.0.2.128/25"), STR("192.0.2.200")));
	ck_assert(!cidr_matches(STR("192.0.2.128/25"), STR("192.0.2.100")));
	ck_assert(cidr_matches(STR("2001:db8::/32"), STR("2001:db8:1::1")));
	ck_assert(!cidr_matches(STR("0.0.0.0/0"), STR("::1")));
	ck_assert(!cidr_is_valid(STR("192.0.2.0/33")));
	ck_assert(!cidr_is_valid(STR("x")));
	ck_assert(str_equals(cidr_source_key(STR("192.0.2.7"), text),
	    STR("192.0.2.0/24")));
	ck_assert(str_equals(cidr_source_key(STR("2001:db8:1:2::3"), text),
	    STR("2001:db8:1::/48")));
	ck_assert(str_equals(cidr_host_key(STR("192.0.2.7"), text),
	    STR("192.0.2.7")));
	ck_assert(str_equals(cidr_host_key(STR("::ffff:192.0.2.7"), text),
	    STR("192.0.2.7")));
	ck_assert(str_equals(cidr_host_key(STR("2001:db8:1:2:3::4"), text),
	    STR("2001:db8:1:2::/64")));
	ck_assert(str_equals(cidr_host_key(STR("unix"), text), STR("unix")));
}
END_TEST

static const struct pair settings[] = {
	{ STR_INIT("smtp.size.maximum"), STR_INIT("1") },
	{ STR_INIT("smtp.size.maximum"), STR_INIT("x") },
	{ STR_INIT("smtp.vrfy"), STR_INIT("yes") },
	{ STR_INIT("smtp.starttls"), STR_INIT("maybe") },
	{ STR_INIT("smtp.timeout.data"), STR_INIT("0") },
	{ STR_INIT("mda.workers"), STR_INIT("65") },
};

START_TEST(test_bad_settings)
{
	struct config c;
	struct err err;
	enum config_key key = config_find(settings[_i].x);

	config_init(&c, a);
	ck_assert_int_ne(key, CFG_COUNT);
	ck_assert_int_eq(config_set(&c, a, key, settings[_i].y,
			     CONFIG_FROM_FILE, &err), RC_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, config_keys[key].name));
}
END_TEST

START_TEST(test_precedence)
{
	struct config c;
	struct err err;

	config_init(&c, a);
	ck_assert_int_eq(config_set(&c, a, CFG_MDA_BATCH, STR("7"),
			     CONFIG_FROM_FILE, &err), RC_OK);
	ck_assert_int_eq(config_set(&c, a, CFG_MDA_BATCH, STR("8"),
			     CONFIG_FROM_DATABASE, &err), RC_OK);
	ck_assert_int_eq(config_int(&c, CFG_MDA_BATCH), 7);
	ck_assert_int_eq(config_check(&c, &err), RC_OK);
	ck_assert_int_eq(config_set(&c, a, CFG_TLS_CERTIFICATE,
			     STR("/nowhere"), CONFIG_FROM_FILE, &err), RC_OK);
	ck_assert_int_eq(config_check(&c, &err), RC_PERM);
	ck_assert_uint_eq(c.v[CFG_RETRY_DURATIONS].count, 9);
}
END_TEST

static const struct pair shown_uris[] = {
	{ STR_INIT("mongodb://db1,db2/?replicaSet=rs0"),
	    STR_INIT("mongodb://db1,db2/?replicaSet=rs0") },
	{ STR_INIT("mongodb://joe:s3:cret@db1:27017/x?a=b"),
	    STR_INIT("mongodb://joe:***@db1:27017/x?a=b") },
	{ STR_INIT("mongodb+srv://joe:a%40b@c@db.example/"),
	    STR_INIT("mongodb+srv://joe:***@db.example/") },
	{ STR_INIT("mongodb://joe@db1:27017/"),
	    STR_INIT("mongodb://joe@db1:27017/") },
	{ STR_INIT("mongodb://db1/?tlscertificatekeyfilepassword=s3&w=1"),
	    STR_INIT("mongodb://db1/?tlscertificatekeyfilepassword=***&w=1") },
	{ STR_INIT("mongodb://j:p@db1/?authMechanismProperties=T:s3"),
	    STR_INIT("mongodb://j:***@db1/?authMechanismProperties=***") },
};

START_TEST(test_shown_uri_has_no_password)
{
	struct config c;
	struct err err;

	config_init(&c, a);
	ck_assert_int_eq(config_set(&c, a, CFG_DATABASE_URI, shown_uris[_i].x,
			     CONFIG_FROM_FILE, &err), RC_OK);
	ck_assert(str_equals(
	    config_shown(&c, a, CFG_DATABASE_URI), shown_uris[_i].y));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("grammar");
	TCase *t = tcase_create("grammar");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_commands, 0, COUNT(commands));
	tcase_add_test(t, test_nesting);
	tcase_add_loop_test(t, test_literals, 0, COUNT(literals));
	tcase_add_loop_test(t, test_fetch, 0, COUNT(fetches));
	tcase_add_loop_test(t, test_url, 0, COUNT(urls));
	tcase_add_loop_test(t, test_search, 0, COUNT(searches));
	tcase_add_test(t, test_search_depth);
	tcase_add_loop_test(t, test_mutf7, 0, COUNT(names));
	tcase_add_loop_test(t, test_bad_mutf7, 0, COUNT(bad_names));
	tcase_add_loop_test(t, test_words, 0, COUNT(words));
	tcase_add_loop_test(t, test_crlf, 0, COUNT(ends));
	tcase_add_loop_test(t, test_crlf_kept, 0, COUNT(kept_ends));
	tcase_add_test(t, test_params);
	tcase_add_test(t, test_cidr);
	tcase_add_loop_test(t, test_bad_settings, 0, COUNT(settings));
	tcase_add_test(t, test_precedence);
	tcase_add_loop_test(
	    t, test_shown_uri_has_no_password, 0, COUNT(shown_uris));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
