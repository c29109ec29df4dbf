/*
 * \Recent: in the session that is told first of a message, and in no other
 * (RFC 3501 2.3.2). The folder keeps the uid up to which it was given away.
 */
#include "view.h"

#include "base/banned.h"

static void
view_recent_add(struct view *v, uint32_t from, uint32_t to)
{
	size_t n = v->recent.n;

	if (from >= to)
		return;
	if (n > 0 && v->recent.v[n - 1].hi + 1 >= from)
		v->recent.v[n - 1].hi = to - 1;
	else
		*VEC_ADD(v->a, &v->recent) =
		    (struct uid_range){ from, to - 1 };
}

/* Nothing was taken by us, so what follows the last range is shown anew. */
static void
view_recent_look(struct view *v)
{
	uint32_t from = v->folder.recent_uid;

	if (v->recent.n && v->recent.v[v->recent.n - 1].hi >= from)
		from = v->recent.v[v->recent.n - 1].hi + 1;
	view_recent_add(v, from, v->folder.uidnext);
}

enum rc
view_take_recent(struct session *s, struct err *err)
{
	struct view *v = s->view;
	uint32_t from, to;
	enum rc rc;

	if (v->folder.recent_uid >= v->folder.uidnext)
		return RC_OK;
	if (!view_is_writable(v)) {
		view_recent_look(v);
		return RC_OK;
	}
	rc = folder_take_recent(
	    s->p->db, &v->folder.owner, &v->folder.id, &from, &to, err);
	if (rc != RC_OK)
		return rc;
	view_recent_add(v, from, to);
	v->folder.recent_uid = to;
	return RC_OK;
}

bool
view_is_recent(const struct view *v, uint32_t uid)
{
	struct uid_set set = { v->recent.v, v->recent.n };

	return v->recent.n && uid_set_has(set, uid);
}

uint32_t
view_count_recent(const struct view *v)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; v->is_loaded && v->recent.n && i < v->n_announced; i++)
		n += view_is_recent(v, v->v[i].e.uid);
	if (v->is_loaded)
		return n;
	for (i = 0; i < v->recent.n; i++) {
		uint32_t hi = v->recent.v[i].hi;

		if (hi >= v->folder.uidnext)
			hi = v->folder.uidnext - 1;
		if (hi >= v->recent.v[i].lo)
			n += hi - v->recent.v[i].lo + 1;
	}
	return n < v->folder.exists ? n : v->folder.exists;
}
