/*
 * Time in proportion to the input: what mail and clients choose must not cost
 * its square (CVE-2024-23184 and its kind; Cyrus CVE-2021-33582 for tables).
 * Each case takes the CPU time of n and of 4 n; linear work gives 4, n log n
 * a little more, its square 16. The limit between them is 10, and the least of
 * several runs counts, so that a loaded machine changes nothing.
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/vec.h"
#include "imap/args.h"
#include "imap/list_pattern.h"
#include "imap/render.h"
#include "imap/search.h"
#include "imap/seqset.h"
#include "imap/subject.h"
#include "imap/thread.h"
#include "mime/address.h"
#include "mime/crlf.h"
#include "mime/decode.h"
#include "mime/encoded_word.h"
#include "mime/facts.h"
#include "mime/header.h"
#include "mime/params.h"
#include "mime/parse.h"
#include "text/charset.h"
#include "text/mutf7.h"
#include "base/banned.h"

enum { TRIES = 5, LIMIT = 10 };
enum { ENOUGH_NS = 1000000, NOTHING_NS = 4000000 };

/* before, n times between, after. */
static struct str
repeat(struct arena *a, const char *before, const char *between, size_t n,
    const char *after)
{
	struct buf b = BUF_INIT;
	struct str s;

	buf_add_cstr(&b, before);
	while (n--)
		buf_add_cstr(&b, between);
	buf_add_cstr(&b, after);
	s = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return s;
}

/* --- mail -------------------------------------------------------------------- */

static void
parse_mail(struct arena *a, struct str in)
{
	struct mime_parser *p = mime_parser_new(a);
	struct buf packed = BUF_INIT, answer = BUF_INIT;
	const struct facts *f;
	struct facts again;

	mime_parser_push(p, in);
	f = mime_parser_finish(p);
	facts_encode(f, &packed);
	ck_assert(facts_decode(a, buf_str(&packed), &again));
	render_envelope(&answer, again.parts->envelope, false);
	render_body(&answer, &again, true, false);
	buf_done(&packed);
	buf_done(&answer);
}

static void
many_to_fields(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "", "To: a@b.example\r\n", n, "\r\nx\r\n"));
}

static void
many_fields(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "", "X-A: b\r\n", n, "\r\nx\r\n"));
}

static void
one_long_field(struct arena *a, size_t n)
{
	parse_mail(
	    a, repeat(a, "To: ", "a@b.example,\r\n ", n, "z@b\r\n\r\nx\r\n"));
}

static void
many_params(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "Content-Type: text/plain", ";\r\n a*0*=b", n,
			  "\r\n\r\nx\r\n"));
}

static void
many_parts(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "Content-Type: multipart/mixed; boundary=x"
				"\r\n\r\n", "--x\r\n\r\n", n, "--x--\r\n"));
}

static void
deep_parts(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "", "Content-Type: multipart/mixed; "
				    "boundary=x\r\n\r\n--x\r\n", n, ""));
}

static void
deep_messages(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "", "Content-Type: message/rfc822\r\n\r\n", n,
			  "x\r\n"));
}

static void
almost_boundaries(struct arena *a, size_t n)
{
	parse_mail(a, repeat(a, "Content-Type: multipart/mixed; boundary="
				"xxxxxxxxxxxxxxxxxxxy\r\n\r\n",
			  "--xxxxxxxxxxxxxxxxxxxx\r\n", n, ""));
}

static void
addresses(struct arena *a, size_t n)
{
	address_list_collect(a, repeat(a, "", "a <b@c>, ", n, ""));
	address_list_collect(a, repeat(a, "", "(", n, ""));
	address_list_collect(a, repeat(a, "", "a:", n, ""));
	address_list_collect(a, repeat(a, "", "<", n, ""));
	address_list_collect(a, repeat(a, "\"", "\\", n, ""));
	address_list_collect(a, repeat(a, "", "a ", n, "<b@c>"));
}

static void
params(struct arena *a, size_t n)
{
	struct scan s = scan_make(repeat(a, "", ";a*1*=%41", n, ""));

	(void)params_parse(a, &s);
}

static void
encoded_words(struct arena *a, size_t n)
{
	encoded_words_decode(a, repeat(a, "", "=?utf-8?q?=41?= ", n, ""));
	encoded_words_decode(a, repeat(a, "", "=?", n, ""));
	encoded_words_decode(a, repeat(a, "", "=?utf-8?q?", n, ""));
	encoded_words_decode(a, repeat(a, "=?x?b?", "QUFB", n, ""));
}

static void
header(struct arena *a, size_t n)
{
	struct str rest = repeat(a, "", "A: b\r\n c\r\n", n, "\r\n");
	struct header_field f;

	while (header_next(&rest, &f))
		continue;
	header_unfold(a, repeat(a, "", "\r\n ", n, ""));
}

static void
decoders(struct arena *a, size_t n)
{
	struct buf out = BUF_INIT;
	struct crlf c = { 0 };

	decode_all(a, STR("quoted-printable"), repeat(a, "", "= ", n, ""));
	decode_all(a, STR("quoted-printable"), repeat(a, "", " ", n, "x"));
	decode_all(a, STR("base64"), repeat(a, "", "=A", n, ""));
	crlf_push(&c, repeat(a, "", "\r\n\n", n, ""), &out);
	crlf_finish(&c, &out);
	charset_to_utf8(&out, STR("utf-7"), repeat(a, "", "+AA", n, ""));
	charset_to_utf8(&out, STR("utf-8"), repeat(a, "", "\xff", n, ""));
	buf_done(&out);
	(void)casemap(a, repeat(a, "", "\xcc\x88", n, ""));
}

/* --- clients ------------------------------------------------------------------- */

static void
command(struct arena *a, size_t n)
{
	static const char *const words[] = { "a ", "\"\" ", "(a) ", "\"\\\\\" ",
		"a[ " };
	struct command_text c;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct command_piece p = { .line = repeat(
					       a, "a X ", words[i], n, "") };

		(void)command_parse(a, &p, 1, &c);
	}
}

static void
search(struct arena *a, size_t n)
{
	struct command_piece p = { .line = repeat(a, "a SEARCH",
				       " OR SEEN TEXT a", n / 4, " ALL") };
	struct search_program program;
	struct command_text c;

	if (command_parse(a, &p, 1, &c) == NULL)
		(void)search_parse(a, c.args, c.n, false, &program);
	p.line = repeat(a, "a SEARCH", " 1:*,2", n / 4, "");
	if (command_parse(a, &p, 1, &c) == NULL)
		(void)search_parse(a, c.args, c.n, false, &program);
}

static void
sets(struct arena *a, size_t n)
{
	struct seqset set;
	struct buf b = BUF_INIT;
	size_t i;

	for (i = n; i > 0; i--)
		buf_printf(&b, "%zu:%zu,", 3 * i, 3 * i + 1);
	buf_add_cstr(&b, "1:*,*:4294967295");
	ck_assert(seqset_parse(a, buf_str(&b), &set));
	seqset_resolve(a, &set, (uint32_t)n, &set);
	buf_done(&b);
}

static void
patterns(struct arena *a, size_t n)
{
	const struct list_pattern *p =
	    list_pattern_new(a, repeat(a, "", "*%", 500, "x"));
	struct str name = repeat(a, "", "a/", 100, "y");
	size_t i;

	for (i = 0; i < n; i++)
		ck_assert(!list_pattern_matches(p, name));
}

static void
long_names(struct arena *a, size_t n)
{
	const struct list_pattern *p =
	    list_pattern_new(a, STR("*a*a*a*a*a*a*a*a*x"));

	ck_assert(!list_pattern_matches(p, repeat(a, "", "a", n, "")));
}

static void
names(struct arena *a, size_t n)
{
	struct buf b = BUF_INIT;
	struct str s;

	(void)mutf7_decode(a, repeat(a, "", "&AOQ-", n, ""), &s);
	(void)mutf7_decode(a, repeat(a, "&", "AOQA", n, ""), &s);
	mutf7_encode(&b, repeat(a, "", "\xc3\xa4", n, ""));
	buf_done(&b);
}

static void
subjects(struct arena *a, size_t n)
{
	bool unused;

	base_subject(a, repeat(a, "", "[a]", n, "x"), &unused);
	base_subject(a, repeat(a, "", "[a]re:", n, "x"), &unused);
	base_subject(a, repeat(a, "", "[fwd:", n, ""), &unused);
	base_subject(a, repeat(a, "x", "(fwd)", n, ""), &unused);
	base_subject(a, repeat(a, "", " ", n, "x"), &unused);
	base_subject(a, repeat(a, "[", "a", n, ""), &unused);
}

/* --- threads ---------------------------------------------------------------------- */

static void
thread(struct arena *a, const struct thread_message *v, size_t n)
{
	struct buf out = BUF_INIT;

	thread_by_references(a, v, n, NULL, &out);
	thread_by_subject(a, v, n, NULL, &out);
	buf_done(&out);
}

/* One message with n references: a table must grow with the ids. */
static void
thread_long(struct arena *a, size_t n)
{
	struct thread_message m = { .number = 1, .subject = STR("x"),
		.id = STR("<a>") };
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < n; i++)
		buf_printf(&b, "<%zu>", i);
	m.references = buf_str(&b);
	thread(a, &m, 1);
	buf_done(&b);
}

/*
 * Siblings that leave their parent one by one, the oldest link first: each is
 * put below P by another message and then refers to somebody else.
 */
static void
thread_wide(struct arena *a, size_t n)
{
	struct thread_message *v =
	    ARENA_ARRAY(a, 2 * n, struct thread_message);
	size_t i;

	for (i = 0; i < 2 * n; i++) {
		v[i].number = (uint32_t)i + 1;
		v[i].subject = arena_printf(a, "%zu", i);
		v[i].id = i < n ? arena_printf(a, "<y%zu>", i)
				: arena_printf(a, "<x%zu>", i - n);
		v[i].references = i < n ? arena_printf(a, "<P> <x%zu>", i)
					: arena_printf(a, "<Q%zu>", i - n);
	}
	thread(a, v, 2 * n);
}

/* Each answers the one before. */
static void
thread_deep(struct arena *a, size_t n)
{
	struct thread_message *v = ARENA_ARRAY(a, n, struct thread_message);
	size_t i;

	for (i = 0; i < n; i++) {
		v[i].number = (uint32_t)i + 1;
		v[i].subject = STR("x");
		v[i].id = arena_printf(a, "<%zu>", i);
		v[i].references = arena_printf(a, "<%zu>", i ? i - 1 : n);
	}
	thread(a, v, n);
}

/*
 * A chain of n, and a message whose references go to and fro between its ends:
 * each second one asks whether the top is above the bottom.
 */
static void
thread_ends(struct arena *a, size_t n)
{
	struct thread_message v[2] = { { .number = 1, .subject = STR("x") },
		{ .number = 2, .subject = STR("y") } };
	struct buf chain = BUF_INIT, ends = BUF_INIT;
	size_t i;

	for (i = 0; i < n; i++)
		buf_printf(&chain, "<%zu>", i);
	for (i = 0; i < n; i++)
		buf_printf(&ends, "<%zu><0>", n - 1);
	v[0].references = buf_str(&chain);
	v[1].references = buf_str(&ends);
	thread(a, v, 2);
	buf_done(&chain);
	buf_done(&ends);
}

/* Messages below dummies, each dummy below the one that comes after it. */
static void
thread_dummies(struct arena *a, size_t n)
{
	struct thread_message *v =
	    ARENA_ARRAY(a, n + 1, struct thread_message);
	struct buf chain = BUF_INIT;
	size_t i;

	for (i = 0; i < n; i++) {
		v[i].number = (uint32_t)i + 1;
		v[i].subject = arena_printf(a, "%zu", i);
		v[i].references = arena_printf(a, "<%zu>", i);
		buf_printf(&chain, "<%zu>", n - 1 - i);
	}
	v[n].number = (uint32_t)n + 1;
	v[n].references = buf_str(&chain);
	thread(a, v, n + 1);
	buf_done(&chain);
}

/* --- all of them ------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*work)(struct arena *a, size_t n);
	size_t n;
} cases[] = {
	{ "many To fields", many_to_fields, 10000 },
	{ "many fields", many_fields, 10000 },
	{ "one long field", one_long_field, 10000 },
	{ "many parameters", many_params, 10000 },
	{ "many parts", many_parts, 10000 },
	{ "deep parts", deep_parts, 4000 },
	{ "deep messages", deep_messages, 4000 },
	{ "almost boundaries", almost_boundaries, 10000 },
	{ "addresses", addresses, 10000 },
	{ "parameters", params, 10000 },
	{ "encoded words", encoded_words, 4000 },
	{ "header", header, 10000 },
	{ "decoders", decoders, 20000 },
	{ "command", command, 4000 },
	{ "search", search, 4000 },
	{ "sets", sets, 10000 },
	{ "patterns", patterns, 50 },
	{ "long names", long_names, 100000 },
	{ "names", names, 10000 },
	{ "subjects", subjects, 10000 },
	{ "thread, long", thread_long, 4000 },
	{ "thread, wide", thread_wide, 4000 },
	{ "thread, deep", thread_deep, 4000 },
	{ "thread, ends", thread_ends, 4000 },
	{ "thread, dummies", thread_dummies, 4000 },
};

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The least of several runs, each long enough to be measured. */
static int64_t
cost(int i, size_t n)
{
	int64_t least = INT64_MAX;
	int try;

	for (try = 0; try < TRIES; try++) {
		struct arena *a = arena_new();
		int64_t start = cpu_ns(), took;

		cases[i].work(a, n);
		took = cpu_ns() - start;
		arena_free(a);
		least = took < least ? took : least;
	}
	return least;
}

START_TEST(test_cost)
{
	int64_t one = cost(_i, cases[_i].n), four;

	if (one < ENOUGH_NS)
		one = ENOUGH_NS;
	four = cost(_i, cases[_i].n * 4);
	ck_assert_msg(four < NOTHING_NS || four < LIMIT * one,
	    "%s: n %lld us, 4n %lld us", cases[_i].name,
	    (long long)one / 1000, (long long)four / 1000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("linear");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(
	    c, test_cost, 0, (int)(sizeof(cases) / sizeof(*cases)));
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
