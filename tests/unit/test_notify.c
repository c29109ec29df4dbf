/* NOTIFY's arguments (RFC 5465 8), and which events its groups want. */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "imap/notify.h"
#include "base/banned.h"

#define COUNT(v) ((int)(sizeof(v) / sizeof(*(v))))
#define BOTH     "MessageNew MessageExpunge"

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

static enum notify_verdict
parse(struct str text, struct notify_spec *ret)
{
	struct command_piece p = { .line = arena_join(
				       a, STR("a NOTIFY "), text) };
	struct command_text c;
	const char *wrong = NULL;
	enum notify_verdict verdict;

	ck_assert_ptr_null(command_parse(a, &p, 1, &c));
	verdict = notify_parse(a, c.args, c.n, ret, &wrong);
	ck_assert_int_eq(verdict == NOTIFY_BAD, wrong != NULL);
	return verdict;
}

static const struct {
	const char *text;
	enum notify_verdict want;
	unsigned selected;
	size_t n_groups;
} cases[] = {
	{ "NONE", NOTIFY_OK, 0, 0 },
	{ "none", NOTIFY_OK, 0, 0 },
	{ "SET (selected NONE)", NOTIFY_OK, 0, 0 },
	{ "SET (personal NONE)", NOTIFY_OK, 0, 0 },
	{ "SET STATUS (selected (" BOTH "))", NOTIFY_OK,
	    NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE, 0 },
	{ "SET (Selected-Delayed (FlagChange messageexpunge MESSAGENEW))",
	    NOTIFY_OK, NOTIFY_MESSAGE_EVENTS, 0 },
	{ "SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (To)]) "
	  "MessageExpunge)) (inboxes (" BOTH "))",
	    NOTIFY_OK, NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE, 1 },
	{ "SET (subtree a (" BOTH ")) (mailboxes (b \"c d\") (MailboxName))",
	    NOTIFY_OK, 0, 2 },
	{ "SET (personal (ServerMetadataChange MailboxMetadataChange "
	  "SubscriptionChange))",
	    NOTIFY_OK, 0, 1 },
	{ "SET (selected (" BOTH " AnnotationChange))", NOTIFY_BADEVENT, 0,
	    0 },
	{ "SET (personal (X-Event))", NOTIFY_BADEVENT, 0, 0 },
	{ "SET", NOTIFY_BAD, 0, 0 },
	{ "SET STATUS", NOTIFY_BAD, 0, 0 },
	{ "NONE NONE", NOTIFY_BAD, 0, 0 },
	{ "GET", NOTIFY_BAD, 0, 0 },
	{ "(selected NONE)", NOTIFY_BAD, 0, 0 },
	{ "SET selected", NOTIFY_BAD, 0, 0 },
	{ "SET ()", NOTIFY_BAD, 0, 0 },
	{ "SET (selected)", NOTIFY_BAD, 0, 0 },
	{ "SET (selected ())", NOTIFY_BAD, 0, 0 },
	{ "SET (selected \"NONE\")", NOTIFY_BAD, 0, 0 },
	{ "SET (selected (\"MessageNew\"))", NOTIFY_BAD, 0, 0 },
	{ "SET (selected (MessageNew))", NOTIFY_BAD, 0, 0 },
	{ "SET (personal (MessageExpunge MailboxName))", NOTIFY_BAD, 0, 0 },
	{ "SET (personal (FlagChange))", NOTIFY_BAD, 0, 0 },
	{ "SET (selected (" BOTH " MailboxName))", NOTIFY_BAD, 0, 0 },
	{ "SET (personal (MessageNew (UID) MessageExpunge))", NOTIFY_BAD, 0,
	    0 },
	{ "SET (selected (MessageNew (X) MessageExpunge))", NOTIFY_BAD, 0,
	    0 },
	{ "SET (selected (MessageExpunge (UID) MessageNew))", NOTIFY_BAD, 0,
	    0 },
	{ "SET (selected NONE) (selected-delayed NONE)", NOTIFY_BAD, 0, 0 },
	{ "SET (mailboxes () (MailboxName))", NOTIFY_BAD, 0, 0 },
	{ "SET (mailboxes ((a)) (MailboxName))", NOTIFY_BAD, 0, 0 },
	{ "SET (subtree (MailboxName))", NOTIFY_BAD, 0, 0 },
	{ "SET (personal a (MailboxName))", NOTIFY_BAD, 0, 0 },
};

START_TEST(test_parse)
{
	struct notify_spec spec = { .n_groups = 77 };

	ck_assert_msg(parse(str_from_cstr(cases[_i].text), &spec) ==
		cases[_i].want,
	    "%s", cases[_i].text);
	if (cases[_i].want != NOTIFY_OK) {
		ck_assert_uint_eq(spec.n_groups, 77); /* untouched */
		return;
	}
	ck_assert_uint_eq(spec.selected, cases[_i].selected);
	ck_assert_uint_eq(spec.n_groups, cases[_i].n_groups);
}
END_TEST

START_TEST(test_items)
{
	struct notify_spec spec;

	ck_assert_int_eq(parse(STR("SET STATUS (selected-delayed (MessageNew "
				   "(FLAGS BODY.PEEK[HEADER.FIELDS (A b)]) "
				   "MessageExpunge))"),
			     &spec),
	    NOTIFY_OK);
	ck_assert(spec.wants_status && spec.is_delayed);
	ck_assert_uint_eq(spec.atts.items, FETCH_FLAGS);
	ck_assert_uint_eq(spec.atts.n_sections, 1);
	ck_assert_uint_eq(spec.atts.sections[0].n_fields, 2);
	ck_assert(str_equals(spec.atts.sections[0].fields[1], STR("b")));
	ck_assert(str_equals(spec.atts.sections[0].label,
	    STR("BODY[HEADER.FIELDS (A b)]")));
}
END_TEST

/* n names in one group, or n groups of one name. */
static enum notify_verdict
parse_many(size_t n, bool in_one_group)
{
	struct buf b = BUF_INIT;
	struct notify_spec spec;
	enum notify_verdict verdict;
	size_t i;

	buf_add_cstr(&b, "SET");
	if (in_one_group)
		buf_add_cstr(&b, " (mailboxes (x");
	for (i = in_one_group; i < n; i++)
		buf_add_cstr(&b,
		    in_one_group ? " x" : " (subtree x (MailboxName))");
	if (in_one_group)
		buf_add_cstr(&b, ") (MailboxName))");
	verdict = parse(buf_str(&b), &spec);
	buf_done(&b);
	return verdict;
}

START_TEST(test_limits)
{
	ck_assert_int_eq(parse_many(LIMIT_NOTIFY_NAMES - 1, true), NOTIFY_OK);
	ck_assert_int_eq(parse_many(LIMIT_NOTIFY_NAMES, true), NOTIFY_OK);
	ck_assert_int_eq(
	    parse_many(LIMIT_NOTIFY_NAMES + 1, true), NOTIFY_OVERFLOW);
	ck_assert_int_eq(
	    parse_many(LIMIT_NOTIFY_GROUPS - 1, false), NOTIFY_OK);
	ck_assert_int_eq(parse_many(LIMIT_NOTIFY_GROUPS, false), NOTIFY_OK);
	ck_assert_int_eq(
	    parse_many(LIMIT_NOTIFY_GROUPS + 1, false), NOTIFY_OVERFLOW);
}
END_TEST

static const struct {
	const char *filter;
	const char *name;
	bool is_subscribed;
	bool is_wanted;
} filters[] = {
	{ "personal", "a", false, true },
	{ "inboxes", "a", false, true },
	{ "subscribed", "a", true, true },
	{ "subscribed", "a", false, false },
	{ "subtree a", "a", false, true },
	{ "subtree a", "a/b/c", false, true },
	{ "subtree a", "ab", false, false },
	{ "subtree a/b", "a", false, false },
	{ "subtree (x a)", "a/b", false, true },
	{ "mailboxes a", "a", false, true },
	{ "mailboxes a", "A", false, false },
	{ "mailboxes a", "a/b", false, false },
	{ "mailboxes (x a)", "a", false, true },
	{ "mailboxes *", "a", false, false },
};

START_TEST(test_filters)
{
	struct notify_spec spec;

	ck_assert_int_eq(parse(arena_printf(a, "SET (%s (MailboxName))",
				   filters[_i].filter),
			     &spec),
	    NOTIFY_OK);
	ck_assert_uint_eq(
	    notify_events(&spec, str_from_cstr(filters[_i].name),
		filters[_i].is_subscribed, true),
	    filters[_i].is_wanted ? NOTIFY_MAILBOX_NAME : 0);
}
END_TEST

START_TEST(test_groups_add_up)
{
	struct notify_spec spec;

	ck_assert_int_eq(parse(STR("SET (mailboxes a (" BOTH ")) (personal "
				   "(MailboxName)) (selected (" BOTH
				   " FlagChange))"),
			     &spec),
	    NOTIFY_OK);
	ck_assert_uint_eq(notify_events(&spec, STR("a"), false, true),
	    NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE |
		NOTIFY_MAILBOX_NAME);
	ck_assert_uint_eq(
	    notify_events(&spec, STR("b"), true, true), NOTIFY_MAILBOX_NAME);
	/* Another user's: only what is named or subscribed. */
	ck_assert_uint_eq(notify_events(&spec, STR("b"), true, false), 0);
	ck_assert_uint_eq(notify_events(&spec, STR("a"), false, false),
	    NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE);
	ck_assert_uint_eq(notify_all_events(&spec),
	    NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE |
		NOTIFY_MAILBOX_NAME);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *c = tcase_create("notify");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, test_parse, 0, COUNT(cases));
	tcase_add_test(c, test_items);
	tcase_add_test(c, test_limits);
	tcase_add_loop_test(c, test_filters, 0, COUNT(filters));
	tcase_add_test(c, test_groups_add_up);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
