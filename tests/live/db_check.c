/*
 * The database layer against a real replica set: directory, blobs, queue,
 * store, delivery, verify and gc.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "db/migrate.h"
#include "db/blob.h"
#include "db/config_db.h"
#include "db/deliver.h"
#include "db/directory.h"
#include "db/gc.h"
#include "db/queue.h"
#include "db/store.h"
#include "db/verify.h"

#include "base/banned.h"

static struct db *db;
static struct arena *a;
static struct err err;
static char db_name[64];

static const struct gc_options at_once = { .is_whole = true };
static const struct gc_options in_a_day = { .min_age_ms = 86400000 };

#define OK(call) \
	ck_assert_msg((call) == RC_OK, "%s: %s", #call, err.text)
#define FAILS(call, want)                                            \
	do {                                                         \
		ck_assert_msg((call) == RC_PERM, "%s", #call);       \
		ck_assert_str_eq(err.code, want);                    \
	} while (0)

static void
setup(void)
{
	struct db_options o = { getenv("M3MTA_TEST_URI"), db_name,
		"db_check", NULL, true };

	ck_assert_msg(o.uri != NULL, "M3MTA_TEST_URI is not set");
	snprintf(db_name, sizeof(db_name), "check_%d_%lld", (int)getpid(),
	    (long long)clock_mono_ms());
	a = arena_new();
	OK(db_new(&o, &db, &err));
	OK(db_init_schema(db, false, NULL, NULL, &err));
	OK(db_init_schema(db, false, NULL, NULL, &err));
}

static void
teardown(void)
{
	db_free(db);
	arena_free(a);
}

static struct mailbox
add_mailbox(const char *address, uint64_t maximum)
{
	struct domain d = { .name = STR("example.org") };
	struct mailbox m = { .address = str_from_cstr(address),
		.owner = uuid_new(), .size_maximum = maximum };

	if (domain_insert(db, &d, &err) != RC_OK)
		ck_assert_str_eq(err.code, "EXISTS");
	OK(mailbox_insert(db, &m, &err));
	return m;
}

static void
print_problem(void *ctx, const char *what, struct str where, struct str text)
{
	struct buf *b = ctx;

	buf_printf(b, "%s %.*s: %.*s\n", what, STR_ARG(where),
	    STR_ARG(text));
}

static void
assert_verified(void)
{
	struct verify_counts counts;
	struct buf b = BUF_INIT;

	OK(verify_run(db, print_problem, &b, &counts, &err));
	buf_add_char(&b, 0);
	ck_assert_msg(counts.problems == 0, "%s", b.p);
	buf_done(&b);
}

static struct oid
add_blob(struct str bytes)
{
	struct blob_writer *w;
	struct oid id;
	uint64_t size;

	OK(blob_writer_new(db, &w, &err));
	OK(blob_writer_push(w, bytes, &err));
	OK(blob_writer_finish(w, &id, &size, &err));
	ck_assert_uint_eq(size, bytes.len);
	blob_writer_free(w);
	return id;
}

static struct folder *
get(const struct mailbox *m, const char *name)
{
	struct folder *f;

	OK(folder_find(db, a, &m->owner, str_from_cstr(name), &f, &err));
	ck_assert_ptr_nonnull(f);
	return f;
}

static uint32_t
append(const struct mailbox *m, const char *folder, size_t n)
{
	struct append_message *v = ARENA_ARRAY(a, n, struct append_message);
	struct oid blob = add_blob(STR("Subject: x\r\n\r\nbody\r\n"));
	uint32_t validity, uid;
	size_t i;

	for (i = 0; i < n; i++)
		v[i] = (struct append_message){ .blob = blob,
			.blob_size = 20, .prefix = STR("P: 1\r\n"),
			.facts = STR("f"), .date_s = 1000 };
	OK(store_append(db, get(m, folder), v, n, &validity, &uid, &err));
	return uid;
}

START_TEST(test_directory)
{
	struct mailbox m = add_mailbox("ann@example.org", 0), *found;
	struct str keys[] = { STR_INIT("x@example.org"),
		STR_INIT("ann@example.org") };
	struct domain *d;
	struct folder *folders;
	size_t n;

	FAILS(mailbox_insert(db, &m, &err), "EXISTS");
	FAILS(domain_delete(db, STR("example.org"), &err), "INUSE");
	OK(mailbox_find_first(db, a, keys, 2, false, &found, &err));
	ck_assert(uuid_equals(&found->owner, &m.owner));
	OK(folder_list(db, a, &m.owner, &folders, &n, &err));
	ck_assert_uint_eq(n, 6);
	assert_verified();
	OK(mailbox_delete(db, m.address, &err));
	OK(mailbox_find(db, a, m.address, &found, &err));
	ck_assert_ptr_null(found);
	OK(domain_delete(db, STR("example.org"), &err));
	OK(domain_find(db, a, STR("example.org"), &d, &err));
	ck_assert_ptr_null(d);
	m.address = STR("ann@nowhere.example");
	FAILS(mailbox_insert(db, &m, &err), "NOTFOUND");
}
END_TEST

struct piece {
	struct buf b;
	size_t max;
};

static bool
keep(void *ctx, struct str piece)
{
	struct piece *p = ctx;

	buf_add_str(&p->b, piece);
	return p->b.len < p->max;
}

START_TEST(test_blobs)
{
	static const size_t sizes[] = { 0, 1, 1048575, 1048576, 1048577,
		3200000 };
	struct piece p = { BUF_INIT, SIZE_MAX };
	struct buf data = BUF_INIT;
	size_t i, k;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct oid id;
		uint64_t offset = sizes[i] / 3, len = sizes[i] - offset;

		buf_reset(&data);
		for (k = 0; k < sizes[i]; k++)
			buf_add_char(&data, (char)(k * 31 + k / 999));
		id = add_blob(buf_str(&data));
		buf_reset(&p.b);
		OK(blob_read(db, &id, offset, len, keep, &p, &err));
		ck_assert_uint_eq(p.b.len, len);
		ck_assert(len == 0 ||
		    memcmp(p.b.p, data.p + offset, len) == 0);
		ck_assert_int_eq(blob_read(db, &id, 0, sizes[i] + 1, keep,
				     &p, &err), RC_TEMP);
	}
	buf_done(&data);
	buf_done(&p.b);
}
END_TEST

START_TEST(test_store)
{
	struct mailbox m = add_mailbox("ann@example.org", 0);
	struct folder *inbox, *archive;
	struct folder_changes c;
	struct uid_range some = { 100, 299 }, all = { 1, UINT32_MAX };
	struct str keyword = STR("$Work");
	struct store_flags f = { STORE_ADD, FLAG_SEEN | FLAG_DELETED,
		&keyword, 1, UINT64_MAX, 0 };
	struct copy_result r;
	uint64_t modseq;
	uint32_t *modified;
	size_t n, i;

	for (i = 0; i < 5; i++)
		append(&m, "INBOX", 100);
	for (i = 0; i < 70; i++)
		append(&m, "INBOX", 1);
	assert_verified();
	inbox = get(&m, "INBOX");
	ck_assert_uint_eq(inbox->exists, 570);
	ck_assert_uint_eq(inbox->uidnext, 571);
	OK(store_changes(db, a, &m.owner, &inbox->id, 0, &c, &err));
	ck_assert_uint_eq(c.n_entries, 570);
	for (i = 0; i < c.n_entries; i++)
		ck_assert_uint_eq(c.entries[i].uid, i + 1);

	OK(store_flags(db, a, &m.owner, &inbox->id,
	    (struct uid_set){ &some, 1 }, &f, &modseq, &modified, &n, &err));
	ck_assert_uint_eq(n, 0);
	OK(store_changes(db, a, &m.owner, &inbox->id, inbox->highestmodseq,
	    &c, &err));
	ck_assert_uint_eq(c.n_entries, 200);
	ck_assert_uint_eq(c.entries[0].uid, 100);
	ck_assert_uint_eq(c.entries[0].flags,
	    FLAG_SEEN | FLAG_DELETED | 1 << FLAG_FIRST_KEYWORD);
	ck_assert_uint_eq(c.folder.unseen, 370);
	ck_assert_uint_eq(c.folder.deleted, 200);
	assert_verified();
	/* The same again changes nothing, not even the modseq. */
	OK(store_flags(db, a, &m.owner, &inbox->id,
	    (struct uid_set){ &some, 1 }, &f, &modseq, &modified, &n, &err));
	ck_assert_uint_eq(modseq, c.folder.highestmodseq);
	f.unchanged_since = modseq - 1;
	OK(store_flags(db, a, &m.owner, &inbox->id,
	    (struct uid_set){ &some, 1 }, &f, &modseq, &modified, &n, &err));
	ck_assert_uint_eq(n, 200);

	archive = get(&m, "Archive");
	OK(store_copy(db, a, &m.owner, &inbox->id,
	    (struct uid_set){ &some, 1 }, &m.owner, &archive->id, false, 0,
	    &r, &err));
	ck_assert_uint_eq(r.n, 200);
	ck_assert_uint_eq(r.from[0], 100);
	ck_assert_uint_eq(r.to[199], 200);
	assert_verified();
	OK(store_expunge(db, &m.owner, &inbox->id, (struct uid_set){ &all, 1 },
	    false, &modseq, &err));
	OK(store_changes(
	    db, a, &m.owner, &inbox->id, modseq - 1, &c, &err));
	ck_assert_uint_eq(c.n_expunged, 200);
	ck_assert_uint_eq(c.folder.exists, 370);
	assert_verified();
	some = (struct uid_range){ 1, 50 };
	OK(store_copy(db, a, &m.owner, &archive->id,
	    (struct uid_set){ &some, 1 }, &m.owner, &inbox->id, true, 0,
	    &r, &err));
	ck_assert_uint_eq(r.n, 50);
	ck_assert_uint_eq(r.to[0], 571);
	assert_verified();
	ck_assert_uint_eq(get(&m, "INBOX")->exists, 420);
	ck_assert_uint_eq(get(&m, "Archive")->exists, 150);
	OK(store_copy(db, a, &m.owner, &inbox->id, (struct uid_set){ &all, 1 },
	    &m.owner, &inbox->id, true, 0, &r, &err));
	assert_verified();
	OK(folder_delete(db, &m.owner, STR("Archive"), &err));
	assert_verified();
}
END_TEST

START_TEST(test_names)
{
	struct mailbox m = add_mailbox("ann@example.org", 0);
	struct folder *f, *folders;
	size_t n;

	OK(folder_create(db, a, &m.owner, STR("a/b/c"), SPECIAL_NONE, true,
	    &f, &err));
	FAILS(folder_create(db, a, &m.owner, STR("a/b"), SPECIAL_NONE, true,
	    &f, &err), "EXISTS");
	OK(folder_rename(db, &m.owner, STR("a"), STR("z/y"), &err));
	OK(folder_list(db, a, &m.owner, &folders, &n, &err));
	ck_assert_uint_eq(n, 10);
	get(&m, "z/y/b/c");
	FAILS(folder_rename(db, &m.owner, STR("z"), STR("z/q"), &err),
	    "CANNOT");
	FAILS(folder_delete(db, &m.owner, STR("a"), &err), "NOTFOUND");
	FAILS(folder_delete(db, &m.owner, STR("INBOX"), &err), "CANNOT");
	OK(folder_subscribe(db, &m.owner, STR("later"), true, &err));
	OK(folder_find(db, a, &m.owner, STR("later"), &f, &err));
	ck_assert(f->no_select && f->subscribed);
	OK(folder_create(db, a, &m.owner, STR("later"), SPECIAL_NONE, false,
	    &f, &err));
	ck_assert(!f->no_select && f->subscribed);
	append(&m, "INBOX", 3);
	OK(folder_rename(db, &m.owner, STR("INBOX"), STR("old"), &err));
	ck_assert_uint_eq(get(&m, "old")->exists, 3);
	ck_assert_uint_eq(get(&m, "INBOX")->exists, 0);
	ck_assert_uint_gt(get(&m, "INBOX")->uidvalidity, 6);
	assert_verified();
}
END_TEST

START_TEST(test_quota)
{
	struct mailbox m = add_mailbox("ann@example.org", 60);
	struct append_message v = { .blob = add_blob(STR("12345678901234567890")),
		.blob_size = 20, .facts = STR("f") };
	struct folder *inbox = get(&m, "INBOX");
	struct uid_range all = { 1, UINT32_MAX };
	struct copy_result r;
	uint32_t validity, uid;

	OK(store_append(db, inbox, &v, 1, &validity, &uid, &err));
	OK(store_append(db, inbox, &v, 1, &validity, &uid, &err));
	FAILS(store_copy(db, a, &m.owner, &inbox->id,
	    (struct uid_set){ &all, 1 }, &m.owner, &inbox->id, false, 0,
	    &r, &err), "OVERQUOTA");
	ck_assert_uint_eq(get(&m, "INBOX")->exists, 2);
	assert_verified();
}
END_TEST

static struct queue_item
enqueue(const struct str *to, size_t n)
{
	struct queue_item item = { .id = oid_new(), .sender = STR("s@x.y"),
		.blob = add_blob(STR("Subject: x\r\n\r\nbody\r\n")),
		.size = 20, .facts = STR("facts"), .origin = STR("smtp"),
		.created_ms = clock_wall_ms(), .bucket = 7,
		.expires_ms = clock_wall_ms() + 1000000 };
	size_t i;

	item.recipients = ARENA_ARRAY(a, n, struct queue_recipient);
	item.n_recipients = n;
	for (i = 0; i < n; i++) {
		item.recipients[i].address = to[i];
		item.recipients[i].state = RECIPIENT_PENDING;
	}
	OK(queue_insert(db, &item, clock_deadline(5000), &err));
	return item;
}

/* What we take for the server's time is behind it by what it took to ask. */
static void
claim_when_due(struct queue_claim *ret)
{
	int i;

	ret->n = 0;
	for (i = 0; i < 200 && ret->n == 0; i++) {
		usleep(20000);
		OK(queue_claim(
		    db, a, 7, STR("w"), 10, 1, true, ret, &err));
	}
}

START_TEST(test_queue)
{
	struct str to[] = { STR_INIT("a@b.c"), STR_INIT("d@e.f") };
	struct queue_item item = enqueue(to, 2);
	struct queue_claim claim, second;
	struct queue_change change = { .recipient = 1 };
	struct queue_outcome o = { 0 };
	const struct queue_item *items[1];
	enum queue_acted acted;
	bool lost, lost_leases[1];
	uint64_t buckets;
	uint32_t bucket;
	int i;

	OK(queue_due_buckets(db, &buckets, &err));
	ck_assert_uint_eq(buckets, 1 << 7);
	OK(queue_claim(db, a, 7, STR("w"), 10, 60000, true, &claim, &err));
	ck_assert_uint_eq(claim.n, 1);
	ck_assert_uint_eq(claim.v[0].epoch, 1);
	OK(queue_claim(db, a, 7, STR("w2"), 10, 60000, true, &second, &err));
	ck_assert_uint_eq(second.n, 0);
	change.now = claim.v[0].recipients[1];
	change.now.state = RECIPIENT_BOUNCED;
	change.now.text = STR("no such user");
	o.item = &claim.v[0];
	o.changes = &change;
	o.n_changes = 1;
	o.ends_attempt = true;
	o.wait_ms = -1000;
	OK(queue_write_outcome(db, &o, &lost, &err));
	ck_assert(!lost);
	OK(queue_claim(db, a, 7, STR("w3"), 10, 60000, true, &second, &err));
	ck_assert_uint_eq(second.n, 1);
	ck_assert_int_eq(second.v[0].recipients[1].state, RECIPIENT_BOUNCED);
	ck_assert_uint_eq(second.v[0].attempts, 1);
	OK(queue_write_outcome(db, &o, &lost, &err));
	ck_assert(lost);
	/* A worker has it: nobody else's hands. Its lease has ended: due. */
	OK(queue_act(db, &item.id, QUEUE_RETRY, &acted, &bucket, &err));
	ck_assert_int_eq(acted, QUEUE_LEASED);
	items[0] = &second.v[0];
	OK(queue_renew(db, items, 1, 1, lost_leases, &err));
	ck_assert(!lost_leases[0]);
	usleep(20000);
	OK(queue_act(db, &item.id, QUEUE_RETRY, &acted, &bucket, &err));
	ck_assert_int_eq(acted, QUEUE_ACTED);
	ck_assert_uint_eq(bucket, 7);
	OK(queue_renew(db, items, 1, 60000, lost_leases, &err));
	ck_assert(lost_leases[0]);
	/* Three starts without an end: held, with a reason. */
	for (i = 0; i < 3; i++) {
		claim_when_due(&claim);
		ck_assert_uint_eq(claim.n, 1);
		ck_assert(claim.is_alone == (i > 0));
		usleep(20000);
	}
	for (i = 0, claim.held.n = 0; i < 200 && !claim.held.n; i++) {
		usleep(20000);
		OK(queue_claim(
		    db, a, 7, STR("w"), 10, 1, true, &claim, &err));
	}
	ck_assert_uint_eq(claim.n, 0);
	ck_assert_uint_eq(claim.held.n, 1);
	ck_assert(str_ends_with(claim.held.v[0].reason, STR(" w")));
	assert_verified();
	OK(queue_act(db, &item.id, QUEUE_DELETE, &acted, &bucket, &err));
	ck_assert_int_eq(acted, QUEUE_ACTED);
	OK(queue_act(db, &item.id, QUEUE_DELETE, &acted, &bucket, &err));
	ck_assert_int_eq(acted, QUEUE_GONE);
}
END_TEST

/* Ten thousand recipients fit; what does not is refused for good. */
/* Without the server's clock nothing is taken for the time. */
START_TEST(test_unknown_time)
{
	struct db_options o = {
		"mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100",
		"none", "db_check", NULL, false };
	struct db *away;
	int64_t now = -1;

	OK(db_new(&o, &away, &err));
	ck_assert_int_eq(db_now(away, &now, &err), RC_TEMP);
	ck_assert_int_eq(now, -1);
	db_free(away);
}
END_TEST

START_TEST(test_queue_bound)
{
	enum { FITS = 10000, TOO_MANY = LIMIT_QUEUE_DOCUMENT / 200 };
	struct str *to = ARENA_ARRAY(a, FITS, struct str);
	struct queue_item item;
	size_t i;

	for (i = 0; i < FITS; i++)
		to[i] = arena_printf(a, "%0200zu@example.org", i);
	item = enqueue(to, FITS);
	item.id = oid_new();
	item.n_recipients = TOO_MANY;
	item.recipients = ARENA_ARRAY(a, TOO_MANY, struct queue_recipient);
	for (i = 0; i < TOO_MANY; i++)
		item.recipients[i] = (struct queue_recipient){
			.address = to[i % FITS], .state = RECIPIENT_PENDING };
	ck_assert_int_eq(
	    queue_insert(db, &item, clock_deadline(5000), &err), RC_PERM);
	ck_assert_str_eq(err.code, "5.3.4");
}
END_TEST

/* The longest that is taken, with the longest answers for each recipient. */
START_TEST(test_queue_bound_with_answers)
{
	static const size_t lengths[][2] = { { 20, 0 }, { 250, 0 },
		{ 20, 2500 } };
	struct str text = arena_printf(a, "%02000d", 0);
	struct str dialog = arena_printf(a, "%04096d", 0);
	struct str host = arena_printf(a, "%0254d", 0);
	struct queue_claim claim;
	struct queue_outcome o = { .is_expansion = true };
	struct queue_recipient one;
	struct queue_change *v;
	struct queue_item item;
	size_t i, n, most;
	bool lost;

	for (n = 0; n < sizeof(lengths) / sizeof(*lengths); n++) {
		item = (struct queue_item){ .id = oid_new(), .bucket = 3,
			.blob = oid_new(), .body = STR("x"),
			.sender = STR("s@example.org"),
			.origin = STR("smtp") };
		item.recipients =
		    ARENA_ARRAY(a, 50000, struct queue_recipient);
		one = (struct queue_recipient){ .state = RECIPIENT_PENDING,
			.address = arena_printf(
			    a, "%0*d", (int)lengths[n][0], 0),
			.final_key = arena_printf(
			    a, "%0*d", (int)lengths[n][1], 0) };
		most = (LIMIT_QUEUE_DOCUMENT - queue_size(&item)) /
		    queue_recipient_size(&one);
		while (item.n_recipients < most)
			item.recipients[item.n_recipients++] = one;
		OK(queue_insert(db, &item, clock_deadline(20000), &err));
		OK(queue_claim(db, a, 3, STR("w"), 1, 60000, true, &claim,
		    &err));
		ck_assert_uint_eq(claim.n, 1);
		v = ARENA_ARRAY(a, item.n_recipients, struct queue_change);
		for (i = 0; i < item.n_recipients; i++) {
			v[i] = (struct queue_change){
				i, claim.v[0].recipients[i] };
			v[i].now.text = text;
			v[i].now.transcript = dialog;
			v[i].now.host = host;
			v[i].now.status = STR("5.111.111");
		}
		o.item = &claim.v[0];
		o.changes = v;
		o.n_changes = item.n_recipients;
		OK(queue_write_outcome(db, &o, &lost, &err));
		ck_assert(!lost);
		o.changes = NULL;
		o.n_changes = 0;
		o.is_done = true;
		OK(queue_write_outcome(db, &o, &lost, &err));
		o.is_done = false;
	}
}
END_TEST

/* The driver says so itself and sends nothing; it is not a thing to retry. */
START_TEST(test_too_big)
{
	size_t n = 17 << 20;
	char *p = mem_alloc(n);
	struct small_blob blob = { oid_new(), str_make(p, n) };

	memset(p, 'x', n);
	ck_assert_int_eq(blob_insert(db, &blob, 1, &err), RC_BUG);
	ck_assert_str_eq(err.code, "5.3.4");
	mem_free(p);
}
END_TEST

START_TEST(test_deliver)
{
	struct mailbox ann = add_mailbox("ann@example.org", 0);
	struct mailbox bob = add_mailbox("bob@example.org", 30);
	struct str to[] = { STR_INIT("ann@example.org"),
		STR_INIT("bob@example.org") };
	struct queue_claim claim;
	struct delivery v[80];
	struct gc_counts gc;
	size_t i;

	for (i = 0; i < 40; i++)
		enqueue(to, 2);
	OK(queue_claim(db, a, 7, STR("w"), 100, 60000, true, &claim, &err));
	ck_assert_uint_eq(claim.n, 40);
	for (i = 0; i < 80; i++)
		v[i] = (struct delivery){ .item = &claim.v[i / 2],
			.recipient = i % 2,
			.owner = i % 2 ? bob.owner : ann.owner,
			.mailbox = i % 2 ? bob.address : ann.address,
			.prefix = STR("R: <>\r\n") };
	/* bob has room for one: the batch is split. */
	OK(deliver_batch(db, v, 80, &err));
	for (i = 0; i < 80; i += 2)
		ck_assert_int_eq(v[i].ret_result, DELIVER_DONE);
	ck_assert_uint_eq(get(&ann, "INBOX")->exists, 40);
	ck_assert_uint_eq(get(&bob, "INBOX")->exists, 1);
	assert_verified();
	/* Again, as after a crash: nothing twice where the lease is lost. */
	claim.v[0].epoch = 9;
	OK(deliver_batch(db, v, 1, &err));
	ck_assert_int_eq(v[0].ret_result, DELIVER_LOST);
	ck_assert_uint_eq(get(&ann, "INBOX")->exists, 40);
	/* One transaction, and its queue documents go. */
	for (i = 0; i < 70; i++)
		enqueue(to, 1);
	OK(queue_claim(db, a, 7, STR("w"), 100, 60000, true, &claim, &err));
	ck_assert_uint_eq(claim.n, 70);
	for (i = 0; i < 70; i++)
		v[i] = (struct delivery){ .item = &claim.v[i],
			.owner = ann.owner, .mailbox = ann.address };
	OK(deliver_batch(db, v, 70, &err));
	for (i = 0; i < 70; i++)
		ck_assert(v[i].ret_is_last);
	ck_assert_uint_eq(get(&ann, "INBOX")->exists, 110);
	assert_verified();
	/* Its writer may still be about to refer to it. */
	add_blob(STR("an orphan"));
	OK(gc_run(db, &at_once, &gc, &err));
	ck_assert_uint_eq(gc.deleted, 0);
	assert_verified();
}
END_TEST

START_TEST(test_gc)
{
	struct mailbox m = add_mailbox("ann@example.org", 0);
	struct uid_range all = { 1, UINT32_MAX };
	struct folder *inbox = get(&m, "INBOX");
	struct verify_counts counts;
	struct buf b = BUF_INIT;
	struct gc_counts gc;
	uint64_t modseq;

	append(&m, "INBOX", 5);
	append(&m, "INBOX", 5);
	OK(store_expunge(db, &m.owner, &inbox->id, (struct uid_set){ &all, 1 },
	    true, &modseq, &err));
	assert_verified();
	OK(gc_run(db, &in_a_day, &gc, &err));
	ck_assert_uint_eq(gc.deleted, 0);
	OK(gc_run(db, &at_once, &gc, &err));
	ck_assert_uint_eq(gc.deleted, 2);
	OK(verify_run(db, print_problem, &b, &counts, &err));
	ck_assert_uint_eq(counts.problems, 0);
	ck_assert_uint_eq(counts.messages, 0);
	ck_assert_uint_eq(counts.blobs, 0);
	buf_done(&b);
}
END_TEST

START_TEST(test_config)
{
	struct config c;
	struct str value = STR("7");

	config_init(&c, a);
	OK(config_write_db(db, "smtp", CFG_SMTP_LIMIT_ERRORS, &value, NULL,
	    NULL, &err));
	OK(config_read_db(&c, a, db, "smtp", &err));
	ck_assert_int_eq(config_int(&c, CFG_SMTP_LIMIT_ERRORS), 7);
	ck_assert_int_eq(
	    c.v[CFG_SMTP_LIMIT_ERRORS].origin, CONFIG_FROM_DATABASE);
	value = STR("x");
	OK(config_write_db(db, "smtp", CFG_SMTP_LIMIT_ERRORS, &value, NULL,
	    NULL, &err));
	ck_assert_int_eq(config_read_db(&c, a, db, "smtp", &err), RC_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "smtp.limit.errors"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("db");
	TCase *t = tcase_create("db");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_directory);
	tcase_add_test(t, test_blobs);
	tcase_add_test(t, test_store);
	tcase_add_test(t, test_names);
	tcase_add_test(t, test_quota);
	tcase_add_test(t, test_queue);
	tcase_add_test(t, test_unknown_time);
	tcase_add_test(t, test_queue_bound);
	tcase_add_test(t, test_queue_bound_with_answers);
	tcase_add_test(t, test_too_big);
	tcase_add_test(t, test_deliver);
	tcase_add_test(t, test_gc);
	tcase_add_test(t, test_config);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
