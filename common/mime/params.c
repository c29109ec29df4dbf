/*
 * Parameters. First all are read as they stand; those of the form
 * name*N[*] are then sorted by name and number and joined when none is
 * missing. There are at most LIMIT_MIME_PARAMS, so sorting by insertion will
 * do.
 */
#include "mime/params.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

struct piece {
	struct facts_param param; /* name without "*N*" when is_piece */
	uint32_t number;
	bool is_piece;
	bool is_extended;
};

struct pieces {
	struct piece v[LIMIT_MIME_PARAMS];
	size_t n;
};

/* Broken but common: name==?utf-8?b?...?= */
static enum scan_result
bare_value(struct scan *s, struct scratch *out)
{
	while (s->p < s->end && *s->p != ';' && !ascii_is_space(*s->p))
		scratch_add_char(out, *s->p++);
	return s->p < s->end ? SCAN_MORE : SCAN_END;
}

static enum scan_result
read_value(struct scan *s, struct scratch *out)
{
	enum scan_result r = scan_skip_cfws(s);

	if (r != SCAN_MORE)
		return r;
	if (*s->p == '"')
		return scan_quoted(s, out);
	return *s->p == '=' ? bare_value(s, out) : scan_token(s, out);
}

/* p stands on ';'. */
static bool
read_param(struct scan *s, struct arena *a, struct scratch *out,
    struct facts_param *ret_param)
{
	size_t name_len;

	out->len = 0;
	s->p++;
	if (scan_skip_cfws(s) != SCAN_MORE ||
	    scan_token(s, out) != SCAN_MORE || *s->p != '=' || !out->len)
		return false;
	s->p++;
	name_len = out->len;
	if (read_value(s, out) == SCAN_BAD)
		return false;
	ret_param->name = arena_dup_lower(a, str_make(out->p, name_len));
	ret_param->value = arena_dup_str(
	    a, str_make(out->p + name_len, out->len - name_len));
	return true;
}

/* Takes "name*12*" apart. */
static void
split_name(struct piece *x)
{
	struct str name = x->param.name;
	size_t star = str_find_char(name, '*');
	struct str rest = str_tail(name, star + 1);

	if (star == name.len || star == 0)
		return;
	if (str_ends_with(name, STR("*"))) {
		x->is_extended = true;
		if (rest.len)
			rest.len--;
	}
	if (rest.len && !num_parse_u32(rest, &x->number)) {
		x->is_extended = false;
		return;
	}
	x->is_piece = true;
	x->param.name = str_slice(name, 0, star);
}

static int
piece_compare(const struct piece *x, const struct piece *y)
{
	int r;

	if (x->is_piece != y->is_piece)
		return x->is_piece ? 1 : -1;
	if (!x->is_piece)
		return 0;
	r = str_compare(x->param.name, y->param.name);
	return r ? r : (x->number > y->number) - (x->number < y->number);
}

/* Keeps those without a number in their order and puts them first. */
static void
sort_pieces(struct pieces *all)
{
	for (size_t i = 1; i < all->n; i++) {
		struct piece x = all->v[i];
		size_t at = i;

		for (; at && piece_compare(&all->v[at - 1], &x) > 0; at--)
			all->v[at] = all->v[at - 1];
		all->v[at] = x;
	}
}

static void
add_escaped(struct scratch *out, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == '%')
			scratch_add(out, "%25", 3);
		else
			scratch_add_char(out, value.p[i]);
	}
}

/* One or several pieces that follow each other without a gap. */
static struct facts_param
join(struct arena *a, const struct piece *v, size_t n)
{
	bool is_extended = false;
	size_t len = 2;
	struct scratch out;
	struct facts_param param = { .name = v->param.name };

	for (size_t i = 0; i < n; i++) {
		is_extended |= v[i].is_extended;
		len += v[i].param.value.len * 3;
	}
	out = scratch_new(a, len);
	if (is_extended) {
		param.name = arena_join(a, param.name, STR("*"));
		if (!v->is_extended)
			scratch_add(&out, "''", 2);
	}
	for (size_t i = 0; i < n; i++) {
		if (is_extended && !v[i].is_extended)
			add_escaped(&out, v[i].param.value);
		else
			scratch_add(
			    &out, v[i].param.value.p, v[i].param.value.len);
	}
	param.value = scratch_str(&out);
	return param;
}

/* The run of pieces of one name at v; *ret_good: numbered from 0 on. */
static size_t
run_length(const struct piece *v, size_t n, bool *ret_good)
{
	size_t i = 0;

	*ret_good = true;
	for (; i < n && str_equals(v[i].param.name, v->param.name); i++) {
		if (v[i].number != i)
			*ret_good = false;
	}
	return i;
}

static struct facts_param
unjoined(struct arena *a, const struct piece *x)
{
	struct facts_param param = x->param;

	param.name = arena_printf(a, "%.*s*%u%s", STR_ARG(x->param.name),
	    x->number, x->is_extended ? "*" : "");
	return param;
}

static struct facts_params
put_together(struct arena *a, const struct pieces *all)
{
	struct facts_param *to = ARENA_ARRAY(a, all->n, struct facts_param);
	size_t n = 0;
	size_t i = 0;

	while (i < all->n && !all->v[i].is_piece)
		to[n++] = all->v[i++].param;
	while (i < all->n) {
		bool is_good;
		size_t run = run_length(&all->v[i], all->n - i, &is_good);

		if (is_good)
			to[n++] = join(a, &all->v[i], run);
		for (size_t j = i; !is_good && j < i + run; j++)
			to[n++] = unjoined(a, &all->v[j]);
		i += run;
	}
	return (struct facts_params){ to, n };
}

struct facts_params
params_parse(struct arena *a, struct scan *s)
{
	size_t room = SCRATCH_ROOM((size_t)(s->end - s->p));
	struct scratch out = scratch_new(a, room);
	struct pieces all = { 0 };

	while (s->p < s->end && all.n < LIMIT_MIME_PARAMS) {
		struct piece x = { 0 };

		if (*s->p != ';') {
			s->p++;
		} else if (read_param(s, a, &out, &x.param)) {
			split_name(&x);
			all.v[all.n++] = x;
		}
	}
	if (!all.n)
		return (struct facts_params){ 0 };
	sort_pieces(&all);
	return put_together(a, &all);
}

struct str
params_find(struct facts_params params, struct str name)
{
	for (size_t i = 0; i < params.n; i++) {
		if (str_equals(params.v[i].name, name))
			return params.v[i].value;
	}
	return STR_NONE;
}
