/*
 * m3mta trace: a message's way from the socket to the folder or the remote
 * system, put together from the log: the session that accepted it, what
 * became of it, and the messages that were made of it (bounces, posts).
 */
#include "admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/exec.h"
#include "db/queue.h"

#include "base/banned.h"

enum { JOURNAL_MS = 120000, SESSIONS_MAX = 1000 };

struct line {
	struct str program; /* "m3mta-smtp" */
	struct str time;
	struct str event;
	struct str session;
	struct str queue;
	struct str fresh;   /* new=: a message that was made of this one */
	struct str rest;    /* all fields behind the event */
};

struct trace {
	struct admin *a;
	VEC(struct str) queues;
	VEC(struct str) sessions;
	struct table *table;
	size_t n;
};

/* --- lines -------------------------------------------------------------------- */

/* The value of " key=" as it stands; quoted ones without their quotes. */
static struct str
field(struct str text, struct str key)
{
	size_t at = str_find(text, key);
	struct str value;

	if (at == text.len)
		return STR("");
	value = str_tail(text, at + key.len);
	if (str_starts_with(value, STR("\""))) {
		value = str_tail(value, 1);
		return str_slice(value, 0, str_find_char(value, '"'));
	}
	return str_slice(value, 0, str_find_char(value, ' '));
}

/*
 * "[time host] program[pid]: [time=...] event=... key=value ...": as it is in
 * a log file, and as journalctl -o short-iso prints it.
 */
static bool
parse_line(struct str text, struct line *ret)
{
	size_t at = str_find(text, STR("m3mta-"));
	struct str from = str_tail(text, at);
	size_t colon = str_find(from, STR(": "));
	struct str fields = str_tail(from, colon + 1);
	size_t event = str_find(fields, STR(" event="));

	if (at == text.len || colon == from.len || event == fields.len)
		return false;
	*ret = (struct line){
		.program = str_slice(from, 0, str_find_char(from, '[')),
		.time = field(fields, STR(" time=")),
		.event = field(fields, STR(" event=")),
		.session = field(fields, STR(" session=")),
		.queue = field(fields, STR(" queue=")),
		.fresh = field(fields, STR(" new=")),
		.rest = str_tail(fields, event + 1),
	};
	if (ret->time.len == 0)
		ret->time = str_slice(text, 0, str_find_char(text, ' '));
	return true;
}

typedef void line_fn(struct trace *t, const struct line *l);

static void
each_line(struct trace *t, FILE *f, line_fn *fn)
{
	char *text = NULL;
	size_t cap = 0;
	struct line l;
	ssize_t n;

	rewind(f);
	while ((n = getline(&text, &cap, f)) > 0) {
		if (parse_line(str_trim(str_make(text, (size_t)n)), &l))
			fn(t, &l);
	}
	free(text);
}

static bool
has(const struct str *v, size_t n, struct str s)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (str_equals(v[i], s))
			return true;
	}
	return false;
}

static bool
has_queue(const struct trace *t, struct str id)
{
	return id.len && has(t->queues.v, t->queues.n, id);
}

/* --- what belongs to it ------------------------------------------------------------ */

static void
note(struct trace *t, const struct line *l)
{
	struct arena *a = t->a->a;

	if (!has_queue(t, l->queue))
		return;
	if (l->fresh.len && !has_queue(t, l->fresh))
		VEC_PUSH(a, &t->queues, arena_dup_str(a, l->fresh));
	if (str_equals(l->event, STR("accepted")) &&
	    t->sessions.n < SESSIONS_MAX &&
	    !has(t->sessions.v, t->sessions.n, l->session))
		VEC_PUSH(a, &t->sessions, arena_dup_str(a, l->session));
}

/* Without what the other columns show. */
static struct str
details(struct trace *t, struct str rest)
{
	static const struct str hidden[] = { STR_INIT("event="),
		STR_INIT("session="), STR_INIT("queue=") };
	struct buf b = BUF_INIT;
	struct str word, text;
	size_t i;

	while (rest.len && str_split_char(&rest, ' ', &word)) {
		bool is_hidden = false;

		for (i = 0; i < 3; i++)
			is_hidden |= str_starts_with(word, hidden[i]);
		if (is_hidden)
			continue;
		if (b.len)
			buf_add_char(&b, ' ');
		buf_add_str(&b, word);
	}
	text = arena_dup_str(t->a->a, buf_str(&b));
	buf_done(&b);
	return text;
}

/* A session may have carried other messages: their lines are not shown. */
static void
show(struct trace *t, const struct line *l)
{
	bool is_ours = has_queue(t, l->queue) ||
	    (l->queue.len == 0 && l->session.len &&
		has(t->sessions.v, t->sessions.n, l->session));
	struct arena *a = t->a->a;

	if (!is_ours)
		return;
	{
		struct str cells[] = { arena_dup_str(a, l->time),
			arena_dup_str(a, l->program),
			arena_dup_str(a, l->event),
			arena_dup_str(a, l->queue), details(t, l->rest) };

		table_row(t->table, cells);
		t->n++;
	}
}

/* --- where the log is ---------------------------------------------------------------- */

/* The journal, by its own program, into a temporary file. */
static FILE *
read_journal(void)
{
	char *argv[] = { (char[]){ "/usr/bin/journalctl" },
		(char[]){ "--quiet" }, (char[]){ "--no-pager" },
		(char[]){ "--output=short-iso-precise" },
		(char[]){ "--identifier=m3mta-smtp" },
		(char[]){ "--identifier=m3mta-mda" },
		(char[]){ "--identifier=m3mta-imap" }, NULL };
	char *env[] = { NULL };
	struct exec_options o = { .argv = argv, .envp = env,
		.timeout_ms = JOURNAL_MS };
	FILE *f = tmpfile();
	int code;

	if (!f)
		return NULL;
	o.in_fd = STDIN_FILENO;
	o.out_fd = fileno(f);
	if (exec_run(&o, &code) != EXEC_EXITED || code != 0) {
		fclose(f);
		return NULL;
	}
	return f;
}

/* All files as one, in the order of the words; "-" is standard input. */
static FILE *
read_files(const struct admin *a)
{
	char block[8192];
	FILE *all = tmpfile();
	size_t i, n;

	for (i = 1; all && i < a->n_words; i++) {
		const char *path = arena_dup_cstr(a->a, a->words[i]);
		FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

		if (!f) {
			admin_complain(EXIT_FAILED, "%s: %m", path);
			fclose(all);
			return NULL;
		}
		while ((n = fread(block, 1, sizeof(block), f)) > 0)
			fwrite(block, 1, n, all);
		if (f != stdin)
			fclose(f);
	}
	return all;
}

/* What the queue says of it now. */
static int
show_queue(struct admin *a, const struct oid *id)
{
	struct queue_filter f = { .id = *id };
	struct queue_item *v;
	struct err err;
	size_t n;

	if (queue_list(a->p->db, a->a, &f, false, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	if (n == 0)
		admin_say(a, "it is not in the queue (any more)");
	else
		admin_say(a, "it is in the queue: m3mta queue show %.*s",
		    STR_ARG(a->words[0]));
	return EXIT_OK;
}

int
sub_trace(struct admin *a)
{
	static const struct column columns[] = { { "time", false },
		{ "program", false }, { "event", false }, { "queue", false },
		{ "details", false } };
	struct trace t = { .a = a, .table = table_new(a, columns, 5) };
	struct oid id;
	FILE *f;

	if (!oid_parse(a->words[0], &id))
		return admin_complain(EXIT_USAGE,
		    "%.*s is no queue id", STR_ARG(a->words[0]));
	f = a->n_words > 1 ? read_files(a) : read_journal();
	if (!f)
		return admin_complain(EXIT_FAILED,
		    "there is no log to read: name its files, or - for "
		    "standard input");
	VEC_PUSH(a->a, &t.queues, a->words[0]);
	each_line(&t, f, note);
	each_line(&t, f, show);
	fclose(f);
	table_print(t.table);
	if (t.n == 0)
		return admin_complain(EXIT_FAILED,
		    "the log does not know %.*s", STR_ARG(a->words[0]));
	return show_queue(a, &id);
}
