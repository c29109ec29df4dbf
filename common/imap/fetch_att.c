/* FETCH attributes; see fetch_att.h. */
#include "imap/fetch_att.h"

#include "base/buf.h"
#include "base/num.h"

#include "base/banned.h"

struct item_row {
	struct str name;
	unsigned items;
};

static const struct item_row rows[] = {
	{ STR_INIT("ALL"), FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_SIZE |
	    FETCH_ENVELOPE },
	{ STR_INIT("BODY"), FETCH_BODY },
	{ STR_INIT("BODYSTRUCTURE"), FETCH_BODYSTRUCTURE },
	{ STR_INIT("EMAILID"), FETCH_EMAILID },
	{ STR_INIT("ENVELOPE"), FETCH_ENVELOPE },
	{ STR_INIT("FAST"), FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_SIZE },
	{ STR_INIT("FLAGS"), FETCH_FLAGS },
	{ STR_INIT("FULL"), FETCH_FLAGS | FETCH_INTERNALDATE | FETCH_SIZE |
	    FETCH_ENVELOPE | FETCH_BODY },
	{ STR_INIT("INTERNALDATE"), FETCH_INTERNALDATE },
	{ STR_INIT("MODSEQ"), FETCH_MODSEQ },
	{ STR_INIT("PREVIEW"), FETCH_PREVIEW },
	{ STR_INIT("RFC822.SIZE"), FETCH_SIZE },
	{ STR_INIT("SAVEDATE"), FETCH_SAVEDATE },
	{ STR_INIT("THREADID"), FETCH_THREADID },
	{ STR_INIT("UID"), FETCH_UID },
};

struct parse {
	struct arena *a;
	unsigned items;
	VEC(struct section) sections;
};

/* --- sections -------------------------------------------------------------------- */

/* "1.2." off the start; false: a number out of range. */
static bool
take_part(struct str *rest, struct section *s)
{
	while (rest->len && rest->p[0] >= '0' && rest->p[0] <= '9') {
		size_t end = str_find_char(*rest, '.');
		uint32_t n;

		if (!num_parse_u32(str_slice(*rest, 0, end), &n) || n == 0 ||
		    s->n_part == SECTION_DEPTH || rest->p[0] == '0')
			return false;
		s->part[s->n_part++] = n;
		if (end + 1 == rest->len)
			return false;
		*rest = str_tail(*rest, end < rest->len ? end + 1 : end);
	}
	return true;
}

/* A name off the start: an atom, or a string without its quotes. */
static bool
fetch_take_name(struct arena *a, struct str *rest, struct str *ret_name)
{
	char *out;
	size_t i, n = 0;

	if (rest->p[0] != '"') {
		(void)str_split_char(rest, ' ', ret_name);
		return !str_has_char(*ret_name, '(') &&
		    !str_has_char(*ret_name, ')') &&
		    !str_has_char(*ret_name, '"');
	}
	out = arena_alloc(a, rest->len);
	for (i = 1; i < rest->len && rest->p[i] != '"'; i++) {
		i += rest->p[i] == '\\';
		if (i < rest->len)
			out[n++] = rest->p[i];
	}
	if (i >= rest->len)
		return false;
	*rest = str_tail(*rest, i + 1);
	*ret_name = str_make(out, n);
	return rest->len == 0 || rest->p[0] == ' ';
}

/* (From "To" ...): the names, in the order they were given. */
static bool
take_fields(struct arena *a, struct str list, struct section *s)
{
	VEC(struct str) names = { 0 };
	struct str rest = str_trim(list), word;

	if (!str_starts_with(rest, STR("(")) ||
	    !str_ends_with(rest, STR(")")) || rest.len < 3)
		return false;
	rest = str_trim(str_slice(rest, 1, rest.len - 2));
	while (rest.len) {
		if (rest.p[0] == ' ') {
			rest = str_tail(rest, 1);
			continue;
		}
		if (!fetch_take_name(a, &rest, &word))
			return false;
		if (word.len)
			VEC_PUSH(a, &names, word);
	}
	s->fields = names.v;
	s->n_fields = names.n;
	return names.n > 0;
}

bool
fetch_section_parse(struct arena *a, struct str spec, struct section *s)
{
	static const struct item_row texts[] = {
		{ STR_INIT(""), SECTION_ALL },
		{ STR_INIT("HEADER"), SECTION_HEADER },
		{ STR_INIT("TEXT"), SECTION_TEXT },
		{ STR_INIT("MIME"), SECTION_MIME },
		{ STR_INIT("HEADER.FIELDS"), SECTION_HEADER_FIELDS },
		{ STR_INIT("HEADER.FIELDS.NOT"), SECTION_HEADER_NOT },
	};
	struct str rest = spec, word;
	size_t end, i;

	if (!take_part(&rest, s))
		return false;
	end = str_find_char(rest, ' ');
	word = str_slice(rest, 0, end);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (str_equals_nocase(word, texts[i].name))
			break;
	}
	if (i == sizeof(texts) / sizeof(*texts))
		return false;
	s->text = (enum section_text)texts[i].items;
	if (s->text == SECTION_MIME && s->n_part == 0)
		return false;
	if (s->coding != CODING_RAW && s->text != SECTION_ALL)
		return false;
	if (s->text == SECTION_HEADER_FIELDS ||
	    s->text == SECTION_HEADER_NOT)
		return take_fields(a, str_tail(rest, end), s);
	return end == rest.len;
}

/* "<0.100>" or nothing. */
static bool
parse_partial(struct str text, struct section *s)
{
	struct str first, rest;

	if (text.len == 0)
		return true;
	if (!str_starts_with(text, STR("<")) ||
	    !str_ends_with(text, STR(">")))
		return false;
	rest = str_slice(text, 1, text.len - 2);
	s->is_partial = true;
	return str_split_char(&rest, '.', &first) &&
	    num_parse_u64(first, UINT32_MAX, &s->offset) &&
	    num_parse_u64(rest, UINT32_MAX, &s->length) && s->length > 0;
}

/* The label that the answer repeats: without .PEEK and the length. */
static struct str
make_label(struct arena *a, const struct section *s, struct str spec)
{
	static const char *const names[] = { "BODY", "BINARY",
		"BINARY.SIZE" };

	if (s->is_partial)
		return arena_printf(a, "%s[%.*s]<%llu>", names[s->coding],
		    STR_ARG(spec), (unsigned long long)s->offset);
	return arena_printf(
	    a, "%s[%.*s]", names[s->coding], STR_ARG(spec));
}

struct prefix_row {
	struct str name;
	enum section_coding coding;
	bool is_peek;
};

static const struct prefix_row prefixes[] = {
	{ STR_INIT("BODY["), CODING_RAW, false },
	{ STR_INIT("BODY.PEEK["), CODING_RAW, true },
	{ STR_INIT("BINARY["), CODING_BINARY, false },
	{ STR_INIT("BINARY.PEEK["), CODING_BINARY, true },
	{ STR_INIT("BINARY.SIZE["), CODING_BINARY_SIZE, true },
};

static const char *
parse_section(struct parse *p, struct str word)
{
	struct section s = { 0 };
	size_t i, close = str_find_last_char(word, ']');
	struct str spec;

	for (i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (str_starts_with_nocase(word, prefixes[i].name))
			break;
	}
	if (i == sizeof(prefixes) / sizeof(*prefixes) || close == word.len)
		return "Unknown FETCH item";
	s.coding = prefixes[i].coding;
	s.is_peek = prefixes[i].is_peek;
	spec = str_slice(
	    word, prefixes[i].name.len, close - prefixes[i].name.len);
	if (!fetch_section_parse(p->a, spec, &s))
		return "Bad section";
	if (!parse_partial(str_tail(word, close + 1), &s))
		return "Bad partial range";
	s.label = make_label(p->a, &s, spec);
	VEC_PUSH(p->a, &p->sections, s);
	return NULL;
}

/* RFC822 and its relatives are sections with labels of their own. */
static bool
add_rfc822(struct parse *p, struct str word)
{
	static const struct {
		struct str name;
		enum section_text text;
		bool is_peek;
	} old[] = {
		{ STR_INIT("RFC822"), SECTION_ALL, false },
		{ STR_INIT("RFC822.HEADER"), SECTION_HEADER, true },
		{ STR_INIT("RFC822.TEXT"), SECTION_TEXT, false },
	};
	size_t i;

	for (i = 0; i < sizeof(old) / sizeof(*old); i++) {
		struct section s = { .text = old[i].text,
			.is_peek = old[i].is_peek, .label = old[i].name };

		if (!str_equals_nocase(word, old[i].name))
			continue;
		VEC_PUSH(p->a, &p->sections, s);
		return true;
	}
	return false;
}

static const char *
parse_item(struct parse *p, const struct arg *arg)
{
	size_t i;

	if (arg->type != ARG_ATOM)
		return "Unknown FETCH item";
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (str_equals_nocase(arg->s, rows[i].name)) {
			p->items |= rows[i].items;
			return NULL;
		}
	}
	return add_rfc822(p, arg->s) ? NULL : parse_section(p, arg->s);
}

static bool
fetch_is_macro(const struct arg *arg)
{
	return arg_is_atom(arg, STR("ALL")) || arg_is_atom(arg, STR("FAST")) ||
	    arg_is_atom(arg, STR("FULL"));
}

bool
fetch_is_lazy(const struct arg *arg)
{
	return arg->type == ARG_LIST && arg->n == 1 &&
	    arg_is_atom(&arg->v[0], STR("LAZY"));
}

/* Behind PREVIEW it asks for nothing: previews are made when mail comes. */
static const char *
parse_list(struct parse *p, const struct arg *list)
{
	const struct arg *v = list->v;
	const char *wrong = list->n ? NULL : "Empty list";
	size_t i;

	for (i = 0; !wrong && i < list->n; i++) {
		wrong = fetch_is_macro(&v[i])
		    ? "ALL, FAST and FULL stand alone"
		    : parse_item(p, &v[i]);
		if (arg_is_atom(&v[i], STR("PREVIEW")) && i + 1 < list->n &&
		    fetch_is_lazy(&v[i + 1]))
			i++;
	}
	return wrong;
}

const char *
fetch_atts_parse(
    struct arena *a, const struct arg *arg, struct fetch_atts *ret)
{
	struct parse p = { .a = a };
	const char *wrong = arg->type == ARG_LIST ? parse_list(&p, arg)
						  : parse_item(&p, arg);

	if (wrong)
		return wrong;
	ret->items = p.items;
	ret->sections = p.sections.v;
	ret->n_sections = p.sections.n;
	return NULL;
}
