/* Filters at delivery; see filter.h. */
#include "mail/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/exec.h"
#include "base/num.h"
#include "base/vec.h"
#include "db/blob.h"
#include "log/log.h"
#include "mail/accept.h"
#include "mail/answer.h"
#include "mime/crlf.h"
#include "model/config_fit.h"

#include "base/banned.h"

enum {
	DEFAULT_MEMORY = 512 << 20,
	DEFAULT_OUTPUT = 64 << 20,
	BLOCK = 65536,
	WORDS_MAX = 32,
	TEXT_MAX = 400,
	ADDRESSES_MAX = 100,
};

/* Exit codes (m3mta-filter(7)); all others are failures. */
enum {
	CODE_PASS = 0,
	CODE_REWRITE = 10,
	CODE_DROP = 11,
	CODE_HOLD = 12,
	CODE_REDIRECT = 13,
	CODE_FILE = 14,
	CODE_REPLY = 15,
	CODE_ANSWER = 16,
	CODE_REFUSE = 69, /* EX_UNAVAILABLE */
};

struct run {
	struct db *db;
	struct arena *a;
	const struct config *config;
	const struct filter_question *q;
	struct filter_answer *answer;
	FILE *in;           /* the message as the next filter sees it */
	FILE *out;
	struct err *err;
};

/* --- environment and arguments --------------------------------------------------- */

typedef VEC(char *) words;

static void
add_env(struct run *r, words *env, const char *name, struct str value)
{
	char *text = arena_dup_cstr(r->a, arena_printf(r->a, "%s=%.*s", name,
	    STR_ARG(value)));
	char *p;

	/* One line each, whatever the wire said. */
	for (p = text; *p; p++) {
		if (ascii_is_cntl(*p))
			*p = '?';
	}
	VEC_PUSH(r->a, env, text);
}

static char *const *
make_env(struct run *r)
{
	const struct queue_item *item = r->q->item;
	char id[OID_HEX];
	words env = { 0 };

	add_env(r, &env, "PATH", STR("/usr/local/bin:/usr/bin:/bin"));
	add_env(r, &env, "LANG", STR("C.UTF-8"));
	add_env(r, &env, "M3MTA_QUEUE_ID", oid_format(&item->id, id));
	add_env(r, &env, "M3MTA_SENDER", item->sender);
	add_env(r, &env, "M3MTA_RECIPIENT", r->q->recipient);
	add_env(r, &env, "M3MTA_ORIGINAL_RECIPIENT", r->q->original);
	add_env(r, &env, "M3MTA_MAILBOX", r->q->mailbox->address);
	add_env(r, &env, "M3MTA_LOGIN", item->login);
	add_env(r, &env, "M3MTA_LOGIN_ADMIN",
	    r->q->is_login_admin ? STR("1") : STR(""));
	add_env(r, &env, "M3MTA_PEER", item->peer);
	add_env(r, &env, "M3MTA_HELO", item->helo);
	add_env(r, &env, "M3MTA_ORIGIN", item->origin);
	add_env(r, &env, "M3MTA_SPAM", item->is_spam ? STR("1") : STR(""));
	add_env(r, &env, "M3MTA_HOSTNAME", r->q->hostname);
	VEC_PUSH(r->a, &env, NULL);
	return env.v;
}

/* Words between blanks: no quotes, no shell. */
static char *const *
make_argv(struct arena *a, struct str run)
{
	words argv = { 0 };
	struct str word;

	while (argv.n < WORDS_MAX && run.len &&
	    str_split_char(&run, ' ', &word)) {
		if (word.len)
			VEC_PUSH(a, &argv, arena_dup_cstr(a, word));
	}
	VEC_PUSH(a, &argv, NULL);
	return argv.v;
}

static uint64_t
size_field(const struct config_record *f, struct str name, uint64_t n)
{
	(void)num_parse_size(config_field(f, name), &n);
	return n;
}

/* --- the message in a temporary file --------------------------------------------- */

static bool
write_piece(void *ctx, struct str piece)
{
	return fwrite(piece.p, 1, piece.len, ctx) == piece.len;
}

static enum rc
no_room(struct run *r)
{
	return err_set(r->err, RC_TEMP, "4.3.1",
	    "a temporary file for a filter: %m");
}

static enum rc
open_message(struct run *r)
{
	const struct queue_item *item = r->q->item;
	enum rc rc;

	r->in = tmpfile();
	if (!r->in || !write_piece(r->in, item->headers))
		return no_room(r);
	rc = blob_read(r->db, &item->blob, 0, item->size, write_piece, r->in,
	    r->err);
	if (rc == RC_OK && fflush(r->in) != 0)
		return no_room(r);
	return rc;
}

/* --- what it wrote ------------------------------------------------------------------ */

/* head and the output as a message: CRLF lines, a blob and its facts. */
static enum rc
store_output(
    struct run *r, struct str head, struct delivery_content **ret_content)
{
	struct delivery_content *c = ARENA_NEW(r->a, struct delivery_content);
	struct crlf crlf = { 0 };
	struct buf b = BUF_INIT;
	struct acceptance *acc;
	const struct facts *facts;
	char *block = arena_alloc(r->a, BLOCK);
	size_t n;
	enum rc rc = acceptance_new(r->db, r->a, head,
	    config_bool(r->config, CFG_IMAP_SEARCH_INDEX), &acc, r->err);

	if (rc != RC_OK)
		return rc;
	rewind(r->out);
	while (rc == RC_OK && (n = fread(block, 1, BLOCK, r->out)) > 0) {
		buf_reset(&b);
		crlf_push(&crlf, str_make(block, n), &b);
		rc = acceptance_push(acc, buf_str(&b), r->err);
	}
	buf_reset(&b);
	crlf_finish(&crlf, &b);
	if (rc == RC_OK)
		rc = acceptance_push(acc, buf_str(&b), r->err);
	if (rc == RC_OK)
		rc = acceptance_finish(
		    acc, &c->blob, &c->size, &c->facts, &facts, r->err);
	acceptance_free(acc);
	buf_done(&b);
	*ret_content = c;
	return rc;
}

static struct str
read_start(struct run *r, FILE *f)
{
	char *text = arena_alloc(r->a, BLOCK);

	rewind(f);
	return str_make(text, fread(text, 1, BLOCK, f));
}

static struct str
read_text(struct run *r)
{
	return read_start(r, r->out);
}

/* The first line, without what a reply may not have. */
static struct str
first_line(struct run *r, const char *otherwise)
{
	struct str all = read_text(r), line;
	size_t i;
	char *p;

	line = str_trim(str_slice(all, 0, str_find_char(all, '\n')));
	if (line.len == 0)
		return str_from_cstr(otherwise);
	line = str_slice(line, 0, TEXT_MAX);
	p = arena_dup_cstr(r->a, line);
	for (i = 0; i < line.len; i++) {
		if (ascii_is_cntl(p[i]) || ascii_is_8bit(p[i]))
			p[i] = '?';
	}
	return str_make(p, line.len);
}

static void
take_addresses(struct run *r)
{
	struct str rest = read_text(r), line;
	VEC(struct str) v = { 0 };

	while (rest.len && v.n < ADDRESSES_MAX &&
	    str_split_char(&rest, '\n', &line)) {
		line = str_trim(line);
		if (line.len)
			VEC_PUSH(r->a, &v, line);
	}
	r->answer->addresses = v.v;
	r->answer->n_addresses = v.n;
	r->answer->action = v.n ? FILTER_REDIRECT : FILTER_DEFER;
}

/* The next filter reads what this one wrote; nothing is no message. */
static enum rc
take_rewritten(struct run *r)
{
	FILE *old = r->in;
	enum rc rc;

	if (read_text(r).len == 0) {
		r->answer->action = FILTER_DEFER;
		return RC_OK;
	}
	rc = store_output(r, STR(""), &r->answer->content);

	r->in = r->out;
	r->out = old;
	return rc;
}

/* Where RFC 3834 forbids an answer there is none, and a delivery. */
static enum rc
take_answer(struct run *r, bool is_instead)
{
	struct filter_answer *a = r->answer;
	const struct filter_question *q = r->q;

	if (!answer_is_allowed(r->a, q->item, read_start(r, r->in)))
		return RC_OK;
	if (is_instead) {
		a->action = FILTER_DROP;
		a->text = STR("answered by a filter");
	}
	return store_output(r,
	    answer_head(r->a, q->item, q->mailbox->address, q->hostname,
		read_text(r), db_time(r->db) / 1000),
	    &a->reply);
}

static enum rc
obey(struct run *r, int code)
{
	struct filter_answer *a = r->answer;

	switch (code) {
	case CODE_PASS:
		break;
	case CODE_REWRITE:
		return take_rewritten(r);
	case CODE_DROP:
		a->action = FILTER_DROP;
		a->text = first_line(r, "dropped by a filter");
		break;
	case CODE_HOLD:
		a->action = FILTER_HOLD;
		a->text = first_line(r, "held by a filter");
		break;
	case CODE_REDIRECT:
		take_addresses(r);
		break;
	case CODE_FILE:
		a->folder = first_line(r, "");
		break;
	case CODE_REPLY:
	case CODE_ANSWER:
		return take_answer(r, code == CODE_REPLY);
	case CODE_REFUSE:
		a->action = FILTER_REFUSE;
		a->text = first_line(r, "refused by a filter");
		break;
	default:
		a->action = FILTER_DEFER;
	}
	return RC_OK;
}

/* --- one after the other ---------------------------------------------------------------- */

static void
log_filter(const struct run *r, struct str run, enum exec_end end, int code)
{
	static const char *const ends[] = { "exited", "killed", "timeout",
		"not-run", "stopped" };
	char id[OID_HEX];

	log_begin(LOG_AT_INFO, "filter");
	log_str("queue", oid_format(&r->q->item->id, id));
	log_str("mailbox", r->q->mailbox->address);
	log_str("run", run);
	log_cstr("end", ends[end]);
	log_num("code", code);
	log_end();
}

static enum rc
run_one(struct run *r, const struct config_record *f)
{
	struct str run = config_field(f, STR("run"));
	struct exec_options o = {
		.argv = make_argv(r->a, run),
		.envp = make_env(r),
		.timeout_ms = config_filter_timeout_ms(f),
		.memory = size_field(f, STR("memory"), DEFAULT_MEMORY),
		.output = size_field(f, STR("output"), DEFAULT_OUTPUT),
	};
	enum exec_end end;
	int code;

	if (r->out)
		fclose(r->out);
	r->out = tmpfile();
	if (!r->out || lseek(fileno(r->in), 0, SEEK_SET) != 0)
		return no_room(r);
	o.in_fd = fileno(r->in);
	o.out_fd = fileno(r->out);
	end = exec_run(&o, &code);
	log_filter(r, run, end, code);
	if (end == EXEC_STOPPED)
		return err_set(r->err, RC_TEMP, "4.3.2",
		    "told to stop while a filter ran");
	if (end != EXEC_EXITED)
		code = -1;
	if (str_equals(config_field(f, STR("fails")), STR("pass")) &&
	    (code < 0 || code == 127 || code == 75))
		code = CODE_PASS;
	return obey(r, code);
}

enum rc
filter_run(struct db *db, struct arena *a, const struct config *c,
    const struct filter_question *q, struct filter_answer *ret_answer,
    struct err *err)
{
	const struct config_value *v = &c->v[CFG_FILTERS];
	struct filter_answer answer = { .text = STR(""), .folder = STR("") };
	struct run r = { db, a, c, q, &answer, NULL, NULL, err };
	enum rc rc = v->count ? open_message(&r) : RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < v->count &&
	     answer.action == FILTER_PASS; i++)
		rc = run_one(&r, &v->records[i]);
	if (r.in)
		fclose(r.in);
	if (r.out)
		fclose(r.out);
	if (rc == RC_OK)
		*ret_answer = answer;
	return rc;
}

struct queue_item
filter_reply_item(struct arena *a, const struct filter_question *q,
    const struct filter_answer *answer, int64_t now_ms,
    int64_t expire_ms)
{
	struct queue_recipient *to = ARENA_NEW(a, struct queue_recipient);
	struct queue_item item = {
		.id = oid_derive(&q->item->id,
		    arena_join(a, STR("reply "), q->mailbox->address)),
		.blob = answer->reply->blob,
		.size = answer->reply->size,
		.facts = answer->reply->facts,
		.sender = STR(""),
		.recipients = to,
		.n_recipients = 1,
		.created_ms = now_ms,
		.body_8bit = true,
		.origin = STR("notice"),
		.session = q->item->session,
	};

	to->address = q->item->sender;
	to->state = RECIPIENT_PENDING;
	to->notify = NOTIFY_NEVER;
	item.expires_ms = item.created_ms + expire_ms;
	item.bucket = item.id.b[OID_SIZE - 1] % QUEUE_BUCKETS;
	return item;
}
