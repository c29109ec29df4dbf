/* SORT, THREAD (RFC 5256, RFC 5957, RFC 5267). */
#include "commands.h"
#include "imap/sort.h"
#include "imap/subject.h"
#include "imap/thread.h"
#include "match.h"
#include "mime/encoded_word.h"
#include "mime/facts.h"
#include "progress.h"
#include "result.h"
#include "text/charset.h"
#include "text/date.h"

#include "base/banned.h"

/* What both commands read of the messages that were found. */
struct reading {
	struct session *s;
	const struct selection *hits;
	struct arena *a;                  /* of one message */
	const struct sort_program *order; /* one of the two is made: */
	struct sort_key *keys;
	struct thread_message *messages;
	size_t n_ids;                     /* that messages name */
	size_t n_read;
	enum rc rc;                       /* why it was not read to its end */
	struct err *err;
};

/* Of a thread, for each id: its node, and its place in tables. */
enum { ROOM_ID = 256, ROOM_MESSAGE = 1 << 20 };

/* False, and *err: so much memory is not for one command. */
static bool
sort_has_room(size_t n, size_t size, struct err *err)
{
	if (mem_has_room(mem_product(n, size) + ROOM_MESSAGE))
		return true;
	err_set(err, RC_PERM, "LIMIT",
	    "So many messages at a time are too many to be put in order");
	return false;
}

/* --- texts ---------------------------------------------------------------------- */

static struct str
sort_keep(const struct reading *r, struct str s)
{
	return arena_dup_str(r->s->command_arena, s);
}

static struct str
fold(const struct reading *r, struct str raw)
{
	if (!raw.p)
		return STR("");
	return sort_keep(
	    r, collation_key(r->a, encoded_words_decode(r->a, raw)));
}

/* The mailbox of the first address; a group's name counts as one. */
static struct str
mailbox_of(const struct reading *r, const struct facts_addresses *v)
{
	return v->n && v->v[0].mailbox.p ? fold(r, v->v[0].mailbox)
					 : STR("");
}

/* Its name, else mailbox@host. */
static struct str
display_of(const struct reading *r, const struct facts_addresses *v)
{
	const struct facts_address *a = v->v;

	if (v->n == 0)
		return STR("");
	if (a->name.p && a->name.len)
		return fold(r, a->name);
	if (!a->host.p)
		return mailbox_of(r, v);
	return fold(r, arena_join3(r->a, a->mailbox, STR("@"), a->host));
}

/* RFC 5256 2.2: the Date field, else when it arrived. */
static int64_t
sent_date(const struct facts_envelope *e, const struct entry *entry)
{
	int64_t date;
	int unused;

	if (e->date.p && date_parse_rfc5322(e->date, &date, &unused))
		return date;
	return entry->date_s;
}

static struct str
subject_of(const struct reading *r, const struct facts_envelope *e,
    bool *is_reply)
{
	struct str text = e->subject.p
	    ? encoded_words_decode(r->a, e->subject)
	    : STR("");

	text = base_subject(r->a, text, is_reply);
	return sort_keep(r, collation_key(r->a, text));
}

/* --- reading ----------------------------------------------------------------------- */

/* Only what is asked for is kept. */
static void
sort_fill_field(const struct reading *r, enum sort_field field,
    const struct facts_envelope *e, struct sort_key *k)
{
	bool unused;

	switch (field) {
	case SORT_SUBJECT:
		k->subject = subject_of(r, e, &unused);
		break;
	case SORT_FROM:
		k->from = mailbox_of(r, &e->from);
		break;
	case SORT_TO:
		k->to = mailbox_of(r, &e->to);
		break;
	case SORT_CC:
		k->cc = mailbox_of(r, &e->cc);
		break;
	case SORT_DISPLAYFROM:
		k->display_from = display_of(r, &e->from);
		break;
	case SORT_DISPLAYTO:
		k->display_to = display_of(r, &e->to);
		break;
	case SORT_ARRIVAL:
	case SORT_DATE:
	case SORT_SIZE:
		break;
	}
}

static void
fill_key(const struct reading *r, const struct facts_envelope *e,
    const struct entry *entry, struct sort_key *k)
{
	size_t i;

	k->date = sent_date(e, entry);
	for (i = 0; i < r->order->n; i++)
		sort_fill_field(r, r->order->v[i].field, e, k);
}

static size_t
sort_count_ids(struct str references)
{
	size_t i, n = 1;

	for (i = 0; i < references.len; i++)
		n += references.p[i] == '<';
	return n;
}

static void
fill_message(struct reading *r, const struct facts_envelope *e,
    const struct entry *entry, struct thread_message *m)
{
	m->date = sent_date(e, entry);
	m->subject = subject_of(r, e, &m->is_reply);
	m->id = sort_keep(r, e->message_id);
	m->references = sort_keep(
	    r, e->references.len ? e->references : e->in_reply_to);
	r->n_ids += sort_count_ids(m->references);
}

static bool
on_message(void *ctx, size_t index, const struct message *m)
{
	struct reading *r = ctx;
	struct session *s = r->s;
	const struct entry *entry =
	    &s->view->v[r->hits->v[index]].e;
	struct facts_envelope e;

	progress_step(s, r->n_read++, r->hits->n);
	r->rc = progress_check(s, r->err);
	if (r->rc == RC_OK && !sort_has_room(r->n_ids, ROOM_ID, r->err))
		r->rc = RC_PERM;
	arena_reset(r->a);
	if (r->rc != RC_OK ||
	    !facts_decode_envelope(r->a, m->facts, &e))
		return r->rc == RC_OK;
	if (r->keys)
		fill_key(r, &e, entry, &r->keys[index]);
	else
		fill_message(r, &e, entry, &r->messages[index]);
	return true;
}

static enum rc
read_all(struct reading *r, struct err *err)
{
	const struct view *v = r->s->view;
	size_t n = r->hits->n, i;
	struct oid *ids;
	enum rc rc;

	/* Twice: message_read_many puts them in order. */
	if (!sort_has_room(n, 4 * sizeof(*ids), err))
		return RC_PERM;
	ids = mem_alloc(mem_product(n, sizeof(*ids)));
	for (i = 0; i < n; i++)
		ids[i] = v->v[r->hits->v[i]].e.message;
	r->a = arena_new();
	r->err = err;
	rc = message_read_many(r->s->p->db, &v->folder.owner, ids, n,
	    MESSAGE_FACTS, on_message, r, err);
	arena_free(r->a);
	mem_free(ids);
	return rc == RC_OK ? r->rc : rc;
}

/* --- what both commands have in common ---------------------------------------------- */

/* charset and keys, from args[at] on. False: answered. */
static bool
find(struct session *s, const struct read_command *c, size_t at,
    struct search_program *p, struct selection *hits)
{
	const struct arg *v = c->text.args + at;
	const char *wrong = "A charset and keys are wanted";
	struct err err;

	if (c->text.n >= at + 2 && arg_is_text(&v[0]))
		wrong = search_parse_keys(s->command_arena, v + 1,
		    c->text.n - at - 1, v[0].s, p);
	if (!wrong && s->has_uidonly && search_uses_numbers(&p->root))
		wrong = "[UIDREQUIRED] Sequence numbers are off";
	if (!wrong && p->is_bad_charset) {
		result_save_nothing(s, p);
		chat_no(s, "[BADCHARSET (UTF-8 US-ASCII)] Unknown charset");
		return false;
	}
	if (!wrong && (view_load(s, &err) != RC_OK ||
		match_program(s, p, hits, &err) != RC_OK)) {
		result_save_nothing(s, p);
		chat_failure(s, &err);
		return false;
	}
	if (wrong)
		chat_bad(s, wrong);
	return !wrong;
}

static uint32_t
number_of(const struct session *s, size_t index)
{
	return s->is_uid ? s->view->v[index].e.uid : (uint32_t)index + 1;
}

/* --- SORT ------------------------------------------------------------------------------- */

static enum rc
sort(struct session *s, const struct sort_program *order,
    struct selection *hits, struct err *err)
{
	struct reading r = { .s = s, .hits = hits, .order = order };
	size_t i;
	enum rc rc = RC_OK;

	/* qsort takes as much again for places. */
	if (!sort_has_room(hits->n, sizeof(*r.keys) + 2 * sizeof(void *),
		err))
		return RC_PERM;
	r.keys = ARENA_ARRAY(s->command_arena, hits->n, struct sort_key);
	for (i = 0; i < hits->n; i++) {
		const struct entry *e = &s->view->v[hits->v[i]].e;

		r.keys[i] = (struct sort_key){ .size = e->size,
			.number = (uint32_t)hits->v[i] + 1,
			.arrival = e->date_s, .date = e->date_s };
	}
	if (order->needs_envelope)
		rc = read_all(&r, err);
	if (rc != RC_OK)
		return rc;
	sort_keys(order, r.keys, hits->n);
	for (i = 0; i < hits->n; i++)
		hits->v[i] = r.keys[i].number - 1;
	return RC_OK;
}

void
cmd_sort(struct session *s, const struct read_command *c)
{
	struct search_program p = { .is_extended = false };
	struct sort_program order;
	struct selection hits;
	const char *wrong;
	struct err err;
	size_t used;

	wrong = search_parse_return(c->text.args, c->text.n, &p, &used);
	if (!wrong && c->text.n <= used)
		wrong = "A list of criteria is wanted";
	if (!wrong)
		wrong = sort_parse(&c->text.args[used], &order);
	if (wrong) {
		chat_bad(s, wrong);
		return;
	}
	if (!find(s, c, used + 1, &p, &hits))
		return;
	if (sort(s, &order, &hits, &err) != RC_OK) {
		result_save_nothing(s, &p);
		chat_failure(s, &err);
		return;
	}
	result_tell(s, "SORT", &p, &hits);
	command_done(
	    s, s->is_uid && !search_uses_numbers(&p.root), "Sorted");
}

/* --- THREAD ------------------------------------------------------------------------------ */

typedef bool thread_fn(struct arena *a, const struct thread_message *v,
    size_t n, const struct thread_watch *watch, struct buf *out);

static thread_fn *
find_algorithm(const struct arg *a)
{
	if (arg_is_atom(a, STR("REFERENCES")))
		return thread_by_references;
	return arg_is_atom(a, STR("ORDEREDSUBJECT")) ? thread_by_subject
						     : NULL;
}

static bool
thread_goes_on(void *ctx)
{
	struct reading *r = ctx;

	r->rc = progress_check(r->s, r->err);
	return r->rc == RC_OK;
}

static enum rc
thread(struct session *s, thread_fn *algorithm,
    const struct selection *hits, struct err *err)
{
	struct reading r = { .s = s, .hits = hits };
	const struct thread_watch watch = { thread_goes_on, &r };
	struct buf b = BUF_INIT;
	size_t i;
	enum rc rc;

	if (!sort_has_room(hits->n, sizeof(*r.messages) + ROOM_ID, err))
		return RC_PERM;
	r.messages =
	    ARENA_ARRAY(s->command_arena, hits->n, struct thread_message);
	for (i = 0; i < hits->n; i++)
		r.messages[i] = (struct thread_message){
			.number = number_of(s, hits->v[i]),
			.date = s->view->v[hits->v[i]].e.date_s,
		};
	rc = read_all(&r, err);
	if (rc != RC_OK)
		return rc;
	if (algorithm(s->command_arena, r.messages, hits->n, &watch, &b)) {
		writer_add_cstr(s->writer, b.len ? "* THREAD " : "* THREAD");
		writer_add_str(s->writer, buf_str(&b));
		writer_add_cstr(s->writer, "\r\n");
	}
	buf_done(&b);
	return r.rc;
}

void
cmd_thread(struct session *s, const struct read_command *c)
{
	thread_fn *algorithm = find_algorithm(&c->text.args[0]);
	struct search_program p = { .is_extended = false };
	struct selection hits;
	struct err err;

	if (!algorithm) {
		chat_bad(s, "REFERENCES or ORDEREDSUBJECT is wanted");
		return;
	}
	if (!find(s, c, 1, &p, &hits))
		return;
	if (thread(s, algorithm, &hits, &err) != RC_OK)
		chat_failure(s, &err);
	else
		command_done(s, s->is_uid && !search_uses_numbers(&p.root),
		    "Threaded");
}
