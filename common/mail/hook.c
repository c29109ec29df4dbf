/* Hooks by the policy protocol; see hook.h. */
#include "mail/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/exec.h"
#include "base/num.h"
#include "log/log.h"

#include "base/banned.h"

enum { DEFAULT_TIMEOUT_S = 10, ANSWER_MAX = 4096, WORDS_MAX = 32,
	PATIENCE_MS = 200, LOGGED_OCTETS = 200 };

struct hook {
	const struct config_record *record;
	pid_t pid;        /* 0 = not started */
	int to, from;
};

struct hooks {
	struct arena *a;
	struct hook *v;
	size_t n;
};

struct hooks *
hooks_new(struct arena *a, const struct config *c)
{
	const struct config_value *v = &c->v[CFG_HOOKS];
	struct hooks *h = ARENA_NEW(a, struct hooks);
	size_t i;

	h->a = a;
	h->n = v->count;
	h->v = ARENA_ARRAY(a, h->n, struct hook);
	for (i = 0; i < h->n; i++)
		h->v[i].record = &v->records[i];
	return h;
}

static bool
is_for(const struct hook *k, const char *stage)
{
	return str_equals(
	    config_field(k->record, STR("at")), str_from_cstr(stage));
}

bool
hooks_have(const struct hooks *h, const char *stage)
{
	size_t i;

	for (i = 0; h && i < h->n; i++) {
		if (is_for(&h->v[i], stage))
			return true;
	}
	return false;
}

size_t
hooks_count(const struct hooks *h)
{
	return h->n;
}

/* --- processes -------------------------------------------------------------------- */

static bool
start(struct hooks *h, struct hook *k)
{
	static char path[] = "PATH=/usr/bin:/bin", lang[] = "LANG=C.UTF-8";
	static char *const env[] = { path, lang, NULL };
	struct str run = config_field(k->record, STR("run")), word;
	char **argv = ARENA_ARRAY(h->a, WORDS_MAX + 1, char *);
	int in[2], out[2];
	size_t n = 0;

	while (n < WORDS_MAX && run.len && str_split_char(&run, ' ', &word)) {
		if (word.len)
			argv[n++] = arena_dup_cstr(h->a, word);
	}
	if (pipe2(in, O_CLOEXEC) != 0)
		return false;
	if (pipe2(out, O_CLOEXEC) != 0) {
		close(in[0]);
		close(in[1]);
		return false;
	}
	k->pid = exec_start(&(struct exec_options){ .argv = argv,
	    .envp = env, .in_fd = in[0], .out_fd = out[1] });
	close(in[0]);
	close(out[1]);
	k->to = in[1];
	k->from = out[0];
	return k->pid > 0;
}

static void
stop(struct hook *k)
{
	if (k->pid <= 0)
		return;
	close(k->to);
	close(k->from);
	exec_end(k->pid, PATIENCE_MS);
	k->pid = 0;
}

void
hooks_free(struct hooks *h)
{
	size_t i;

	for (i = 0; h && i < h->n; i++)
		stop(&h->v[i]);
}

/* SIGPIPE is ignored in our programs: a hook that died gives EPIPE. */
static bool
send_all(struct hook *k, struct str text, int64_t deadline_ms)
{
	while (text.len) {
		struct pollfd p = { k->to, POLLOUT, 0 };
		ssize_t n;

		if (poll(&p, 1, clock_left_ms(deadline_ms)) <= 0)
			return false;
		n = write(k->to, text.p, text.len < PIPE_BUF ? text.len
							     : PIPE_BUF);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			text = str_tail(text, (size_t)n);
	}
	return true;
}

/* Up to the empty line. */
static bool
read_answer(struct hook *k, struct buf *b, int64_t deadline_ms)
{
	struct pollfd p = { k->from, POLLIN, 0 };
	ssize_t n;

	while (str_find(buf_str(b), STR("\n\n")) == b->len) {
		if (b->len >= ANSWER_MAX ||
		    poll(&p, 1, clock_left_ms(deadline_ms)) <= 0)
			return false;
		buf_reserve(b, ANSWER_MAX);
		n = read(k->from, b->p + b->len, ANSWER_MAX);
		if (n <= 0)
			return false;
		b->len += (size_t)n;
	}
	return true;
}

/* --- answers ------------------------------------------------------------------------ */

struct action_row {
	struct str word;
	enum hook_action action;
	int code;
	struct str status;
	struct str text;   /* when the hook gave none */
};

static const struct action_row actions[] = {
	{ STR_INIT("DUNNO"), HOOK_PASS, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("OK"), HOOK_PASS, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("WARN"), HOOK_PASS, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("INFO"), HOOK_PASS, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("REJECT"), HOOK_REPLY, 554, STR_INIT("5.7.1"),
	    STR_INIT("Access denied") },
	{ STR_INIT("DEFER"), HOOK_REPLY, 450, STR_INIT("4.7.1"),
	    STR_INIT("Try again later") },
	{ STR_INIT("DEFER_IF_PERMIT"), HOOK_IF_PERMIT, 450, STR_INIT("4.7.1"),
	    STR_INIT("Try again later") },
	{ STR_INIT("DEFER_IF_REJECT"), HOOK_IF_REJECT, 450,
	    STR_INIT("4.7.1"), STR_INIT("Try again later") },
	{ STR_INIT("PREPEND"), HOOK_HEADER, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("HOLD"), HOOK_HOLD, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("DISCARD"), HOOK_DISCARD, 0, STR_INIT(""), STR_INIT("") },
	{ STR_INIT("REDIRECT"), HOOK_REDIRECT, 0, STR_INIT(""),
	    STR_INIT("") },
};

static bool
is_status(struct str s)
{
	return s.len >= 5 && s.len <= 11 &&
	    (s.p[0] == '2' || s.p[0] == '4' || s.p[0] == '5') &&
	    s.p[1] == '.' && ascii_is_digit(s.p[2]) &&
	    str_has_char(str_tail(s, 3), '.');
}

/*
 * An enhanced code at the start of *rest instead of the one there is; its
 * class is that of the reply, as Postfix has it. The text is ours to change.
 */
static void
hook_take_status(struct str *rest, int code, struct str *status)
{
	struct str word = str_slice(*rest, 0, str_find_char(*rest, ' '));

	if (!is_status(word))
		return;
	*(char *)(uintptr_t)word.p = (char)('0' + code / 100);
	*status = word;
	*rest = str_trim(str_tail(*rest, word.len));
}

/* "450 4.7.1 text", the enhanced code may be missing. */
static bool
parse_code(struct str word, struct str rest, struct hook_answer *a)
{
	uint64_t code;

	if (word.len != 3 || !num_parse_u64(word, 599, &code) || code < 400)
		return false;
	a->action = HOOK_REPLY;
	a->code = (int)code;
	a->status = code < 500 ? STR("4.7.1") : STR("5.7.1");
	hook_take_status(&rest, a->code, &a->status);
	a->text = rest.len ? rest : STR("Access denied");
	return true;
}

static bool
parse_action(struct str text, struct hook_answer *ret_answer)
{
	size_t end = str_find_char(text, ' '), i;
	struct str word = str_slice(text, 0, end);
	struct str rest = str_trim(str_tail(text, end));

	*ret_answer = (struct hook_answer){ .status = STR("") };
	for (i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		const struct action_row *r = &actions[i];

		if (!str_equals_nocase(word, r->word))
			continue;
		*ret_answer = (struct hook_answer){ r->action, r->code,
			r->status, STR("") };
		if (r->code)
			hook_take_status(&rest, r->code, &ret_answer->status);
		ret_answer->text = rest.len ? rest : r->text;
		return true;
	}
	return parse_code(word, rest, ret_answer);
}

bool
hook_parse_answer(
    struct arena *a, struct str text, struct hook_answer *ret_answer)
{
	struct str rest = arena_dup_str(a, text), line;
	char *p;

	while (rest.len && str_split_char(&rest, '\n', &line)) {
		if (!str_starts_with_nocase(line, STR("action=")))
			continue;
		/* It goes into replies and headers: one clean line. */
		line = str_trim(str_tail(line, 7));
		for (p = (char *)(uintptr_t)line.p; p < line.p + line.len; p++)
			*p = ascii_is_cntl(*p) ? '?' : *p;
		return parse_action(line, ret_answer);
	}
	return false;
}

/* said: what it answered, as far as it did. */
static struct hook_answer
fail(struct hook *k, const char *stage, struct str said)
{
	log_begin(LOG_AT_WARN, "hook-failed");
	log_str("run", config_field(k->record, STR("run")));
	log_cstr("at", stage);
	log_str("answer", str_slice(said, 0, LOGGED_OCTETS));
	log_end();
	stop(k);
	if (str_equals(config_field(k->record, STR("fails")), STR("pass")))
		return (struct hook_answer){ .action = HOOK_PASS };
	return (struct hook_answer){ HOOK_REPLY, 451, STR("4.3.5"),
		STR("A policy program failed, try again later") };
}

struct hook_answer
hooks_ask(struct hooks *h, struct arena *a, size_t i, const char *stage,
    struct str attributes)
{
	struct hook *k = &h->v[i];
	struct hook_answer answer = { .action = HOOK_PASS };
	uint64_t seconds = DEFAULT_TIMEOUT_S;
	struct buf b = BUF_INIT;
	int64_t deadline;
	bool ok;

	if (!is_for(k, stage))
		return answer;
	(void)num_parse_duration(
	    config_field(k->record, STR("timeout")), &seconds);
	deadline = clock_deadline((int64_t)seconds * 1000);
	ok = (k->pid > 0 || start(h, k)) &&
	    send_all(k, attributes, deadline) &&
	    send_all(k, STR("\n"), deadline) &&
	    read_answer(k, &b, deadline) &&
	    hook_parse_answer(a, buf_str(&b), &answer);
	if (!ok)
		answer = fail(k, stage, buf_str(&b));
	buf_done(&b);
	return answer;
}

void
hook_add(struct buf *b, const char *name, struct str value)
{
	size_t i;

	buf_add_cstr(b, name);
	buf_add_char(b, '=');
	for (i = 0; i < value.len; i++)
		buf_add_char(b, ascii_is_cntl(value.p[i]) ? '?' : value.p[i]);
	buf_add_char(b, '\n');
}
