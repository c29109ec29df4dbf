/* Quick resynchronisation; see qresync.h. */
#include "qresync.h"

#include "base/num.h"

#include "base/banned.h"

static bool
is_uid_set(struct session *s, const struct arg *a)
{
	struct seqset set;

	return a->type == ARG_ATOM && !str_has_char(a->s, '*') &&
	    seqset_parse(s->command_arena, a->s, &set) && !set.is_saved;
}

static const char *
parse_known(
    struct session *s, const struct arg *v, size_t n, struct qresync *q)
{
	const struct arg *match;

	if (n > 2 && v[2].type != ARG_LIST) {
		if (!is_uid_set(s, &v[2]))
			return "Bad known uids";
		q->known = v[2].s;
	}
	if (n < 3 || v[n - 1].type != ARG_LIST)
		return n <= 3 ? NULL : "Unknown QRESYNC parameter";
	match = &v[n - 1];
	if (match->n != 2 || !is_uid_set(s, &match->v[0]) ||
	    !is_uid_set(s, &match->v[1]))
		return "Bad sequence match";
	if (s->has_uidonly)
		return "[UIDREQUIRED] Sequence numbers are off";
	return n <= 4 ? NULL : "Unknown QRESYNC parameter";
}

const char *
qresync_parse(
    struct session *s, const struct arg *list, struct qresync *ret)
{
	const struct arg *v = list->v;
	struct qresync q = { .is_wanted = true, .known = STR_NONE };
	const char *wrong;

	if (!s->has_qresync)
		return "ENABLE QRESYNC first";
	if (list->type != ARG_LIST || list->n < 2 || !arg_is_text(&v[0]) ||
	    !arg_is_text(&v[1]) || !num_parse_u32(v[0].s, &q.uidvalidity) ||
	    !num_parse_u64(v[1].s, INT64_MAX, &q.modseq) ||
	    q.uidvalidity == 0 || q.modseq == 0)
		return "QRESYNC takes a uidvalidity and a modseq";
	wrong = parse_known(s, v, list->n, &q);
	if (!wrong)
		*ret = q;
	return wrong;
}

typedef VEC(uint32_t) uid_vec;

static void
tell(struct session *s, const uid_vec *uids)
{
	struct buf b = BUF_INIT;

	if (uids->n == 0)
		return;
	view_add_uid_list(&b, uids->v, uids->n);
	writer_add_cstr(s->writer, "* VANISHED (EARLIER) ");
	writer_add_str(s->writer, buf_str(&b));
	writer_add_cstr(s->writer, "\r\n");
	buf_done(&b);
}

/* Known to the client and not there: right however old its modseq is. */
static void
tell_missing(struct session *s, struct str known)
{
	const struct view *v = s->view;
	struct seqset set;
	uid_vec uids = { 0 };
	size_t i, at = 0;
	uint32_t uid;

	if (!seqset_parse(s->command_arena, known, &set))
		return;
	seqset_resolve(s->command_arena, &set, UINT32_MAX, &set);
	for (i = 0; i < set.n; i++) {
		uint32_t hi = set.v[i].hi;

		if (hi >= v->folder.uidnext)
			hi = v->folder.uidnext - 1;
		for (uid = set.v[i].lo; uid <= hi; uid++) {
			while (at < v->n && v->v[at].e.uid < uid)
				at++;
			if (at == v->n || v->v[at].e.uid != uid)
				VEC_PUSH(s->command_arena, &uids, uid);
		}
	}
	tell(s, &uids);
}

enum rc
qresync_tell_vanished(
    struct session *s, struct str text, uint64_t modseq, struct err *err)
{
	const struct view *v = s->view;
	struct folder_changes c;
	struct seqset set;
	uid_vec uids = { 0 };
	size_t i;
	enum rc rc = store_changes(s->p->db, s->command_arena,
	    &v->folder.owner, &v->folder.id, modseq, &c, err);

	if (rc != RC_OK || c.is_gone)
		return rc;
	if (text.p && !seqset_parse(s->command_arena, text, &set))
		return RC_OK;
	if (text.p)
		seqset_resolve(
		    s->command_arena, &set, v->folder.uidnext - 1, &set);
	for (i = 0; i < c.n_expunged; i++) {
		uint32_t uid = c.expunged[i].uid;

		/* What this session still shows vanishes in its turn. */
		if (view_find(v, uid) == SIZE_MAX &&
		    (!text.p || seqset_has(&set, uid)))
			VEC_PUSH(s->command_arena, &uids, uid);
	}
	tell(s, &uids);
	return RC_OK;
}

/*
 * Of the known messages alone, when they are named (RFC 7162 3.2.5.1). What
 * changed since HIGHESTMODSEQ was told comes with the next command.
 */
static void
qresync_tell_changed(struct session *s, const struct qresync *q)
{
	const struct view *v = s->view;
	struct seqset set = { 0 };
	size_t i;

	if (q->known.p) {
		(void)seqset_parse(s->command_arena, q->known, &set);
		seqset_resolve(s->command_arena, &set, UINT32_MAX, &set);
	}
	for (i = 0; i < v->n_announced; i++) {
		const struct seen *m = &v->v[i];

		if (!m->is_gone && !m->is_dirty &&
		    m->e.modseq > q->modseq &&
		    (!q->known.p || seqset_has(&set, m->e.uid)))
			view_tell_fetch(s, i, true);
	}
}

enum rc
qresync_tell(struct session *s, const struct qresync *q, struct err *err)
{
	enum rc rc;

	if (!q->is_wanted ||
	    q->uidvalidity != s->view->folder.uidvalidity)
		return RC_OK;
	rc = view_load(s, err);
	if (rc == RC_OK && q->known.p)
		tell_missing(s, q->known);
	else if (rc == RC_OK)
		rc = qresync_tell_vanished(s, STR_NONE, q->modseq, err);
	if (rc == RC_OK)
		qresync_tell_changed(s, q);
	return rc;
}
