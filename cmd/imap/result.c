/* The answers of SEARCH and SORT; see result.h. */
#include "result.h"

#include "base/banned.h"

/* Sequence numbers, or uids. */
static uint32_t *
numbers_of(struct session *s, const struct selection *hits)
{
	uint32_t *v = ARENA_ARRAY(s->command_arena, hits->n, uint32_t);
	size_t i;

	for (i = 0; i < hits->n; i++)
		v[i] = s->is_uid ? s->view->v[hits->v[i]].e.uid
				 : (uint32_t)hits->v[i] + 1;
	return v;
}

/* With MIN and MAX alone only those messages are told. */
static bool
has_only_ends(unsigned returns)
{
	return returns & (RETURN_MIN | RETURN_MAX) &&
	    !(returns & (RETURN_ALL | RETURN_COUNT));
}

static bool
is_end(unsigned returns, size_t i, size_t n)
{
	return (returns & RETURN_MIN && i == 0) ||
	    (returns & RETURN_MAX && i + 1 == n);
}

static bool
is_in_part(const struct search_program *p, size_t i, size_t n)
{
	struct search_part part;

	if (!(p->returns & RETURN_PARTIAL))
		return false;
	part = search_part_of(p, n);
	return i >= part.from && i < part.from + part.n;
}

/*
 * The highest modseq of the messages found, or of those at the ends when
 * only they are told (RFC 4731 3.2, RFC 7162 3.1.5).
 */
static uint64_t
newest(const struct session *s, const struct selection *hits,
    const struct search_program *p)
{
	bool only_ends = has_only_ends(p->returns) &&
	    !(p->returns & RETURN_PARTIAL);
	uint64_t modseq = 0;
	size_t i;

	for (i = 0; i < hits->n; i++) {
		const struct entry *e = &s->view->v[hits->v[i]].e;

		if (e->modseq > modseq &&
		    (!only_ends || is_end(p->returns, i, hits->n)))
			modseq = e->modseq;
	}
	return modseq;
}

static void
tell_plain(struct session *s, const char *name, const uint32_t *v,
    const struct selection *hits, const struct search_program *p)
{
	size_t i;

	writer_add_cstr(s->writer, "* ");
	writer_add_cstr(s->writer, name);
	for (i = 0; i < hits->n; i++) {
		writer_add_cstr(s->writer, " ");
		writer_add_u64(s->writer, v[i]);
	}
	if (p->uses_modseq && hits->n)
		writer_printf(s->writer, " (MODSEQ %llu)",
		    (unsigned long long)newest(s, hits, p));
	writer_add_cstr(s->writer, "\r\n");
}

/* PARTIAL (1:100 set): counted from 1, or from the end (RFC 9394 3.1). */
static void
add_partial(struct buf *b, const uint32_t *v, size_t n,
    const struct search_program *p)
{
	struct search_part part = search_part_of(p, n);

	buf_printf(b, " PARTIAL (%.*s ", STR_ARG(p->partial.text));
	if (part.n)
		view_add_uid_list(b, v + part.from, part.n);
	else
		buf_add_cstr(b, "NIL");
	buf_add_char(b, ')');
}

static void
tell_extended(struct session *s, const uint32_t *v,
    const struct selection *hits, const struct search_program *p)
{
	struct buf b = BUF_INIT;
	size_t n = hits->n;

	buf_add_cstr(&b, "* ESEARCH (TAG ");
	writer_add_str(s->writer, buf_str(&b));
	buf_reset(&b);
	chat_string(s, s->tag);
	writer_add_cstr(s->writer, s->is_uid ? ") UID" : ")");
	if (p->returns & RETURN_MIN && n)
		buf_printf(&b, " MIN %u", v[0]);
	if (p->returns & RETURN_MAX && n)
		buf_printf(&b, " MAX %u", v[n - 1]);
	if (p->returns & RETURN_COUNT)
		buf_printf(&b, " COUNT %zu", n);
	if ((p->returns & RETURN_ALL || !p->is_extended) && n) {
		buf_add_cstr(&b, " ALL ");
		view_add_uid_list(&b, v, n);
	}
	if (p->returns & RETURN_PARTIAL)
		add_partial(&b, v, n, p);
	if (p->uses_modseq && n)
		buf_printf(&b, " MODSEQ %llu",
		    (unsigned long long)newest(s, hits, p));
	buf_add_cstr(&b, "\r\n");
	writer_add_str(s->writer, buf_str(&b));
	buf_done(&b);
}

void
result_save_nothing(struct session *s, const struct search_program *p)
{
	if (p->returns & RETURN_SAVE)
		s->saved.n = 0;
}

/* What `$` is with MIN, MAX, PARTIAL (RFC 5182 2.4, RFC 9394 3.2). */
static void
save(struct session *s, const struct selection *hits,
    const struct search_program *p)
{
	bool is_all = !(p->returns & (RETURN_MIN | RETURN_MAX |
	    RETURN_PARTIAL)) || p->returns & (RETURN_ALL | RETURN_COUNT);
	size_t i, n = hits->n;

	s->saved.n = 0;
	for (i = 0; i < n; i++) {
		if (is_all || is_end(p->returns, i, n) ||
		    is_in_part(p, i, n))
			VEC_PUSH(s->arena, &s->saved,
			    s->view->v[hits->v[i]].e.uid);
	}
}

void
result_tell(struct session *s, const char *name,
    const struct search_program *p, const struct selection *hits)
{
	const uint32_t *v = numbers_of(s, hits);
	bool is_extended = p->is_extended ||
	    (s->is_rev2 && strcmp(name, "SEARCH") == 0);

	if (p->uses_modseq)
		session_use_condstore(s);
	if (p->returns & RETURN_SAVE)
		save(s, hits, p);
	if (is_extended && p->returns != RETURN_SAVE)
		tell_extended(s, v, hits, p);
	else if (!is_extended)
		tell_plain(s, name, v, hits, p);
}
