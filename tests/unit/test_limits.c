/*
 * The borders of base/limits.h that parsers hold: each input of exactly the
 * limit is taken, one more is not (or is cut, where nothing is refused). What
 * sessions and the store hold is in tests/live/test_limits.py; tools/layers
 * looks that each limit is used and in a test.
 */
#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "imap/args.h"
#include "imap/list_pattern.h"
#include "imap/notify.h"
#include "imap/search.h"
#include "mail/intake.h"
#include "mime/address.h"
#include "mime/facts.h"
#include "mime/params.h"
#include "mime/parse.h"
#include "model/folder.h"
#include "net/doorbell.h"
#include "net/turn.h"
#include "smtp/params.h"
#include "smtp/path.h"
#include "text/idn.h"
#include "base/banned.h"

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

/* before, n times unit, after. */
static struct str
fill(const char *before, const char *unit, size_t n, const char *after)
{
	struct buf b = BUF_INIT;
	struct str s;

	buf_add_cstr(&b, before);
	while (n--)
		buf_add_cstr(&b, unit);
	buf_add_cstr(&b, after);
	s = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return s;
}

/* A domain of n octets, none of its labels over 63. */
static struct str
domain_of(size_t n)
{
	struct buf b = BUF_INIT;
	struct str s;

	while (b.len + 64 < n)
		buf_add_cstr(&b, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				 "aaaaaaaaaaaaaaaaaa.");
	while (b.len < n)
		buf_add_char(&b, 'b');
	s = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return s;
}

/* --- SMTP ---------------------------------------------------------------------- */

static bool
takes_domain(size_t n)
{
	return path_is_host(domain_of(n));
}

static bool
takes_path(size_t n)
{
	struct str path = fill("<", "a", n - strlen("<@b.example>"),
	    "@b.example>");
	struct address to;
	size_t used;
	bool is_8bit;

	ck_assert_uint_eq(path.len, n);
	return path_parse(a, path, &to, &used, &is_8bit) == PATH_OK;
}

/* The path has its brackets' room also where they are not written. */
static bool
takes_bare_path(size_t n)
{
	struct address to;

	return path_parse_bare(a, fill("", "a", n - strlen("<@b.example>"),
				      "@b.example"), &to) == PATH_OK;
}

static bool
takes_quoted_path(size_t n)
{
	struct address to;

	return path_parse_bare(a, fill("\"", " ", n - strlen("<\"\"@b.ex>"),
				      "\"@b.ex"), &to) == PATH_OK;
}

static bool
takes_envid(size_t n)
{
	struct smtp_mail_params p;
	struct smtp_refusal why;

	return smtp_mail_params_parse(fill(" ENVID=", "a", n, ""), &p, &why);
}

static bool
takes_orcpt(size_t n)
{
	struct smtp_rcpt_params p;
	struct smtp_refusal why;

	return smtp_rcpt_params_parse(
	    fill(" ORCPT=rfc822;", "a", n - strlen("rfc822;"), ""), &p, &why);
}

/* --- IMAP ---------------------------------------------------------------------- */

static bool
takes_command(struct str line, struct command_text *c)
{
	struct command_piece p = { .line = line };

	return command_parse(a, &p, 1, c) == NULL;
}

static bool
takes_tag(size_t n)
{
	struct command_text c;

	return takes_command(fill("", "a", n, " NOOP"), &c);
}

static bool
takes_nesting(size_t n)
{
	struct str in = fill("a X ", "(", n, "b");
	struct command_text c;

	return takes_command(
	    fill(arena_dup_cstr(a, in), ")", n, ""), &c);
}

static bool
takes_args(size_t n)
{
	struct command_text c;

	return takes_command(fill("a X", " b", n, ""), &c);
}

/* NOTs, each of which is a level. */
static bool
takes_search(size_t n)
{
	struct search_program program;
	struct command_text c;

	return takes_command(fill("a SEARCH", " NOT", n, " ALL"), &c) &&
	    search_parse(a, c.args, c.n, false, &program) == NULL;
}

static bool
takes_notify(struct str line)
{
	struct notify_spec spec;
	struct command_text c;
	const char *wrong;

	return takes_command(line, &c) &&
	    notify_parse(a, c.args, c.n, &spec, &wrong) == NOTIFY_OK;
}

static bool
takes_notify_names(size_t n)
{
	return takes_notify(fill("a NOTIFY SET (MAILBOXES (", "b ", n - 1,
	    "b) (MailboxName))"));
}

static bool
takes_notify_groups(size_t n)
{
	return takes_notify(fill(
	    "a NOTIFY SET", " (SUBTREE b (MailboxName))", n, ""));
}

static bool
takes_pattern(size_t n)
{
	return list_pattern_new(a, fill("", "a", n, "")) != NULL;
}

/* --- the store ------------------------------------------------------------------- */

static bool
takes_folder_name(size_t n)
{
	return folder_name_fits(fill("", "a", n, ""));
}

static bool
takes_folder_depth(size_t n)
{
	return folder_name_fits(fill("", "a/", n - 1, "a"));
}

static bool
takes_keywords(size_t n)
{
	struct folder f = { .n_keywords = n - 1,
		.keywords = ARENA_ARRAY(a, n, struct str) };
	struct str *v = ARENA_ARRAY(a, n, struct str);
	size_t i;

	for (i = 0; i < n; i++)
		v[i] = STR("x");
	f.keywords = v;
	return !folder_keywords_are_full(&f);
}

/* --- MIME ------------------------------------------------------------------------ */

static const struct facts *
facts_of(struct str mail)
{
	struct mime_parser *p = mime_parser_new(a);

	mime_parser_push(p, mail);
	return mime_parser_finish(p);
}

static bool
keeps_whole(struct str mail)
{
	return !facts_of(mail)->is_cut;
}

/* Multiparts in one another, below the root. */
static bool
takes_depth(size_t n)
{
	return keeps_whole(fill("", "Content-Type: multipart/mixed; "
				    "boundary=x\r\n\r\n--x\r\n", n,
	    "\r\nx\r\n"));
}

static bool
takes_parts(size_t n)
{
	return keeps_whole(fill("Content-Type: multipart/mixed; boundary=x"
				"\r\n\r\n", "--x\r\n\r\n", n - 1, "--x--\r\n"));
}

/* The last octet tells two boundaries apart as long as it is kept. */
static bool
takes_boundary(size_t n)
{
	struct buf b = BUF_INIT;
	struct str bound = fill("", "b", n - 1, "");
	const struct facts *f;

	buf_printf(&b, "Content-Type: multipart/mixed; boundary=%.*sX\r\n"
		       "\r\n--%.*sY\r\n\r\none\r\n", STR_ARG(bound),
	    STR_ARG(bound));
	f = facts_of(arena_dup_str(a, buf_str(&b)));
	buf_done(&b);
	return f->n_parts == 1;
}

static bool
takes_params(size_t n)
{
	struct buf b = BUF_INIT;
	struct scan s;
	size_t i;

	for (i = 0; i < n; i++)
		buf_printf(&b, ";a%zu=b", i);
	s = scan_make(arena_dup_str(a, buf_str(&b)));
	buf_done(&b);
	return params_parse(a, &s).n == n;
}

static bool
takes_addresses(size_t n)
{
	return address_list_collect(a, fill("", "a@b,", n, "")).n == n;
}

/* Below its limit; a field that reached it may have lost something. */
static bool
takes_field(size_t n)
{
	return keeps_whole(fill("To: ", " ", n - 1 - strlen("To: \r\n"),
	    "\r\n\r\n"));
}

/* An address costs 16 octets of what facts may have, and what it says. */
static bool
facts_stay_below(size_t n)
{
	struct buf b = BUF_INIT, packed = BUF_INIT;
	const struct facts *f;
	size_t i;

	for (i = 0; i < n / 1000 + 1; i++)
		buf_printf(&b, "To: %.*s@b\r\n",
		    STR_ARG(fill("", "a", 1000, "")));
	buf_add_cstr(&b, "\r\n");
	f = facts_of(arena_dup_str(a, buf_str(&b)));
	facts_encode(f, &packed);
	ck_assert(f->is_cut);
	ck_assert_uint_le(packed.len, n);
	ck_assert_uint_gt(packed.len, n - 4096);
	buf_done(&b);
	buf_done(&packed);
	return true;
}

/* The text behind so many octets of a part that are no text. */
static bool
takes_preview(size_t n)
{
	return facts_of(fill("Content-Type: text/html\r\n\r\n<!--", "x",
			     n - strlen("<!---->text") - 4096, "-->text"))
		   ->preview.len > 0;
}

static void
gather(void *ctx, struct str piece)
{
	buf_add_str(ctx, piece);
}

/* With its colon: else it is a text, and gets an empty line before it. */
static bool
takes_header_name(size_t n)
{
	struct intake_options o = { .hostname = STR("x") };
	struct intake *u = intake_new(a, &o);
	struct buf out = BUF_INIT;
	bool is_field;

	intake_push(u, fill("", "a", n - 1, ":"), gather, &out);
	intake_push(u, STR(" b\r\n\r\nc\r\n"), gather, &out);
	intake_finish(u, gather, &out);
	intake_free(u);
	is_field = str_starts_with(buf_str(&out), STR("a"));
	buf_done(&out);
	return is_field;
}

/* --- all ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t limit;
	bool (*takes)(size_t n);
} borders[] = {
	{ "domain", LIMIT_SMTP_DOMAIN, takes_domain },
	{ "path", LIMIT_SMTP_PATH, takes_path },
	{ "bare path", LIMIT_SMTP_PATH, takes_bare_path },
	{ "quoted path", LIMIT_SMTP_PATH, takes_quoted_path },
	{ "ENVID", LIMIT_SMTP_ENVID, takes_envid },
	{ "ORCPT", LIMIT_SMTP_ORCPT, takes_orcpt },
	{ "tag", LIMIT_IMAP_TAG, takes_tag },
	{ "nesting", LIMIT_IMAP_NESTING, takes_nesting },
	{ "nesting of keys", LIMIT_IMAP_NESTING, takes_search },
	{ "arguments", LIMIT_IMAP_ARGS, takes_args },
	{ "NOTIFY, names", LIMIT_NOTIFY_NAMES, takes_notify_names },
	{ "NOTIFY, groups", LIMIT_NOTIFY_GROUPS, takes_notify_groups },
	{ "pattern", LIMIT_FOLDER_NAME, takes_pattern },
	{ "folder's name", LIMIT_FOLDER_NAME, takes_folder_name },
	{ "folder's depth", LIMIT_FOLDER_DEPTH, takes_folder_depth },
	{ "keywords", LIMIT_KEYWORDS, takes_keywords },
	{ "depth", LIMIT_MIME_DEPTH, takes_depth },
	{ "parts", LIMIT_MIME_PARTS, takes_parts },
	{ "boundary", LIMIT_MIME_BOUNDARY, takes_boundary },
	{ "parameters", LIMIT_MIME_PARAMS, takes_params },
	{ "addresses", LIMIT_MIME_ADDRESSES, takes_addresses },
	{ "header field", LIMIT_MIME_FIELD, takes_field },
	{ "name of a field", LIMIT_HEADER_NAME, takes_header_name },
};

START_TEST(test_border)
{
	size_t limit = borders[_i].limit;

	ck_assert_msg(borders[_i].takes(limit - 1), "%s: %zu refused",
	    borders[_i].name, limit - 1);
	ck_assert_msg(borders[_i].takes(limit), "%s: %zu refused",
	    borders[_i].name, limit);
	ck_assert_msg(!borders[_i].takes(limit + 1), "%s: %zu taken",
	    borders[_i].name, limit + 1);
}
END_TEST

START_TEST(test_facts)
{
	ck_assert(facts_stay_below(LIMIT_MIME_FACTS));
}
END_TEST

START_TEST(test_preview)
{
	ck_assert(takes_preview(LIMIT_PREVIEW));
	ck_assert(!takes_preview(LIMIT_PREVIEW + 3 * 4096));
}
END_TEST

/*
 * The fences stand behind one another: what one command or transaction may
 * gather is less than what the session may hold, and what is added to a queue
 * document later fits below mongod's 16 MiB.
 */
START_TEST(test_order)
{
	ck_assert_int_lt(LIMIT_IMAP_COMMAND_PREAUTH, LIMIT_IMAP_MEMORY_PREAUTH);
	ck_assert_int_lt(LIMIT_IMAP_MEMORY_PREAUTH, LIMIT_IMAP_MEMORY);
	ck_assert_int_lt(LIMIT_IMAP_COMMAND, LIMIT_IMAP_MEMORY);
	ck_assert_int_lt(LIMIT_IMAP_MEMORY, 64 << 20);
	ck_assert_int_lt(LIMIT_SMTP_TRANSACTION, LIMIT_SMTP_MEMORY);
	ck_assert_int_lt(LIMIT_SMTP_MEMORY, 8 << 20);
	ck_assert_int_lt(
	    LIMIT_QUEUE_DOCUMENT + LIMIT_QUEUE_TEXTS, 15 << 20);
	ck_assert_int_ge(LIMIT_QUEUE_TEXTS / (LIMIT_ALIAS_FANOUT + 1), 256);
}
END_TEST

/* A folder of this test's own; the processes of others come and go. */
static struct str
new_dir(void)
{
	char name[] = "/tmp/m3-limits-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	return arena_dup_str(a, str_from_cstr(name));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
remove_dir(struct str dir)
{
	ck_assert_int_eq(nftw(arena_dup_cstr(a, dir), remove_one, 8,
			     FTW_DEPTH | FTW_PHYS), 0);
}

/* One that is over the limit is passed over: polling finds it. */
START_TEST(test_owners_of_a_doorbell)
{
	struct str dir = new_dir();
	struct uuid owner = { { 0 } };
	struct doorbell *bell;
	struct err err;
	size_t i, n = 0;

	ck_assert_int_eq(
	    doorbell_open_owner(dir, &owner, &bell, &err), RC_OK);
	for (i = 1; i < LIMIT_DOORBELL_OWNERS + 10; i++) {
		owner.b[0] = (uint8_t)i;
		n += !doorbell_also(bell, dir, &owner);
	}
	ck_assert_uint_eq(n, LIMIT_DOORBELL_OWNERS);
	doorbell_close(bell);
	remove_dir(dir);
}
END_TEST

/* It looks at a few of them at a time. */
static bool
takes_turn(struct turn *t, struct str dir)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (turn_take(t, dir))
			return true;
	}
	return false;
}

START_TEST(test_turns)
{
	struct turn v[LIMIT_TURNS + 1];
	struct str dir = new_dir();
	size_t i;

	for (i = 0; i <= LIMIT_TURNS; i++) {
		v[i] = (struct turn){ .fd = -1 };
		ck_assert(takes_turn(&v[i], dir) == (i < LIMIT_TURNS));
	}
	turn_give(&v[0]);
	ck_assert(takes_turn(&v[LIMIT_TURNS], dir));
	for (i = 1; i <= LIMIT_TURNS; i++)
		turn_give(&v[i]);
	remove_dir(dir);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("limits");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_border, 0,
	    (int)(sizeof(borders) / sizeof(*borders)));
	tcase_add_test(c, test_facts);
	tcase_add_test(c, test_preview);
	tcase_add_test(c, test_order);
	tcase_add_test(c, test_owners_of_a_doorbell);
	tcase_add_test(c, test_turns);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
