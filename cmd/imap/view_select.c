/* Sets of messages, as commands name them; see view.h. */
#include "view.h"

#include "imap/seqset.h"

#include "base/banned.h"

static bool
is_wanted(const struct seqset *set, const struct seen *m, size_t index,
    bool is_uid)
{
	return seqset_has(set, is_uid ? m->e.uid : (uint32_t)index + 1);
}

struct seqset
view_saved(struct session *s)
{
	struct seqset set = { .n = s->saved.n };
	size_t i;

	set.v = ARENA_ARRAY(s->command_arena, set.n, struct seq_range);
	for (i = 0; i < set.n; i++)
		set.v[i] =
		    (struct seq_range){ s->saved.v[i], s->saved.v[i] };
	seqset_resolve(s->command_arena, &set, 0, &set);
	return set;
}

const char *
view_select(struct session *s, const struct arg *arg, bool is_uid,
    bool with_gone, struct selection *ret)
{
	struct view *v = s->view;
	uint32_t largest = (uint32_t)v->n_announced;
	struct seqset set;
	size_t i;

	if (arg->type != ARG_ATOM ||
	    !seqset_parse(s->command_arena, arg->s, &set))
		return "Bad set";
	if (set.is_saved) {
		set = view_saved(s);
		is_uid = true;
	} else {
		if (is_uid)
			largest = v->n_announced
			    ? v->v[v->n_announced - 1].e.uid
			    : 0;
		seqset_resolve(s->command_arena, &set, largest, &set);
		if (!is_uid && set.n && set.v[set.n - 1].hi > largest &&
		    (largest || !str_has_char(arg->s, '*')))
			return "No such message";
	}
	*ret = (struct selection){ .is_by_uid = is_uid };
	ret->v = ARENA_ARRAY(s->command_arena, v->n_announced, uint32_t);
	for (i = 0; i < v->n_announced; i++) {
		if (!is_wanted(&set, &v->v[i], i, is_uid))
			continue;
		ret->has_gone |= v->v[i].is_gone;
		if (!v->v[i].is_gone || with_gone)
			ret->v[ret->n++] = (uint32_t)i;
	}
	return NULL;
}

struct uid_set
view_uids(struct session *s, const struct selection *sel)
{
	VEC(struct uid_range) ranges = { 0 };
	size_t i;

	for (i = 0; i < sel->n; i++) {
		uint32_t uid = s->view->v[sel->v[i]].e.uid;
		struct uid_range r = { uid, uid };

		if (ranges.n && ranges.v[ranges.n - 1].hi + 1 == uid)
			ranges.v[ranges.n - 1].hi = uid;
		else
			VEC_PUSH(s->command_arena, &ranges, r);
	}
	return (struct uid_set){ ranges.v, ranges.n };
}
