/* Arguments of commands; see args.h. */
#include "imap/args.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/num.h"
#include "text/utf8.h"

#include "base/banned.h"

typedef VEC(struct arg) arg_vec;

struct parser {
	struct arena *a;
	const struct command_piece *v;
	size_t n;
	size_t piece;      /* that is being read */
	struct str rest;   /* of its line */
	bool has_sections; /* BODY[...] may come */
	size_t n_args;
	arg_vec stack[LIMIT_IMAP_NESTING + 1];
	size_t depth;
};

/* --- literals --------------------------------------------------------------------- */

struct literal_spec
literal_of(struct str line)
{
	struct literal_spec l = { .kind = LITERAL_NONE, .before = line };
	size_t open = str_find_last_char(line, '{');
	struct str digits;
	bool is_unasked, is_apart, is_number;

	if (!str_ends_with(line, STR("}")) || open == line.len)
		return l;
	digits = str_slice(line, open + 1, line.len - open - 2);
	/* "{5-}" is in no RFC; who writes it sends the octets all the same. */
	is_unasked = str_ends_with(digits, STR("+")) ||
	    str_ends_with(digits, STR("-"));
	is_number = !str_ends_with(digits, STR("-"));
	digits.len -= is_unasked;
	/* Inside a quoted string or behind an atom it is no literal. */
	is_apart = open == 0 || str_has_char(STR(" (~"), line.p[open - 1]);
	if (!is_apart && !is_unasked)
		return l;
	l.is_literal8 = open > 0 && line.p[open - 1] == '~';
	l.before = str_slice(line, 0, open - l.is_literal8);
	l.kind = is_unasked ? LITERAL_NONSYNC : LITERAL_SYNC;
	is_number = is_number &&
	    num_parse_u64(digits, UINT32_MAX - 1, &l.size);
	if (!is_number || !is_apart)
		l.kind = is_unasked ? LITERAL_LOST : LITERAL_BAD;
	return l;
}

/* --- tokens: NULL, or what is wrong ----------------------------------------------------- */

static bool
is_atom_char(char c)
{
	return ascii_is_graph(c) && c != '(' && c != ')' && c != '{' &&
	    c != '"';
}

static const char *
add(struct parser *p, struct arg arg)
{
	if (++p->n_args > LIMIT_IMAP_ARGS || arena_is_over(p->a))
		return "Too many arguments";
	VEC_PUSH(p->a, &p->stack[p->depth], arg);
	return NULL;
}

static bool
args_is_section(struct str name)
{
	static const struct str names[] = { STR_INIT("BODY"),
		STR_INIT("BODY.PEEK"), STR_INIT("BINARY"),
		STR_INIT("BINARY.PEEK"), STR_INIT("BINARY.SIZE") };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (str_equals_nocase(name, names[i]))
			return true;
	}
	return false;
}

/* Where ']' is, or what cannot be in a section; s.len: it goes on. */
static size_t
args_section_end(struct str s, size_t i, bool *in_string)
{
	for (; i < s.len; i++) {
		char c = s.p[i];

		if (c == '"')
			*in_string = !*in_string;
		else if (c == '\\' && *in_string)
			i++;
		else if (c == ']' && !*in_string)
			break;
		else if (!ascii_is_graph(c) && c != ' ')
			break;
		else if (c == '{' && !*in_string)
			break;
	}
	return i < s.len ? i : s.len;
}

/* RFC 5322 3.6.8 */
static bool
args_is_field_name(struct str s, bool *ret_is_atom)
{
	size_t i;

	*ret_is_atom = true;
	for (i = 0; i < s.len; i++) {
		if (!ascii_is_graph(s.p[i]) || s.p[i] == ':')
			return false;
		if (str_has_char(STR("(){%*\"\\]"), s.p[i]))
			*ret_is_atom = false;
	}
	return s.len > 0;
}

/*
 * A field's name that comes as a literal stands in the section as an atom or
 * a string: so it is printed in the answer.
 */
static const char *
args_join_literal(struct parser *p, struct str *s)
{
	const struct command_piece *c = &p->v[p->piece];
	struct buf b = BUF_INIT;
	bool is_atom;
	size_t i;

	if (p->piece >= p->n || !c->has_literal)
		return "] is missing";
	if (!args_is_field_name(c->literal, &is_atom))
		return "That is no name of a field";
	p->piece++;
	buf_add_str(&b, *s);
	buf_add_cstr(&b, is_atom ? "" : "\"");
	for (i = 0; i < c->literal.len; i++) {
		if (str_has_char(STR("\"\\"), c->literal.p[i]))
			buf_add_char(&b, '\\');
		buf_add_char(&b, c->literal.p[i]);
	}
	buf_add_cstr(&b, is_atom ? "" : "\"");
	if (p->piece < p->n)
		buf_add_str(&b, p->v[p->piece].line);
	*s = arena_dup_str(p->a, buf_str(&b));
	buf_done(&b);
	return NULL;
}

/* From the '[' at *at to behind its ']': lists, strings and literals too. */
static const char *
args_read_section(struct parser *p, size_t *at)
{
	struct str s = p->rest;
	bool in_string = false;
	size_t i = *at + 1;
	const char *wrong = NULL;

	while (!wrong && (i = args_section_end(s, i, &in_string)) == s.len)
		wrong = in_string ? "] is missing"
				  : args_join_literal(p, &s);
	if (!wrong && s.p[i] != ']')
		wrong = "Unexpected character in a section";
	p->rest = s;
	*at = i + 1;
	return wrong;
}

static const char *
read_atom(struct parser *p)
{
	const char *wrong;
	size_t i = 0;

	while (i < p->rest.len && is_atom_char(p->rest.p[i])) {
		if (p->rest.p[i] != '[' || !p->has_sections ||
		    !args_is_section(str_slice(p->rest, 0, i))) {
			i++;
			continue;
		}
		wrong = args_read_section(p, &i);
		if (wrong)
			return wrong;
	}
	if (i == 0)
		return "Unexpected character";
	wrong = add(p, (struct arg){ .type = ARG_ATOM,
			   .s = str_slice(p->rest, 0, i) });
	p->rest = str_tail(p->rest, i);
	return wrong;
}

/* Offset of the quote that ends the string at the start of s, or s.len. */
static size_t
quoted_end(struct str s)
{
	size_t i;

	for (i = 0; i < s.len && s.p[i] != '"'; i++)
		i += s.p[i] == '\\';
	return i < s.len ? i : s.len;
}

/* Room for this string alone: a line may have thousands of them. */
static const char *
read_quoted(struct parser *p)
{
	struct str s = str_tail(p->rest, 1);
	char *out = arena_alloc(p->a, quoted_end(s) + 1);
	size_t i, n = 0;
	bool is_8bit = false;

	for (i = 0; i < s.len && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\') {
			i++;
			if (i == s.len || (s.p[i] != '"' && s.p[i] != '\\'))
				return "Bad escape in a quoted string";
		}
		is_8bit |= ascii_is_8bit(s.p[i]);
		out[n++] = s.p[i];
	}
	if (i == s.len)
		return "Quoted string without an end";
	if (is_8bit && !utf8_is_valid(str_make(out, n)))
		return "8-bit octets in a quoted string";
	p->rest = str_tail(s, i + 1);
	return add(p, (struct arg){ .type = ARG_STRING,
			  .s = str_make(out, n) });
}

/* The room of an earlier list of this depth is used again. */
static const char *
open_list(struct parser *p)
{
	if (p->depth == LIMIT_IMAP_NESTING)
		return "Too many parentheses";
	p->rest = str_tail(p->rest, 1);
	p->stack[++p->depth].n = 0;
	return NULL;
}

/* As large as it is, and no larger: "((((a))))" is thousands of lists. */
static void
args_take(struct parser *p, struct arg *list)
{
	const arg_vec *top = &p->stack[p->depth];
	struct arg *v = ARENA_ARRAY(p->a, top->n, struct arg);

	if (top->n)
		memcpy(v, top->v, top->n * sizeof(*v));
	list->v = v;
	list->n = top->n;
}

static const char *
close_list(struct parser *p)
{
	struct arg list = { .type = ARG_LIST };

	if (p->depth == 0)
		return "Unexpected )";
	args_take(p, &list);
	p->depth--;
	p->rest = str_tail(p->rest, 1);
	return add(p, list);
}

static const char *
take_literal(struct parser *p)
{
	const struct command_piece *c = &p->v[p->piece++];
	const char *wrong;

	if (str_has_char(c->literal, '\0') && !c->is_literal8)
		return "NUL in a literal";
	wrong = add(p, (struct arg){ .type = ARG_LITERAL, .s = c->literal,
			   .is_literal8 = c->is_literal8 });
	p->rest = p->piece < p->n ? p->v[p->piece].line : STR("");
	return wrong;
}

static const char *
read_one(struct parser *p)
{
	char c = p->rest.p[0];

	if (c == '"')
		return read_quoted(p);
	if (c == '(')
		return open_list(p);
	if (c == ')')
		return close_list(p);
	return read_atom(p);
}

/* Doubled and stray trailing blanks are passed over, as Dovecot does. */
static const char *
read_all(struct parser *p)
{
	const char *wrong = NULL;

	while (!wrong) {
		while (p->rest.len && p->rest.p[0] == ' ')
			p->rest = str_tail(p->rest, 1);
		if (p->rest.len)
			wrong = read_one(p);
		else if (p->piece < p->n && p->v[p->piece].has_literal)
			wrong = take_literal(p);
		else
			break;
	}
	if (!wrong && p->depth > 0)
		wrong = ") is missing";
	return wrong;
}

/* --- the command --------------------------------------------------------------------------- */

static bool
is_tag(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!is_atom_char(s.p[i]) || s.p[i] == '+' || s.p[i] == '*' ||
		    s.p[i] == '%' || s.p[i] == '\\')
			return false;
	}
	return s.len > 0 && s.len <= LIMIT_IMAP_TAG;
}

static struct str
take_word(struct parser *p)
{
	size_t end = str_find_char(p->rest, ' ');
	struct str word = str_slice(p->rest, 0, end);

	p->rest = str_tail(p->rest, end + 1 < p->rest.len ? end + 1
							  : p->rest.len);
	return word;
}

static const char *
read_name(struct parser *p, struct command_text *ret)
{
	struct str tag = take_word(p);

	*ret = (struct command_text){ 0 };
	if (!is_tag(tag))
		return "Bad tag";
	ret->tag = tag;
	ret->name = take_word(p);
	if (str_equals_nocase(ret->name, STR("UID"))) {
		ret->is_uid = true;
		ret->name = take_word(p);
	}
	return ret->name.len ? NULL : "Command missing";
}

const char *
command_parse_name(struct str line, struct command_text *ret)
{
	struct parser p = { .rest = line };

	return read_name(&p, ret);
}

const char *
command_parse(struct arena *a, const struct command_piece *v, size_t n,
    struct command_text *ret)
{
	struct parser p = { .a = a, .v = v, .n = n, .rest = v[0].line };
	const char *wrong = read_name(&p, ret);

	p.has_sections = str_equals_nocase(ret->name, STR("FETCH")) ||
	    str_equals_nocase(ret->name, STR("NOTIFY"));
	if (!wrong)
		wrong = read_all(&p);
	if (wrong)
		return wrong;
	ret->args = p.stack[0].v;
	ret->n = p.stack[0].n;
	return NULL;
}

bool
arg_is_text(const struct arg *a)
{
	return a->type != ARG_LIST;
}

bool
arg_is_atom(const struct arg *a, struct str word)
{
	return a->type == ARG_ATOM && str_equals_nocase(a->s, word);
}

bool
arg_is_nil(const struct arg *a)
{
	return arg_is_atom(a, STR("NIL"));
}
