/*
 * IMAP commands: behind the first octet, lines and literals. What is accepted keeps the limits and comes back when it is
 * printed and parsed.
 */
#include "fuzz_imap.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "text/utf8.h"
#include "base/banned.h"

struct walk {
	size_t nodes;
	struct buf out;
};

static bool
is_plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (ascii_is_8bit(s.p[i]))
			return false;
	}
	return true;
}

static void
add_quoted(struct buf *out, struct str s)
{
	size_t i;

	buf_add_char(out, '"');
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

static void
add_text(struct walk *w, const struct arg *arg)
{
	if (arg->type == ARG_ATOM) {
		CHECK(arg->s.len > 0 && is_plain(arg->s));
		buf_add_str(&w->out, arg->s);
	} else if (arg->type == ARG_STRING) {
		CHECK(is_plain(arg->s) || utf8_is_valid(arg->s));
		add_quoted(&w->out, arg->s);
	} else {
		CHECK(arg->is_literal8 || !str_has_char(arg->s, '\0'));
		buf_printf(&w->out, "%s{%zu}\r\n",
		    arg->is_literal8 ? "~" : "", arg->s.len);
		buf_add_str(&w->out, arg->s);
	}
}

/* Depth is at most LIMIT_IMAP_NESTING, so that recursion is harmless. */
static void
print(struct walk *w, const struct arg *v, size_t n, int depth)
{
	size_t i;

	CHECK(depth <= LIMIT_IMAP_NESTING);
	for (i = 0; i < n; i++) {
		w->nodes++;
		if (i > 0)
			buf_add_char(&w->out, ' ');
		if (v[i].type != ARG_LIST) {
			add_text(w, &v[i]);
			continue;
		}
		buf_add_char(&w->out, '(');
		print(w, v[i].v, v[i].n, depth + 1);
		buf_add_char(&w->out, ')');
	}
}

static void
check_same(const struct arg *x, const struct arg *y, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		CHECK(x[i].type == y[i].type);
		CHECK(str_equals(x[i].s, y[i].s));
		CHECK(x[i].is_literal8 == y[i].is_literal8);
		CHECK(x[i].n == y[i].n);
		if (x[i].type == ARG_LIST)
			check_same(x[i].v, y[i].v, x[i].n);
	}
}

static void
check_command(struct arena *a, const struct command_text *c)
{
	struct walk w = { .out = BUF_INIT };
	struct command_text again;
	struct fuzz_pieces p;

	CHECK(c->tag.len > 0 && c->tag.len <= LIMIT_IMAP_TAG);
	CHECK(c->name.len > 0);
	buf_add_str(&w.out, c->tag);
	buf_add_cstr(&w.out, c->is_uid ? " UID " : " ");
	buf_add_str(&w.out, c->name);
	buf_add_char(&w.out, ' ');
	print(&w, c->args, c->n, 0);
	CHECK(w.nodes <= LIMIT_IMAP_ARGS);
	p = fuzz_pieces(a, buf_str(&w.out));
	CHECK(command_parse(a, p.v, p.n, &again) == NULL);
	CHECK(str_equals(c->tag, again.tag));
	CHECK(str_equals(c->name, again.name));
	CHECK(c->is_uid == again.is_uid && c->n == again.n);
	check_same(c->args, again.args, c->n);
	buf_done(&w.out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);
	struct fuzz_pieces p;
	struct command_text c;
	const char *wrong;

	(void)fuzz_octet(&s); /* it once was UTF8=ACCEPT: seeds have it */
	p = fuzz_pieces(a, s);
	wrong = command_parse(a, p.v, p.n, &c);

	/* Memory follows the length, whatever the command is made of. */
	CHECK(arena_size(a) <= size * 256 + 65536);
	if (!wrong)
		check_command(a, &c);
	else
		CHECK(c.args == NULL && c.n == 0);
	arena_free(a);
	return 0;
}
