/*
 * What is left of a job after its deliveries: states of recipients, the next
 * attempt, and reports, in one transaction under the fence of the lease.
 */
#include "mda.h"

#include "base/buf.h"
#include "base/fault.h"
#include "base/rnd.h"
#include "log/log.h"
#include "mail/report.h"
#include "mail/retry.h"
#include "net/doorbell.h"
#include "success.h"

#include "base/banned.h"

enum { LATER_MS = 1000 }; /* and up to as much again */

typedef VEC(struct report_recipient) subject_vec;

struct writing {
	struct mda *m;
	struct job *j;
	struct retry_step step;
	VEC(struct queue_change) changes;
	VEC(struct queue_item) reports;
	bool is_pending;       /* somebody still waits */
	bool is_again;         /* an expansion: the next attempt is the one */
	bool has_retry;
	bool has_later;
	bool is_held;
	struct str reason;     /* for it */
};

static struct str
id_text(struct mda *m, const struct queue_item *item)
{
	char text[OID_HEX];

	return arena_dup_str(m->a, oid_format(&item->id, text));
}

static void
log_outcome(struct mda *m, const struct job *j, const struct verdict *v)
{
	static const char *const events[] = {
		[FATE_DELIVERED] = "delivered",
		[FATE_EXPANDED] = "expanded",
		[FATE_FAILED] = "failed",
		[FATE_RETRY] = "deferred",
		[FATE_HELD] = "held",
	};

	log_begin(v->fate == FATE_FAILED ? LOG_AT_NOTE : LOG_AT_INFO,
	    events[v->fate]);
	log_str("queue", id_text(m, j->item));
	log_str("from", j->item->sender);
	log_str("to", v->now.address);
	log_num("code", v->now.code);
	log_str("status", v->now.status);
	log_str("host", v->now.host);
	log_str("text", v->now.text);
	log_num("tries", v->now.tries);
	log_end();
}

/* --- reports ---------------------------------------------------------------------- */

/*
 * What makes the id of a report: whom it is about, at which try. A recipient
 * fails once and is delayed once in a try, so no two reports of a message
 * have the same, and the repeat of an outcome has that of the first.
 */
static struct str
outcome_step(
    const struct writing *w, const subject_vec *subjects, const char *step)
{
	const struct job *j = w->j;
	struct buf b = BUF_INIT;
	struct str text;
	size_t i, k = 0;

	buf_add_cstr(&b, step);
	for (i = 0; i < j->item->n_recipients && k < subjects->n; i++) {
		if (subjects->v[k].recipient != &j->verdicts[i].now)
			continue;
		buf_printf(&b, " %zu.%u", i, j->verdicts[i].now.tries);
		k++;
	}
	text = arena_dup_str(w->m->a, buf_str(&b));
	buf_done(&b);
	return text;
}

static bool
outcome_is_good_news(enum report_action action)
{
	return action == REPORT_DELIVERED || action == REPORT_RELAYED ||
	    action == REPORT_EXPANDED;
}

static enum rc
add_report(struct writing *w, const subject_vec *subjects, struct str to,
    const char *step, struct err *err)
{
	struct mda *m = w->m;
	struct report r = {
		.item = w->j->item,
		.v = subjects->v,
		.n = subjects->n,
		.to = to,
		.hostname = m->p->hostname,
		.texts = m->texts,
		.step = outcome_step(w, subjects, step),
		.now_ms = db_time(m->db),
		.expire_ms = config_int(m->config, CFG_RETRY_EXPIRE),
	};
	struct oid id = oid_derive(&w->j->item->id, r.step);
	struct queue_item item;
	bool may = true;
	enum rc rc = RC_OK;

	if (subjects->n == 0)
		return RC_OK;
	if (outcome_is_good_news(subjects->v[0].action))
		rc = success_may_report(m, w->j->item, &id, &may, err);
	if (rc != RC_OK || !may)
		return rc;
	rc = report_make(m->db, m->a, &r, &item, err);
	if (rc == RC_OK && outcome_is_good_news(subjects->v[0].action))
		item.peer = w->j->item->peer; /* for success_end */
	if (rc == RC_OK)
		VEC_PUSH(m->a, &w->reports, item);
	return rc;
}

/* The reports of one kind: those verdicts that `picks`, if wanted. */
static enum rc
report_kind(struct writing *w, enum report_action action, const char *step,
    bool (*picks)(const struct writing *w, const struct verdict *v),
    struct err *err)
{
	subject_vec subjects = { 0 };
	size_t i;

	for (i = 0; i < w->j->item->n_recipients; i++) {
		struct verdict *v = &w->j->verdicts[i];

		if (picks(w, v) &&
		    report_is_wanted(w->j->item, &v->now, action))
			VEC_PUSH(w->m->a, &subjects,
			    ((struct report_recipient){ &v->now, action }));
	}
	return add_report(w, &subjects, STR(""), step, err);
}

static bool
picks_failed(const struct writing *w, const struct verdict *v)
{
	(void)w;
	return v->fate == FATE_FAILED;
}

static bool
picks_delayed(const struct writing *w, const struct verdict *v)
{
	return v->fate == FATE_RETRY && w->step.notifies;
}

/* A mailbox, not a mail system, said that it has the message. */
static bool
outcome_is_local(const struct verdict *v)
{
	return str_has_char(v->now.host, '@');
}

/* Also what the transaction of an attempt that then died has delivered. */
static bool
picks_delivered(const struct writing *w, const struct verdict *v)
{
	(void)w;
	return v->now.state == RECIPIENT_DELIVERED &&
	    v->fate != FATE_EXPANDED && v->relayed == RELAYED_NO &&
	    (v->fate == FATE_DELIVERED || outcome_is_local(v));
}

static bool
picks_expanded(const struct writing *w, const struct verdict *v)
{
	(void)w;
	return v->fate == FATE_EXPANDED;
}

/* Who has DSN reports for itself. */
static bool
picks_relayed(const struct writing *w, const struct verdict *v)
{
	(void)w;
	return v->relayed == RELAYED_SILENT ||
	    (v->fate == FATE_NONE && v->now.state == RECIPIENT_DELIVERED &&
		!outcome_is_local(v));
}

/*
 * A bounce that cannot be delivered goes to the postmaster of the first
 * local domain, once: that report is a "double bounce" with no report,
 * whatever address the postmaster's mail then leads to.
 */
static enum rc
report_to_postmaster(struct writing *w, struct err *err)
{
	subject_vec subjects = { 0 };
	struct domain *v;
	struct str to;
	size_t n, i;
	enum rc rc;

	if (!report_is_one(w->j->item))
		return RC_OK;
	for (i = 0; i < w->j->item->n_recipients; i++) {
		struct verdict *x = &w->j->verdicts[i];

		if (x->fate == FATE_FAILED &&
		    !str_starts_with_nocase(
			x->now.address, STR("postmaster@")))
			VEC_PUSH(w->m->a, &subjects,
			    ((struct report_recipient){
				&x->now, REPORT_FAILED }));
	}
	rc = domain_list(w->m->db, w->m->a, &v, &n, err);
	for (i = 0; rc == RC_OK && i < n; i++) {
		if (v[i].delivery != DOMAIN_LOCAL || v[i].disabled)
			continue;
		to = v[i].postmaster.len ? v[i].postmaster
					 : arena_join(w->m->a,
					       STR("postmaster@"), v[i].name);
		return add_report(w, &subjects, to, "double", err);
	}
	return rc;
}

static enum rc
make_reports(struct writing *w, struct err *err)
{
	enum rc rc;

	if ((rc = report_kind(w, REPORT_FAILED, "failed", picks_failed,
		 err)) != RC_OK ||
	    (rc = report_kind(w, REPORT_DELAYED, "delayed", picks_delayed,
		 err)) != RC_OK ||
	    (rc = report_kind(w, REPORT_DELIVERED, "delivered",
		 picks_delivered, err)) != RC_OK ||
	    (rc = report_kind(w, REPORT_EXPANDED, "expanded", picks_expanded,
		 err)) != RC_OK ||
	    (rc = report_kind(w, REPORT_RELAYED, "relayed", picks_relayed,
		 err)) != RC_OK)
		return rc;
	return report_to_postmaster(w, err);
}

/* --- changes ------------------------------------------------------------------------ */

static void
add_change(struct writing *w, size_t i)
{
	struct verdict *v = &w->j->verdicts[i];
	bool told = v->now.state == RECIPIENT_DELIVERED &&
	    (v->now.notify & NOTIFY_SUCCESS);

	if (!told && !v->wider && (v->fate == FATE_NONE || v->is_written))
		return;
	if (told)
		v->now.notify &= ~(uint32_t)NOTIFY_SUCCESS;
	VEC_PUSH(w->m->a, &w->changes, ((struct queue_change){ i, v->now }));
}

static void
look_at(struct writing *w)
{
	size_t i;

	w->is_again = w->is_pending = w->j->added.n > 0;
	w->has_later = job_has_later(w->j);
	for (i = 0; i < w->j->item->n_recipients; i++) {
		const struct verdict *v = &w->j->verdicts[i];

		w->is_pending |= v->now.state == RECIPIENT_PENDING;
		w->is_again |= v->wider && v->fate == FATE_NONE;
		w->has_retry |= v->fate == FATE_RETRY;
		w->is_held |= v->fate == FATE_HELD;
		if (v->fate == FATE_HELD)
			w->reason = v->now.text;
	}
}

/* The wait never goes far beyond the end of the message's time. */
static int64_t
wait_of(const struct writing *w)
{
	int64_t left = w->j->item->expires_ms - db_time(w->m->db) + 1000;

	if (w->is_again)
		return 0;
	if (w->has_later && !w->has_retry)
		return mda_is_stopping(w->m) ? 0
					     : LATER_MS + rnd_below(LATER_MS);
	if (left < 1000)
		left = 1000;
	return w->step.wait_ms < left ? w->step.wait_ms : left;
}

static void
log_all(struct writing *w)
{
	size_t i;

	for (i = 0; i < w->j->item->n_recipients; i++) {
		const struct verdict *v = &w->j->verdicts[i];

		if (v->fate == FATE_FAILED || v->fate == FATE_RETRY ||
		    v->fate == FATE_EXPANDED || v->fate == FATE_HELD ||
		    (v->fate == FATE_DELIVERED && !v->is_written))
			log_outcome(w->m, w->j, v);
	}
	for (i = 0; i < w->reports.n; i++) {
		log_begin(LOG_AT_INFO, "made");
		log_str("queue", id_text(w->m, w->j->item));
		log_str("new", id_text(w->m, &w->reports.v[i]));
		log_str("to", w->reports.v[i].recipients[0].address);
		log_str("kind", w->reports.v[i].origin);
		log_end();
	}
}

/* New messages are due at once. */
static void
ring(const struct writing *w)
{
	size_t i;

	for (i = 0; i < w->reports.n; i++)
		doorbell_ring_mda(config_str(w->m->config, CFG_RUNTIME_DIR),
		    w->reports.v[i].bucket);
}

static bool
outcome_is_too_big(enum rc rc, const struct err *err)
{
	return rc == RC_BUG && strcmp(err->code, "5.3.4") == 0;
}

/*
 * Only what others took: that must not be repeated. What was refused is
 * written with its report, what a filter dropped with its answer, at the end
 * of the attempt.
 */
enum rc
outcome_progress(struct mda *m, struct job *j, struct err *err)
{
	size_t i, n = j->item->n_recipients, k = 0;
	struct queue_change *v = ARENA_ARRAY(m->a, n, struct queue_change);
	struct queue_outcome o = { .item = j->item, .changes = v };
	bool lost = false;
	enum rc rc;

	for (i = 0; i < n; i++) {
		const struct verdict *x = &j->verdicts[i];

		if (x->relayed == RELAYED_NO || x->is_written)
			continue;
		v[k] = (struct queue_change){ i, x->now };
		if (x->relayed == RELAYED_TO_DSN)
			v[k].now.notify &= ~(uint32_t)NOTIFY_SUCCESS;
		k++;
	}
	o.n_changes = k;
	if (k == 0)
		return RC_OK;
	rc = queue_write_outcome(m->db, &o, &lost, err);
	FAULT_POINT("mda-after-progress");
	if (outcome_is_too_big(rc, err)) {
		log_failure("outcome", err); /* the end of the attempt acts */
		return RC_OK;
	}
	for (i = 0; rc == RC_OK && !lost && i < k; i++) {
		log_outcome(m, j, &j->verdicts[v[i].recipient]);
		j->verdicts[v[i].recipient].is_written = true;
	}
	j->is_lost |= lost;
	return rc;
}

/*
 * The document cannot become what we want to make of it, and could not the
 * next time either. What did not arrive fails, so that somebody hears of it.
 */
static void
outcome_shrink(struct mda *m, struct job *j)
{
	size_t i;

	j->added.n = j->posts.n = 0;
	for (i = 0; i < j->item->n_recipients; i++) {
		struct verdict *v = &j->verdicts[i];

		if (v->fate == FATE_EXPANDED ||
		    v->now.state == RECIPIENT_PENDING)
			verdict_fail(m, v, 554, "5.3.4",
			    STR("Too large for the queue with all of its "
				"recipients"));
		v->now.transcript = STR("");
	}
}

static enum rc
outcome_write_once(
    struct mda *m, struct job *j, bool *ret_lost, struct err *err)
{
	struct writing w = { .m = m, .j = j,
		.step = retry_after(m->config, j->item->attempts) };
	struct queue_outcome o = { .item = j->item, .ends_attempt = true };
	size_t i;
	enum rc rc;

	look_at(&w);
	if ((rc = make_reports(&w, err)) != RC_OK)
		return rc;
	for (i = 0; i < j->posts.n; i++)
		VEC_PUSH(m->a, &w.reports, j->posts.v[i]);
	for (i = 0; i < j->item->n_recipients; i++)
		add_change(&w, i);
	o.changes = w.changes.v;
	o.n_changes = w.changes.n;
	o.added = j->added.v;
	o.n_added = j->added.n;
	o.is_expansion = w.is_again || (w.has_later && !w.has_retry);
	o.wait_ms = wait_of(&w);
	o.is_done = !w.is_pending;
	o.is_held = w.is_held;
	o.reason = w.reason;
	o.reports = w.reports.v;
	o.n_reports = w.reports.n;
	FAULT_POINT("mda-before-outcome");
	rc = queue_write_outcome(m->db, &o, ret_lost, err);
	FAULT_POINT("mda-after-outcome");
	if (rc == RC_OK && !*ret_lost) {
		log_all(&w);
		ring(&w);
		if (o.is_done)
			success_end(m, j->item);
	}
	return rc;
}

enum rc
outcome_write(struct mda *m, struct job *j, struct err *err)
{
	bool lost = false;
	enum rc rc;

	if (j->is_lost || j->is_finished)
		return RC_OK;
	rc = outcome_write_once(m, j, &lost, err);
	if (outcome_is_too_big(rc, err)) {
		log_failure("outcome", err);
		outcome_shrink(m, j);
		rc = outcome_write_once(m, j, &lost, err);
	}
	j->is_lost = lost;
	return rc;
}
