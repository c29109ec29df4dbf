/* SEARCH programs; see search.h. One table row a key. */
#include "imap/search.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/num.h"
#include "model/folder.h"
#include "text/charset.h"
#include "text/date.h"
#include "text/utf8.h"

#include "base/banned.h"

enum argument {
	TAKES_NOTHING,
	TAKES_FLAG,      /* the row's number; negated when `field` is set */
	TAKES_DATE,
	TAKES_NUMBER,
	TAKES_SECONDS,   /* at least 1 */
	TAKES_TEXT,
	TAKES_ADDRESS,   /* text, of the row's header field */
	TAKES_HEADER,    /* field and text */
	TAKES_KEYWORD,
	TAKES_SET,
	TAKES_KEY,
	TAKES_TWO_KEYS,
	TAKES_MODSEQ,
	TAKES_ID,
};

struct key_row {
	struct str name;
	enum search_type type;
	enum argument argument;
	uint64_t flags;
	struct str field;
	bool is_negated;
};

static const struct key_row rows[] = {
	{ STR_INIT("ALL"), SEARCH_AND, TAKES_NOTHING, 0, STR_NONE, false },
	{ STR_INIT("ANSWERED"), SEARCH_FLAG, TAKES_FLAG, FLAG_ANSWERED,
	    STR_NONE, false },
	{ STR_INIT("BCC"), SEARCH_HEADER, TAKES_ADDRESS, 0, STR_INIT("Bcc"),
	    false },
	{ STR_INIT("BEFORE"), SEARCH_BEFORE, TAKES_DATE, 0, STR_NONE, false },
	{ STR_INIT("BODY"), SEARCH_BODY, TAKES_TEXT, 0, STR_NONE, false },
	{ STR_INIT("CC"), SEARCH_HEADER, TAKES_ADDRESS, 0, STR_INIT("Cc"),
	    false },
	{ STR_INIT("DELETED"), SEARCH_FLAG, TAKES_FLAG, FLAG_DELETED,
	    STR_NONE, false },
	{ STR_INIT("DRAFT"), SEARCH_FLAG, TAKES_FLAG, FLAG_DRAFT, STR_NONE,
	    false },
	{ STR_INIT("EMAILID"), SEARCH_EMAILID, TAKES_ID, 0, STR_NONE, false },
	{ STR_INIT("FLAGGED"), SEARCH_FLAG, TAKES_FLAG, FLAG_FLAGGED,
	    STR_NONE, false },
	{ STR_INIT("FROM"), SEARCH_HEADER, TAKES_ADDRESS, 0,
	    STR_INIT("From"), false },
	{ STR_INIT("HEADER"), SEARCH_HEADER, TAKES_HEADER, 0, STR_NONE,
	    false },
	{ STR_INIT("KEYWORD"), SEARCH_KEYWORD, TAKES_KEYWORD, 0, STR_NONE,
	    false },
	{ STR_INIT("LARGER"), SEARCH_LARGER, TAKES_NUMBER, 0, STR_NONE,
	    false },
	{ STR_INIT("MODSEQ"), SEARCH_MODSEQ, TAKES_MODSEQ, 0, STR_NONE,
	    false },
	{ STR_INIT("NEW"), SEARCH_RECENT, TAKES_NOTHING, 1, STR_NONE, false },
	{ STR_INIT("NOT"), SEARCH_NOT, TAKES_KEY, 0, STR_NONE, false },
	{ STR_INIT("OLD"), SEARCH_RECENT, TAKES_NOTHING, 0, STR_NONE, true },
	{ STR_INIT("OLDER"), SEARCH_OLDER, TAKES_SECONDS, 0, STR_NONE, false },
	{ STR_INIT("ON"), SEARCH_ON, TAKES_DATE, 0, STR_NONE, false },
	{ STR_INIT("OR"), SEARCH_OR, TAKES_TWO_KEYS, 0, STR_NONE, false },
	{ STR_INIT("RECENT"), SEARCH_RECENT, TAKES_NOTHING, 0, STR_NONE,
	    false },
	/* Every mailbox keeps the date. */
	{ STR_INIT("SAVEDATESUPPORTED"), SEARCH_AND, TAKES_NOTHING, 0,
	    STR_NONE, false },
	{ STR_INIT("SAVEDBEFORE"), SEARCH_SAVEDBEFORE, TAKES_DATE, 0,
	    STR_NONE, false },
	{ STR_INIT("SAVEDON"), SEARCH_SAVEDON, TAKES_DATE, 0, STR_NONE,
	    false },
	{ STR_INIT("SAVEDSINCE"), SEARCH_SAVEDSINCE, TAKES_DATE, 0, STR_NONE,
	    false },
	{ STR_INIT("SEEN"), SEARCH_FLAG, TAKES_FLAG, FLAG_SEEN, STR_NONE,
	    false },
	{ STR_INIT("SENTBEFORE"), SEARCH_SENTBEFORE, TAKES_DATE, 0, STR_NONE,
	    false },
	{ STR_INIT("SENTON"), SEARCH_SENTON, TAKES_DATE, 0, STR_NONE, false },
	{ STR_INIT("SENTSINCE"), SEARCH_SENTSINCE, TAKES_DATE, 0, STR_NONE,
	    false },
	{ STR_INIT("SINCE"), SEARCH_SINCE, TAKES_DATE, 0, STR_NONE, false },
	{ STR_INIT("SMALLER"), SEARCH_SMALLER, TAKES_NUMBER, 0, STR_NONE,
	    false },
	{ STR_INIT("SUBJECT"), SEARCH_HEADER, TAKES_ADDRESS, 0,
	    STR_INIT("Subject"), false },
	{ STR_INIT("TEXT"), SEARCH_TEXT, TAKES_TEXT, 0, STR_NONE, false },
	/* There are no thread ids: one of no keys is never true. */
	{ STR_INIT("THREADID"), SEARCH_OR, TAKES_ID, 0, STR_NONE, false },
	{ STR_INIT("TO"), SEARCH_HEADER, TAKES_ADDRESS, 0, STR_INIT("To"),
	    false },
	{ STR_INIT("UID"), SEARCH_UID, TAKES_SET, 0, STR_NONE, false },
	{ STR_INIT("UNANSWERED"), SEARCH_FLAG, TAKES_FLAG, FLAG_ANSWERED,
	    STR_NONE, true },
	{ STR_INIT("UNDELETED"), SEARCH_FLAG, TAKES_FLAG, FLAG_DELETED,
	    STR_NONE, true },
	{ STR_INIT("UNDRAFT"), SEARCH_FLAG, TAKES_FLAG, FLAG_DRAFT, STR_NONE,
	    true },
	{ STR_INIT("UNFLAGGED"), SEARCH_FLAG, TAKES_FLAG, FLAG_FLAGGED,
	    STR_NONE, true },
	{ STR_INIT("UNKEYWORD"), SEARCH_KEYWORD, TAKES_KEYWORD, 0, STR_NONE,
	    true },
	{ STR_INIT("UNSEEN"), SEARCH_FLAG, TAKES_FLAG, FLAG_SEEN, STR_NONE,
	    true },
	{ STR_INIT("YOUNGER"), SEARCH_YOUNGER, TAKES_SECONDS, 0, STR_NONE,
	    false },
};

struct parse {
	struct arena *a;
	struct str charset;
	struct search_program *program;
	const struct arg *v;
	size_t n;
	size_t at;
	int depth;
};

static const char *parse_key(struct parse *p, struct search_key *ret);
static const char *parse_all(struct parse *p, struct search_key *ret);

/* --- arguments of keys ---------------------------------------------------------------- */

static const struct arg *
next_text(struct parse *p)
{
	if (p->at == p->n || !arg_is_text(&p->v[p->at]))
		return NULL;
	return &p->v[p->at++];
}

static const char *
take_text(struct parse *p, struct str *ret)
{
	const struct arg *arg = next_text(p);
	struct buf b = BUF_INIT;

	if (!arg)
		return "A string is missing";
	if (p->charset.len == 0 && !utf8_is_valid(arg->s))
		return "8-bit text without a charset";
	charset_to_utf8(&b, p->charset, arg->s);
	*ret = casemap(p->a, buf_str(&b));
	buf_done(&b);
	return NULL;
}

static const char *
take_date(struct parse *p, struct search_key *k)
{
	const struct arg *arg = next_text(p);
	int64_t days;

	if (!arg || !date_parse_imap_day(arg->s, &days))
		return "Bad date";
	k->number = (uint64_t)days;
	return NULL;
}

static const char *
take_number(struct parse *p, struct search_key *k)
{
	const struct arg *arg = next_text(p);

	if (!arg || !num_parse_u64(arg->s, INT64_MAX, &k->number))
		return "A number is missing";
	return NULL;
}

static const char *
take_seconds(struct parse *p, struct search_key *k)
{
	const char *wrong = take_number(p, k);

	return !wrong && k->number == 0 ? "At least 1 is wanted" : wrong;
}

static const char *
take_set(struct parse *p, struct search_key *k)
{
	const struct arg *arg = next_text(p);

	if (!arg || arg->type != ARG_ATOM ||
	    !seqset_parse(p->a, arg->s, &k->set))
		return "Bad set";
	return NULL;
}

/* MODSEQ [name type] number; the name changes nothing here. */
static const char *
take_modseq(struct parse *p, struct search_key *k)
{
	const struct arg *type;

	p->program->uses_modseq = true;
	if (p->at < p->n && p->v[p->at].type == ARG_STRING) {
		p->at++;
		type = next_text(p);
		if (!type ||
		    (!arg_is_atom(type, STR("priv")) &&
			!arg_is_atom(type, STR("shared")) &&
			!arg_is_atom(type, STR("all"))))
			return "MODSEQ needs priv, shared or all behind the "
			       "name";
	}
	return take_number(p, k);
}

static const char *
take_keys(struct parse *p, struct search_key *k, size_t n)
{
	struct search_key *v = ARENA_ARRAY(p->a, n, struct search_key);
	const char *wrong = NULL;
	size_t i;

	if (++p->depth > LIMIT_IMAP_NESTING)
		return "Keys nested too deep";
	for (i = 0; !wrong && i < n; i++)
		wrong = parse_key(p, &v[i]);
	p->depth--;
	k->v = v;
	k->n = n;
	return wrong;
}

static const char *
take_field(struct parse *p, struct search_key *k)
{
	const struct arg *arg = next_text(p);

	if (!arg)
		return "A field name is missing";
	k->field = arg->s;
	return take_text(p, &k->text);
}

static const char *
take_word(struct parse *p, struct search_key *k)
{
	const struct arg *arg = next_text(p);

	if (!arg)
		return "A word is missing";
	k->text = arg->s;
	return NULL;
}

static const char *
take_argument(
    struct parse *p, const struct key_row *row, struct search_key *k)
{
	switch (row->argument) {
	case TAKES_NOTHING:
		return NULL;
	case TAKES_FLAG:
		k->number = row->flags;
		return NULL;
	case TAKES_DATE:
		return take_date(p, k);
	case TAKES_NUMBER:
		return take_number(p, k);
	case TAKES_SECONDS:
		return take_seconds(p, k);
	case TAKES_TEXT:
		return take_text(p, &k->text);
	case TAKES_ADDRESS:
		k->field = row->field;
		return take_text(p, &k->text);
	case TAKES_HEADER:
		return take_field(p, k);
	case TAKES_KEYWORD:
	case TAKES_ID:
		return take_word(p, k);
	case TAKES_SET:
		return take_set(p, k);
	case TAKES_KEY:
		return take_keys(p, k, 1);
	case TAKES_TWO_KEYS:
		return take_keys(p, k, 2);
	case TAKES_MODSEQ:
		return take_modseq(p, k);
	}
	return "Unknown key";
}

/* --- keys --------------------------------------------------------------------------------- */

static struct search_key
negated(struct arena *a, struct search_key k)
{
	struct search_key *inner = ARENA_NEW(a, struct search_key);

	*inner = k;
	return (struct search_key){ .type = SEARCH_NOT, .v = inner, .n = 1 };
}

static const struct key_row *
find_row(struct str name)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (str_equals_nocase(name, rows[i].name))
			return &rows[i];
	}
	return NULL;
}

/* NEW is RECENT UNSEEN. */
static void
make_new(struct arena *a, struct search_key *k)
{
	struct search_key *v = ARENA_ARRAY(a, 2, struct search_key);

	v[0] = *k;
	v[1] = negated(a, (struct search_key){ .type = SEARCH_FLAG,
			      .number = FLAG_SEEN });
	*k = (struct search_key){ .type = SEARCH_AND, .v = v, .n = 2 };
}

static const char *
parse_named(struct parse *p, const struct key_row *row,
    struct search_key *ret)
{
	struct search_key k = { .type = row->type };
	const char *wrong = take_argument(p, row, &k);

	if (wrong)
		return wrong;
	if (row->type == SEARCH_RECENT && row->flags)
		make_new(p->a, &k);
	*ret = row->is_negated ? negated(p->a, k) : k;
	return NULL;
}

static const char *
parse_list(struct parse *p, const struct arg *arg, struct search_key *ret)
{
	struct parse inner = *p;
	const char *wrong;

	inner.v = arg->v;
	inner.n = arg->n;
	inner.at = 0;
	if (arg->n == 0)
		return "Empty list";
	if (++inner.depth > LIMIT_IMAP_NESTING)
		return "Keys nested too deep";
	wrong = parse_all(&inner, ret);
	return wrong;
}

static const char *
parse_key(struct parse *p, struct search_key *ret)
{
	const struct arg *arg;
	const struct key_row *row;

	if (p->at == p->n)
		return "A key is missing";
	arg = &p->v[p->at++];
	if (arg->type == ARG_LIST)
		return parse_list(p, arg, ret);
	row = arg->type == ARG_ATOM ? find_row(arg->s) : NULL;
	if (row)
		return parse_named(p, row, ret);
	*ret = (struct search_key){ .type = SEARCH_SEQ };
	if (arg->type != ARG_ATOM || !seqset_parse(p->a, arg->s, &ret->set))
		return "Unknown SEARCH key";
	return NULL;
}

static const char *
parse_all(struct parse *p, struct search_key *ret)
{
	VEC(struct search_key) keys = { 0 };
	const char *wrong = NULL;

	while (!wrong && p->at < p->n)
		wrong = parse_key(p, VEC_ADD(p->a, &keys));
	*ret = (struct search_key){ .type = SEARCH_AND, .v = keys.v,
		.n = keys.n };
	return wrong;
}

/* --- options -------------------------------------------------------------------------------- */

static bool
add_return(const struct arg *arg, unsigned *returns)
{
	static const struct str names[] = { STR_INIT("MIN"), STR_INIT("MAX"),
		STR_INIT("COUNT"), STR_INIT("ALL"), STR_INIT("SAVE") };
	unsigned i;

	for (i = 0; i < 5; i++) {
		if (arg_is_atom(arg, names[i])) {
			*returns |= 1u << i;
			return true;
		}
	}
	return false;
}

static bool
parse_end(struct str text, bool *is_negative, uint32_t *ret)
{
	*is_negative = str_starts_with(text, STR("-"));
	return num_parse_u32(
		   str_tail(text, *is_negative ? 1 : 0), ret) &&
	    *ret > 0;
}

const char *
search_parse_partial(struct str text, struct search_partial *ret)
{
	struct str rest = text, first;
	bool is_negative, other;
	uint32_t a, b;

	if (!str_split_char(&rest, ':', &first) ||
	    !parse_end(first, &is_negative, &a) ||
	    !parse_end(rest, &other, &b) || is_negative != other)
		return "PARTIAL takes a range, as 1:100 or -1:-100";
	*ret = (struct search_partial){ text, a < b ? a : b, a < b ? b : a,
		is_negative };
	return NULL;
}

struct search_part
search_part_of(const struct search_program *p, size_t n)
{
	const struct search_partial *w = &p->partial;
	size_t lo = w->lo, hi = w->hi < n ? w->hi : n;

	if (lo > n)
		return (struct search_part){ 0, 0 };
	return (struct search_part){ w->is_from_end ? n - hi : lo - 1,
		hi - lo + 1 };
}

const char *
search_parse_return(const struct arg *v, size_t n,
    struct search_program *ret, size_t *ret_used)
{
	size_t i;

	*ret_used = 0;
	if (n < 2 || !arg_is_atom(&v[0], STR("RETURN")) ||
	    v[1].type != ARG_LIST)
		return NULL;
	ret->is_extended = true;
	for (i = 0; i < v[1].n; i++) {
		const char *wrong = NULL;

		if (arg_is_atom(&v[1].v[i], STR("PARTIAL")) &&
		    i + 1 < v[1].n && arg_is_text(&v[1].v[i + 1])) {
			wrong = ret->returns & RETURN_PARTIAL
			    ? "One PARTIAL is enough"
			    : search_parse_partial(
				  v[1].v[i + 1].s, &ret->partial);
			ret->returns |= RETURN_PARTIAL;
			i++;
		} else if (!add_return(&v[1].v[i], &ret->returns)) {
			wrong = "Unknown RETURN option";
		}
		if (wrong)
			return wrong;
	}
	if (ret->returns & RETURN_PARTIAL && ret->returns & RETURN_ALL)
		return "PARTIAL and ALL exclude each other";
	if (ret->returns == 0)
		ret->returns = RETURN_ALL;
	*ret_used = 2;
	return NULL;
}

const char *
search_parse_keys(struct arena *a, const struct arg *v, size_t n,
    struct str charset, struct search_program *ret)
{
	struct parse p = { .a = a, .charset = charset, .program = ret,
		.v = v, .n = n };

	if (charset.len && !charset_is_known(charset)) {
		ret->is_bad_charset = true;
		return NULL;
	}
	if (n == 0)
		return "A key is missing";
	return parse_all(&p, &ret->root);
}

const char *
search_parse(struct arena *a, const struct arg *v, size_t n,
    bool no_charset, struct search_program *ret)
{
	struct str charset = STR("");
	const char *wrong;
	size_t used;

	*ret = (struct search_program){ 0 };
	wrong = search_parse_return(v, n, ret, &used);
	if (wrong)
		return wrong;
	v += used;
	n -= used;
	if (n > 1 && arg_is_atom(&v[0], STR("CHARSET")) &&
	    arg_is_text(&v[1])) {
		if (no_charset)
			return "No CHARSET after ENABLE UTF8=ACCEPT";
		charset = v[1].s;
		v += 2;
		n -= 2;
	}
	return search_parse_keys(a, v, n, charset, ret);
}

/* The depth of the tree was limited when it was parsed. */
unsigned
search_needs(const struct search_key *k)
{
	unsigned needs = 0;
	size_t i;

	switch (k->type) {
	case SEARCH_AND:
	case SEARCH_OR:
	case SEARCH_NOT:
		for (i = 0; i < k->n; i++)
			needs |= search_needs(&k->v[i]);
		return needs;
	case SEARCH_HEADER:
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
		return NEEDS_HEADER;
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return NEEDS_HEADER | NEEDS_BODY;
	case SEARCH_EMAILID:
		return NEEDS_EMAILID;
	case SEARCH_SEQ:
	case SEARCH_UID:
	case SEARCH_FLAG:
	case SEARCH_KEYWORD:
	case SEARCH_RECENT:
	case SEARCH_BEFORE:
	case SEARCH_ON:
	case SEARCH_SINCE:
	case SEARCH_SAVEDBEFORE:
	case SEARCH_SAVEDON:
	case SEARCH_SAVEDSINCE:
	case SEARCH_LARGER:
	case SEARCH_SMALLER:
	case SEARCH_OLDER:
	case SEARCH_YOUNGER:
	case SEARCH_MODSEQ:
		break;
	}
	return needs;
}

bool
search_uses_numbers(const struct search_key *k)
{
	size_t i;

	if (k->type == SEARCH_SEQ)
		return !k->set.is_saved;
	for (i = 0; i < k->n; i++) {
		if (search_uses_numbers(&k->v[i]))
			return true;
	}
	return false;
}
