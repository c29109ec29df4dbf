/* Remote delivery; see remote.h. */
#include "remote.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "client.h"
#include "hosts.h"
#include "log/log.h"

#include "base/banned.h"

enum {
	OUTCOME_EVERY_MS = 500,
	OUTCOME_STOP_MS = 5000, /* told to end */
	ROOM_MS = 5000,
};

struct courier {
	struct mda *m;
	struct dns *dns;
	struct client *client;  /* open session, to `open` */
	struct str open;        /* the key of a destination, "" = none */
	struct str host;        /* that it is with */
	struct str full;        /* a key that had no room for long */
	struct smtp_reply last;
	bool is_busy;           /* some address had no room */
	bool has_answered;      /* in the open session */
	bool was_committed;     /* the final dot went out for the last one */
};

static void
hang_up(struct courier *c)
{
	if (!c->client)
		return;
	client_close(c->client);
	c->client = NULL;
	place_give(c->m, c->has_answered ? SLOT_END_ANSWERED
					 : SLOT_END_NOTHING);
	c->open = STR("");
	c->has_answered = false;
}

/* --- where to --------------------------------------------------------------------- */

/* A host that has all the sessions that it gets is passed over. */
static void
remote_try_host(struct courier *c, const struct destination *to,
    struct hosts *hosts, const struct host *host)
{
	struct client_target t = { host->name, host->address, host->port,
		to->tls, to->is_lmtp, host->is_by_dns, to->login,
		to->password };
	enum slot_answer answer = SLOT_BUSY;
	bool is_us = false;
	struct err err;

	if (place_take_address(c->m, host->address, &answer, &err) != RC_OK)
		log_failure("limits", &err);
	if (answer != SLOT_GRANTED) {
		c->is_busy = true;
		return;
	}
	c->host = host->name;
	if (client_open(c->m, &t, &c->client, &c->last, &is_us) == RC_OK) {
		c->open = to->key;
		return;
	}
	place_give_address(c->m);
	if (is_us)
		hosts_cut(hosts);
}

/* RC_TEMP and RC_PERM with err; RC_OK: there is a client, or c->last. */
static enum rc
open_client(struct courier *c, const struct destination *to,
    struct err *err)
{
	struct hosts hosts;
	struct host host;
	enum rc rc = RC_OK;

	c->is_busy = false;
	c->last = (struct smtp_reply){ .status = "4.4.1",
		.text = "No host could be reached" };
	if (!c->dns)
		rc = dns_new(config_str(c->m->config, CFG_DNS_SERVER),
		    &c->dns, err);
	if (rc == RC_OK)
		rc = hosts_find(c->m, c->dns, to, &hosts, err);
	while (rc == RC_OK && !c->client && !mda_is_stopping(c->m) &&
	    hosts_next(&hosts, &host, &c->last))
		remote_try_host(c, to, &hosts, &host);
	if (rc == RC_OK && !c->client && !c->is_busy &&
	    !mda_is_stopping(c->m))
		rc = hosts_end(&hosts, err);
	if (!c->client)
		place_give(c->m, rc == RC_OK && c->last.code == 0 &&
				!c->is_busy && !mda_is_stopping(c->m)
			? SLOT_END_DEAD
			: SLOT_END_NOTHING);
	return rc;
}

enum opening { OPEN, OPEN_NOT, OPEN_LATER };

/* OPEN_NOT: err says why. */
static enum opening
open_session(struct courier *c, const struct destination *to,
    struct err *err)
{
	enum slot_answer answer;

	if (c->client && str_equals(c->open, to->key))
		return OPEN;
	hang_up(c);
	if (c->full.len && str_equals(c->full, to->key))
		return OPEN_LATER;
	if (place_take(c->m, to->key, ROOM_MS, &answer, err) != RC_OK) {
		log_failure("limits", err);
		return OPEN_LATER;
	}
	if (answer == SLOT_BUSY) {
		c->full = to->key;
		return OPEN_LATER;
	}
	if (answer == SLOT_DEAD) {
		err_set(err, RC_TEMP, "4.4.1",
		    "Nobody answers for %.*s; it is probed again in a while",
		    STR_ARG(to->key));
		return OPEN_NOT;
	}
	if (open_client(c, to, err) != RC_OK)
		return OPEN_NOT;
	if (c->client)
		return OPEN;
	if (c->is_busy || mda_is_stopping(c->m)) {
		c->full = to->key;
		return OPEN_LATER;
	}
	err->rc = RC_OK; /* c->last has it */
	return OPEN_NOT;
}

/* --- one message ------------------------------------------------------------------------- */

static void
take_reply(struct courier *c, struct verdict *v,
    const struct smtp_reply *r)
{
	struct mda *m = c->m;
	const char *status =
	    arena_dup_cstr(m->a, str_from_cstr(r->status));
	struct str text = str_from_cstr(r->text);

	v->now.host = c->host;
	if (client_verdict(r) == RC_PERM)
		verdict_fail(m, v, r->code, status, text);
	else
		verdict_retry(m, v, r->code, status, text);
	if (client_verdict(r) == RC_OK) {
		v->fate = FATE_DELIVERED;
		v->now.state = RECIPIENT_DELIVERED;
		v->relayed = client_has_dsn(c->client) ? RELAYED_TO_DSN
						       : RELAYED_SILENT;
	}
	v->now.transcript = STR("");
}

/*
 * What the session said is kept once, with the first recipient that it was
 * bad for: a thousand recipients have a thousand answers, not dialogs.
 */
static void
remote_keep_transcript(struct courier *c, struct verdict *v)
{
	if (c->client)
		v->now.transcript = arena_dup_str(
		    c->m->a, client_transcript(c->client));
}

/* The recipients of a job that go the same way. */
struct party {
	struct verdict **v;
	const struct queue_recipient **recipients;
	size_t n;
};

static enum rc
gather(struct courier *c, struct job *j, const struct destination *to,
    struct party *ret, struct err *err)
{
	size_t i, n = j->item->n_recipients;
	struct arena *a = c->m->a;
	enum rc rc = RC_OK;

	ret->v = ARENA_ARRAY(a, n, struct verdict *);
	ret->recipients = ARENA_ARRAY(a, n, const struct queue_recipient *);
	ret->n = 0;
	for (i = 0; rc == RC_OK && i < n; i++) {
		struct verdict *v = &j->verdicts[i];
		struct destination other;

		if (v->fate != FATE_REMOTE)
			continue;
		rc = destination_of(c->m, j, v, &other, err);
		if (rc != RC_OK || !str_equals(other.key, to->key) ||
		    ret->n == CLIENT_RECIPIENTS)
			continue;
		ret->recipients[ret->n] = &v->now;
		ret->v[ret->n++] = v;
	}
	return rc;
}

/*
 * No session: a host that greets with 554 is out of order, and so is one
 * that refuses our name or login; the mail itself was not refused.
 */
static void
refuse_party(struct courier *c, const struct party *p, const struct err *err)
{
	bool has_reply = err->rc == RC_OK;
	const char *status = arena_dup_cstr(c->m->a,
	    str_from_cstr(has_reply ? c->last.status : err->code));
	struct str text =
	    str_from_cstr(has_reply ? c->last.text : err->text);
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (has_reply && c->last.code)
			p->v[i]->now.host = c->host;
		if (err->rc == RC_PERM)
			verdict_fail(c->m, p->v[i], 550, status, text);
		else
			verdict_retry(c->m, p->v[i],
			    has_reply ? c->last.code : 0, status, text);
	}
}

/* More than one is over: told to end, or the lease is lost. */
static bool
remote_is_over(const struct courier *c, const struct job *j)
{
	return mda_is_stopping(c->m) || !lease_is_ours(j);
}

/*
 * The answers of one transaction. Who came to it too many is sent to in the
 * next one, as long as each delivers something. Told to end before anybody
 * answered for the message: nothing was tried.
 */
static void
remote_take_replies(struct courier *c, struct job *j, const struct party *p,
    const struct smtp_reply *replies, const bool *surplus)
{
	size_t i, n_done = 0;
	bool has_transcript = false;

	for (i = 0; i < p->n; i++)
		n_done += client_verdict(&replies[i]) == RC_OK;
	for (i = 0; i < p->n; i++) {
		struct verdict *v = p->v[i];

		if (surplus[i] && n_done && replies[i].code == 452)
			continue;
		if (replies[i].code == 0 && remote_is_over(c, j) &&
		    !c->was_committed) {
			v->fate = FATE_LATER;
			continue;
		}
		take_reply(c, v, &replies[i]);
		if (v->fate != FATE_DELIVERED && !has_transcript) {
			remote_keep_transcript(c, v);
			has_transcript = true;
		}
		c->has_answered |= replies[i].code != 0;
	}
}

static void
send_party(struct courier *c, struct job *j, const struct destination *to,
    const struct party *p)
{
	struct smtp_reply *replies =
	    ARENA_ARRAY(c->m->a, p->n, struct smtp_reply);
	bool *surplus = ARENA_ARRAY(c->m->a, p->n, bool);
	struct err err = { .rc = RC_OK };
	enum opening opening = open_session(c, to, &err);
	enum rc rc;
	size_t i;

	if (opening == OPEN_NOT)
		refuse_party(c, p, &err);
	for (i = 0; opening == OPEN_LATER && i < p->n; i++)
		p->v[i]->fate = FATE_LATER;
	if (opening != OPEN)
		return;
	rc = client_send(c->client, j->item, p->recipients, p->n, replies,
	    surplus, &c->was_committed);
	FAULT_POINT("mda-remote-sent");
	remote_take_replies(c, j, p, replies, surplus);
	if (rc != RC_OK)
		hang_up(c);
}

/*
 * What was sent must not be sent again: while the database is away the
 * outcome is tried again and again, and the fence tells whether another one
 * has the message since.
 */
static enum rc
remote_write(struct courier *c, struct job *j,
    enum rc (*write)(struct mda *, struct job *, struct err *),
    struct err *err)
{
	int64_t start_ms = clock_mono_ms(), max_ms;
	enum rc rc;

	while ((rc = write(c->m, j, err)) == RC_TEMP) {
		log_failure("outcome", err);
		max_ms = mda_is_stopping(c->m)
		    ? OUTCOME_STOP_MS
		    : config_int(c->m->config, CFG_REMOTE_TIMEOUT_MESSAGE);
		if (clock_mono_ms() - start_ms > max_ms)
			break;
		clock_sleep(OUTCOME_EVERY_MS);
	}
	j->is_lost |= rc != RC_OK;
	return rc;
}

static bool
remote_has_more(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_REMOTE)
			return true;
	}
	return false;
}

/* One transaction, and what it delivered is written before the next. */
static enum rc
remote_step(struct courier *c, struct job *j, struct verdict *first,
    struct err *err)
{
	struct destination to;
	struct party p;
	enum rc rc = destination_of(c->m, j, first, &to, err);

	if (rc == RC_OK)
		rc = gather(c, j, &to, &p, err);
	if (rc == RC_OK)
		send_party(c, j, &to, &p);
	if (rc == RC_OK && remote_has_more(j) && !j->is_lost)
		rc = remote_write(c, j, outcome_progress, err);
	return rc;
}

/* All of its time has gone: the rest waits as if it had been refused. */
static void
remote_give_up(struct courier *c, struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_REMOTE)
			verdict_retry(c->m, &j->verdicts[i], 0, "4.4.2",
			    STR("The time for one message was over"));
	}
}

static enum rc
deliver_job(struct courier *c, struct job *j, struct err *err)
{
	const struct queue_item *item = j->item;
	int64_t max_ms =
	    config_int(c->m->config, CFG_REMOTE_TIMEOUT_MESSAGE);
	int64_t until_ms = clock_deadline(max_ms);
	enum rc rc = RC_OK;
	size_t i;

	lease_work(c->m, j, max_ms);
	for (i = 0; rc == RC_OK && i < item->n_recipients; i++) {
		/* More than one transaction takes: the same one again. */
		while (rc == RC_OK && j->verdicts[i].fate == FATE_REMOTE &&
		    !remote_is_over(c, j) && clock_left_ms(until_ms) > 0)
			rc = remote_step(c, j, &j->verdicts[i], err);
	}
	lease_work(c->m, NULL, 0);
	if (remote_is_over(c, j))
		verdict_later(j);
	else
		remote_give_up(c, j);
	if (rc == RC_OK && job_is_only_later(j))
		return RC_OK;
	if (rc == RC_OK)
		rc = remote_write(c, j, outcome_write, err);
	j->is_finished = rc == RC_OK && !j->is_lost;
	return rc;
}

bool
remote_is_wanted(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_REMOTE)
			return !j->is_lost && !j->is_finished;
	}
	return false;
}

enum rc
remote_deliver(
    struct mda *m, struct job *const *jobs, size_t n, struct err *err)
{
	struct courier c = { .m = m };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++) {
		if (mda_is_stopping(m) || !lease_is_ours(jobs[i]))
			verdict_later(jobs[i]);
		else
			rc = deliver_job(&c, jobs[i], err);
	}
	hang_up(&c);
	dns_free(c.dns);
	return rc == RC_OK ? mda_put_off(m, jobs, n, err) : rc;
}
