/* m3mta verify, gc */
#include "admin.h"

#include "base/num.h"
#include "db/restored.h"
#include "db/gc.h"
#include "db/verify.h"
#include "expansions.h"

#include "base/banned.h"

static struct str
number(struct admin *a, uint64_t n)
{
	return arena_printf(a->a, "%llu", (unsigned long long)n);
}

static void
print_problem(void *ctx, const char *what, struct str where, struct str text)
{
	struct str cells[] = { str_from_cstr(what), where, text };
	struct admin *a = ctx;
	size_t i;

	if (a->is_json)
		return;
	for (i = 0; i < 3; i++)
		printf("%.*s%s", STR_ARG(cells[i]),
		    i == 0 ? " " : i == 1 ? ": " : "\n");
}

int
sub_verify(struct admin *a)
{
	static const struct column columns[] = { { "mailboxes", true },
		{ "folders", true }, { "pages", true }, { "entries", true },
		{ "messages", true }, { "blobs", true }, { "queue", true },
		{ "orphan_blobs", true }, { "problems", true } };
	struct table *t = table_new(a, columns, 9);
	struct verify_counts n;
	struct str ignored;
	struct err err;

	if (verify_run(a->p->db, print_problem, a, &n, &err) != RC_OK ||
	    expansions_verify(a, print_problem, a, &n.problems, &err) !=
		RC_OK ||
	    admin_ignored_keys(a, &ignored, &err) != RC_OK)
		return admin_fail(&err);
	if (ignored.len) {
		print_problem(a, "config-ignored", STR("config"), ignored);
		n.problems++;
	}
	{
		struct str cells[] = { number(a, n.mailboxes),
			number(a, n.folders), number(a, n.pages),
			number(a, n.entries), number(a, n.messages),
			number(a, n.blobs), number(a, n.queue),
			number(a, n.orphan_blobs), number(a, n.problems) };

		table_row(t, cells);
	}
	table_print_single(t);
	return n.problems ? EXIT_FAILED : EXIT_OK;
}

int
sub_gc(struct admin *a)
{
	static const struct column columns[] = { { "examined", true },
		{ "deleted", true }, { "bytes", true },
		{ "expunged_forgotten", true }, { "stuck", true } };
	struct table *t = table_new(a, columns, 5);
	struct str age = admin_option(a, "min-age");
	uint64_t age_s = 86400;
	struct gc_options o = { .is_dry = admin_has(a, "dry-run"),
		.is_whole = true };
	struct gc_counts n;
	struct err err;

	if (age.p && !num_parse_duration(age, &age_s))
		return admin_complain(EXIT_USAGE, "--min-age: as 1d or 12h");
	o.min_age_ms = (int64_t)age_s * 1000;
	if (gc_run(a->p->db, &o, &n, &err) != RC_OK)
		return admin_fail(&err);
	{
		struct str cells[] = { number(a, n.examined),
			number(a, n.deleted), number(a, n.bytes),
			number(a, n.expunged_forgotten), number(a, n.stuck) };

		table_row(t, cells);
	}
	table_print_single(t);
	return n.stuck ? EXIT_FAILED : EXIT_OK;
}

int
sub_restored(struct admin *a)
{
	static const struct column columns[] = { { "folders", true },
		{ "leases", true }, { "held", true } };
	struct table *t = table_new(a, columns, 3);
	struct restored_counts n;
	struct err err;

	if (db_restored(a->p->db, admin_has(a, "hold-queue"), &n, &err) !=
	    RC_OK)
		return admin_fail(&err);
	{
		struct str cells[] = { number(a, n.folders),
			number(a, n.leases), number(a, n.held) };

		table_row(t, cells);
	}
	table_print_single(t);
	return EXIT_OK;
}
