/* m3mta queue */
#include "admin.h"

#include <stdlib.h>

#include "base/num.h"
#include "db/queue.h"
#include "net/doorbell.h"

#include "base/banned.h"

static int
make_filter(struct admin *a, struct queue_filter *f)
{
	struct str older = admin_option(a, "older");
	struct str limit = admin_option(a, "limit");
	struct str state = admin_option(a, "state");
	uint64_t n = 0;

	*f = (struct queue_filter){
		.sender = admin_option(a, "from"),
		.recipient = admin_option(a, "to"),
		.domain = admin_option(a, "domain"),
		.error = admin_option(a, "error"),
		.state = admin_has(a, "held") ? 'H' : 0,
	};
	if (str_equals(state, STR("held")))
		f->state = 'H';
	else if (str_equals(state, STR("waiting")))
		f->state = 'P';
	else if (state.p)
		return admin_complain(EXIT_USAGE, "--state: held or waiting");
	if (older.p && !num_parse_duration(older, &n))
		return admin_complain(EXIT_USAGE, "--older: as 2h or 3d");
	f->older_than_ms = (int64_t)n * 1000;
	n = 0;
	if (limit.p && !num_parse_u64(limit, UINT32_MAX, &n))
		return admin_complain(EXIT_USAGE, "--limit: a number");
	f->limit = (size_t)n;
	return EXIT_OK;
}

/* What the options select; else the exit code. */
static int
find_items(struct admin *a, struct queue_item **ret_v, size_t *ret_n)
{
	struct queue_filter f;
	struct err err;
	int code = make_filter(a, &f);

	if (code != EXIT_OK)
		return code;
	if (queue_list(a->p->db, a->a, &f, false, ret_v, ret_n, &err) !=
	    RC_OK)
		return admin_fail(&err);
	return EXIT_OK;
}

static struct str
age_text(struct admin *a, int64_t ms)
{
	int64_t s = (db_time(a->p->db) - ms) / 1000;

	if (a->is_json)
		return arena_printf(a->a, "%lld", (long long)s);
	if (s < 120)
		return arena_printf(a->a, "%llds", (long long)s);
	if (s < 7200)
		return arena_printf(a->a, "%lldm", (long long)(s / 60));
	if (s < 172800)
		return arena_printf(a->a, "%lldh", (long long)(s / 3600));
	return arena_printf(a->a, "%lldd", (long long)(s / 86400));
}

static struct str
state_text(struct admin *a, const struct queue_item *q)
{
	int64_t left = (q->next_ms - db_time(a->p->db)) / 1000;

	if (q->held)
		return STR("held");
	if (q->is_leased && left > 0)
		return STR("sending");
	if (left <= 0)
		return STR("due");
	return arena_printf(a->a, "in %llds", (long long)left);
}

/* The recipient that the line is about: the first that still waits. */
static const struct queue_recipient *
waiting(const struct queue_item *q)
{
	size_t i;

	for (i = 0; i < q->n_recipients; i++) {
		if (q->recipients[i].state == RECIPIENT_PENDING)
			return &q->recipients[i];
	}
	return q->n_recipients ? &q->recipients[0] : NULL;
}

int
sub_queue_list(struct admin *a)
{
	static const struct column columns[] = { { "id", false },
		{ "age", false }, { "size", true }, { "state", false },
		{ "tries", true }, { "from", false }, { "to", false },
		{ "recipients", true }, { "error", false } };
	struct table *t = table_new(a, columns, 9);
	struct queue_item *v;
	size_t n, i;
	int code = find_items(a, &v, &n);

	if (code != EXIT_OK)
		return code;
	for (i = 0; i < n; i++) {
		const struct queue_recipient *r = waiting(&v[i]);
		char text[OID_HEX];
		struct str cells[] = {
			arena_dup_str(a->a, oid_format(&v[i].id, text)),
			age_text(a, v[i].created_ms),
			arena_printf(a->a, "%llu",
			    (unsigned long long)v[i].size),
			state_text(a, &v[i]),
			arena_printf(a->a, "%u", v[i].attempts),
			v[i].sender.len ? v[i].sender : STR("<>"),
			r ? r->address : STR(""),
			arena_printf(a->a, "%zu", v[i].n_recipients),
			v[i].held && v[i].reason.len ? v[i].reason
			    : r			     ? r->text
						     : STR(""),
		};

		table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}

static int
parse_id(struct str text, struct oid *ret)
{
	if (oid_parse(text, ret))
		return EXIT_OK;
	return admin_complain(EXIT_USAGE,
	    "%.*s is no queue id (24 hexadecimal digits)", STR_ARG(text));
}

static void
print_recipient(const struct queue_recipient *r)
{
	printf("\n%-16s %.*s\n", "recipient", STR_ARG(r->address));
	printf("%-16s %c\n", "state", (char)r->state);
	printf("%-16s %u\n", "tries", r->tries);
	printf("%-16s %u %.*s %.*s\n", "last answer", r->code,
	    STR_ARG(r->status), STR_ARG(r->text));
	if (r->host.len)
		printf("%-16s %.*s\n", "host", STR_ARG(r->host));
	if (r->transcript.len)
		printf("transcript\n%.*s", STR_ARG(r->transcript));
}

static struct table *
recipients_table(struct admin *a, const struct queue_item *item)
{
	static const struct column columns[] = { { "address", false },
		{ "state", false }, { "tries", true }, { "code", true },
		{ "status", false }, { "text", false }, { "host", false },
		{ "transcript", false } };
	struct table *t = table_new(a, columns, 8);
	size_t i;

	for (i = 0; i < item->n_recipients; i++) {
		const struct queue_recipient *r = &item->recipients[i];
		char state = (char)r->state;
		struct str cells[] = { r->address,
			arena_dup_str(a->a, str_make(&state, 1)),
			arena_printf(a->a, "%u", r->tries),
			arena_printf(a->a, "%u", r->code), r->status,
			r->text, r->host, r->transcript };

		table_row(t, cells);
	}
	return t;
}

static void
print_item(
    struct admin *a, const struct table *t, const struct queue_item *item)
{
	size_t i;

	if (a->is_json) {
		table_print_nested(
		    t, "recipients", recipients_table(a, item));
		return;
	}
	table_print_single(t);
	for (i = 0; i < item->n_recipients; i++)
		print_recipient(&item->recipients[i]);
}

int
sub_queue_show(struct admin *a)
{
	static const struct column columns[] = { { "id", false },
		{ "from", false }, { "age", false }, { "size", true },
		{ "state", false }, { "attempts", true }, { "origin", false },
		{ "login", false }, { "peer", false }, { "session", false },
		{ "worker", false }, { "reason", false } };
	struct table *t = table_new(a, columns, 12);
	struct queue_filter f = { .limit = 1 };
	struct queue_item *v;
	struct err err;
	size_t n;
	int code = parse_id(a->words[0], &f.id);

	if (code != EXIT_OK)
		return code;
	if (queue_list(a->p->db, a->a, &f, true, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	if (n == 0)
		return admin_complain(EXIT_FAILED, "%.*s is not in the queue",
		    STR_ARG(a->words[0]));
	{
		struct str cells[] = { a->words[0],
			v->sender.len ? v->sender : STR("<>"),
			age_text(a, v->created_ms),
			arena_printf(
			    a->a, "%llu", (unsigned long long)v->size),
			state_text(a, v),
			arena_printf(a->a, "%u", v->attempts), v->origin,
			v->login, v->peer, v->session, v->worker,
			v->reason };

		table_row(t, cells);
	}
	print_item(a, t, v);
	return EXIT_OK;
}

/* --- by destination --------------------------------------------------------- */

struct tally {
	struct str domain;
	uint64_t messages;
	uint64_t recipients;
	uint64_t held;
	int64_t oldest_ms;
	size_t last;       /* the item that was counted last, + 1 */
};

typedef VEC(struct tally) tally_vec;

static struct tally *
tally_of(struct admin *a, tally_vec *all, struct str domain)
{
	struct tally *t;
	size_t i;

	for (i = 0; i < all->n; i++) {
		if (str_equals_nocase(all->v[i].domain, domain))
			return &all->v[i];
	}
	t = VEC_ADD(a->a, all);
	t->domain = arena_dup_lower(a->a, domain);
	t->oldest_ms = INT64_MAX;
	return t;
}

static void
count_item(struct admin *a, tally_vec *all, const struct queue_item *item,
    size_t number)
{
	size_t i;

	for (i = 0; i < item->n_recipients; i++) {
		const struct queue_recipient *r = &item->recipients[i];
		struct tally *t;

		if (r->state != RECIPIENT_PENDING)
			continue;
		t = tally_of(a, all, str_tail(r->address,
		    str_find_last_char(r->address, '@') + 1));
		t->recipients++;
		if (t->last == number)
			continue;
		t->last = number;
		t->messages++;
		t->held += item->held;
		if (item->created_ms < t->oldest_ms)
			t->oldest_ms = item->created_ms;
	}
}

static int
compare_tallies(const void *x, const void *y)
{
	const struct tally *a = x, *b = y;

	if (a->messages != b->messages)
		return a->messages < b->messages ? 1 : -1;
	return str_compare(a->domain, b->domain);
}

int
sub_queue_count(struct admin *a)
{
	static const struct column columns[] = { { "destination", false },
		{ "messages", true }, { "recipients", true },
		{ "held", true }, { "oldest", false } };
	struct table *t = table_new(a, columns, 5);
	tally_vec all = { 0 };
	struct queue_item *v;
	size_t n, i;
	int code = find_items(a, &v, &n);

	if (code != EXIT_OK)
		return code;
	for (i = 0; i < n; i++)
		count_item(a, &all, &v[i], i + 1);
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), compare_tallies);
	for (i = 0; i < all.n; i++) {
		const struct tally *x = &all.v[i];
		struct str cells[] = { x->domain,
			arena_printf(a->a, "%llu",
			    (unsigned long long)x->messages),
			arena_printf(a->a, "%llu",
			    (unsigned long long)x->recipients),
			arena_printf(
			    a->a, "%llu", (unsigned long long)x->held),
			age_text(a, x->oldest_ms) };

		table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}

static int
act_on(struct admin *a, const struct oid *id, enum queue_action action,
    size_t *n_done)
{
	enum queue_acted acted;
	char text[OID_HEX];
	uint32_t bucket;
	struct err err;

	if (queue_act(a->p->db, id, action, &acted, &bucket, &err) != RC_OK)
		return admin_fail(&err);
	if (acted == QUEUE_GONE)
		return admin_complain(EXIT_FAILED, "%.*s is not in the queue",
		    STR_ARG(oid_format(id, text)));
	if (acted == QUEUE_LEASED)
		return admin_complain(EXIT_FAILED,
		    "%.*s is being delivered at this moment and was left "
		    "alone: see m3mta queue show, and try again",
		    STR_ARG(oid_format(id, text)));
	++*n_done;
	if (action != QUEUE_HOLD && action != QUEUE_DELETE)
		doorbell_ring_mda(
		    config_str(&a->p->config, CFG_RUNTIME_DIR), bucket);
	return EXIT_OK;
}

static int
act_on_filter(struct admin *a, enum queue_action action, size_t *n_done)
{
	struct queue_item *v;
	size_t n, i;
	int code;

	if (a->n_options == 0)
		return admin_complain(EXIT_USAGE, "queue ids or a filter are "
						  "wanted");
	if ((code = find_items(a, &v, &n)) != EXIT_OK)
		return code;
	/* What a worker has, or has just ended, does not stop the rest. */
	for (i = 0; i < n && (code == EXIT_OK || code == EXIT_FAILED); i++) {
		int one = act_on(a, &v[i].id, action, n_done);

		code = one == EXIT_OK ? code : one;
	}
	return code;
}

static int
act(struct admin *a, enum queue_action action, const char *done)
{
	size_t n_done = 0, i;
	struct oid id;
	int code = EXIT_OK;

	if (a->n_words == 0)
		code = act_on_filter(a, action, &n_done);
	for (i = 0; i < a->n_words && code == EXIT_OK; i++) {
		code = parse_id(a->words[i], &id);
		if (code == EXIT_OK)
			code = act_on(a, &id, action, &n_done);
	}
	if (a->is_json)
		printf("{\"%s\": %zu}\n", done, n_done);
	else
		printf("%s: %zu\n", done, n_done);
	return code;
}

int
sub_queue_hold(struct admin *a)
{
	return act(a, QUEUE_HOLD, "held");
}

int
sub_queue_release(struct admin *a)
{
	return act(a, QUEUE_RELEASE, "released");
}

int
sub_queue_retry(struct admin *a)
{
	return act(a, QUEUE_RETRY, "due");
}

int
sub_queue_delete(struct admin *a)
{
	return act(a, QUEUE_DELETE, "deleted");
}

int
sub_queue_bounce(struct admin *a)
{
	return act(a, QUEUE_BOUNCE, "bouncing");
}
