/* Remote delivery; see remote.h. */
#include "remote.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/rnd.h"
#include "client.h"
#include "db/limits.h"
#include "hosts.h"
#include "log/log.h"

#include "base/banned.h"

enum { OUTCOME_EVERY_MS = 500, ROOM_MS = 5000 };
/* Between two looks for room: many may wait for the same. */
enum { ROOM_FIRST_MS = 20, ROOM_LAST_MS = 640 };

struct courier {
	struct mda *m;
	struct dns *dns;
	struct client *client;  /* open session, to `open` */
	struct str open;        /* the key of a destination, "" = none */
	struct str host;        /* that it is with */
	struct str full;        /* a key that had no room for long */
	struct smtp_reply last;
	int64_t renew_at_ms;    /* the leases of what is left */
};

/* A place among the sessions to a destination is given back. */
static void
give_slot(struct courier *c, struct str key, bool is_dead)
{
	struct err err;

	if (slot_give(c->m->db, key, c->m->worker, is_dead,
		config_int(c->m->config, CFG_REMOTE_DEAD_WAIT), &err) !=
	    RC_OK)
		log_failure("limits", &err);
}

static void
hang_up(struct courier *c)
{
	if (!c->client)
		return;
	client_close(c->client);
	c->client = NULL;
	give_slot(c, c->open, false);
	c->open = STR("");
}

/* --- where to --------------------------------------------------------------------- */

static void
remote_try_host(struct courier *c, const struct destination *to,
    struct hosts *hosts, const struct host *host)
{
	struct client_target t = { host->name, host->address, host->port,
		to->tls, to->is_lmtp, host->is_by_dns, to->login,
		to->password };
	bool is_us = false;

	c->host = host->name;
	if (client_open(c->m, &t, &c->client, &c->last, &is_us) == RC_OK)
		c->open = to->key;
	else if (is_us)
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

	c->last = (struct smtp_reply){ .status = "4.4.1",
		.text = "No host could be reached" };
	if (!c->dns)
		rc = dns_new(config_str(c->m->config, CFG_DNS_SERVER),
		    &c->dns, err);
	if (rc != RC_OK)
		return RC_TEMP;
	rc = hosts_find(c->m, c->dns, to, &hosts, err);
	while (rc == RC_OK && !c->client &&
	    hosts_next(&hosts, &host, &c->last))
		remote_try_host(c, to, &hosts, &host);
	if (rc == RC_OK && !c->client)
		rc = hosts_end(&hosts, err);
	if (!c->client)
		give_slot(c, to->key, rc == RC_OK && c->last.code == 0);
	return rc;
}

/* A courier has time: a place may become free in a moment. */
static enum rc
wait_for_slot(struct courier *c, struct str key, enum slot_answer *ret,
    struct err *err)
{
	const struct config *config = c->m->config;
	int64_t deadline = clock_deadline(ROOM_MS), nap_ms = ROOM_FIRST_MS;
	enum rc rc;

	for (;;) {
		rc = slot_take(c->m->db, key, c->m->worker,
		    config_int(config, CFG_REMOTE_CONCURRENCY),
		    config_int(config, CFG_MDA_LEASE), ret, err);
		if (rc != RC_OK || *ret != SLOT_BUSY ||
		    clock_left_ms(deadline) == 0 || mda_is_stopping(c->m))
			return rc;
		clock_sleep(nap_ms / 2 + rnd_below((uint32_t)nap_ms));
		if (nap_ms < ROOM_LAST_MS)
			nap_ms *= 2;
	}
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
	if (wait_for_slot(c, to->key, &answer, err) != RC_OK) {
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
	if (!c->client)
		err->rc = RC_OK; /* c->last has it */
	return c->client ? OPEN : OPEN_NOT;
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
	if (c->client)
		v->now.transcript =
		    arena_dup_str(m->a, client_transcript(c->client));
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

static void
send_party(struct courier *c, struct job *j, const struct destination *to,
    const struct party *p)
{
	struct smtp_reply *replies =
	    ARENA_ARRAY(c->m->a, p->n, struct smtp_reply);
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
	rc = client_send(c->client, j->item, p->recipients, p->n, replies);
	FAULT_POINT("mda-remote-sent");
	for (i = 0; i < p->n; i++)
		take_reply(c, p->v[i], &replies[i]);
	if (rc != RC_OK)
		hang_up(c);
}

/*
 * What was sent must not be sent again: while the database is away the
 * outcome is tried for as long as the lease holds. Then the job is left to
 * the end of its lease.
 */
static enum rc
write_outcome(struct courier *c, struct job *j, struct err *err)
{
	int64_t deadline =
	    clock_deadline(config_int(c->m->config, CFG_MDA_LEASE) / 2);
	enum rc rc = outcome_write(c->m, j, err);

	while (rc == RC_TEMP && clock_left_ms(deadline) > 0) {
		log_failure("outcome", err);
		clock_sleep(OUTCOME_EVERY_MS);
		rc = outcome_write(c->m, j, err);
	}
	j->is_lost |= rc != RC_OK;
	return rc;
}

static enum rc
deliver_job(struct courier *c, struct job *j, struct err *err)
{
	const struct queue_item *item = j->item;
	struct destination to;
	struct party p;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < item->n_recipients; i++) {
		/* More than one transaction takes: the same one again. */
		while (rc == RC_OK && j->verdicts[i].fate == FATE_REMOTE) {
			rc = destination_of(
			    c->m, j, &j->verdicts[i], &to, err);
			if (rc == RC_OK)
				rc = gather(c, j, &to, &p, err);
			if (rc == RC_OK)
				send_party(c, j, &to, &p);
		}
	}
	if (rc == RC_OK && job_is_only_later(j))
		return RC_OK;
	if (rc == RC_OK)
		rc = write_outcome(c, j, err);
	j->is_finished = rc == RC_OK;
	return rc;
}

/*
 * Slow hosts must not let the leases of the others end: they are renewed
 * when a quarter of their time is over.
 */
static enum rc
renew(struct courier *c, struct job *const *jobs, size_t n, struct err *err)
{
	int64_t lease = config_int(c->m->config, CFG_MDA_LEASE);
	const struct queue_item **v;
	size_t i;

	if (clock_left_ms(c->renew_at_ms) > 0)
		return RC_OK;
	c->renew_at_ms = clock_deadline(lease / 4);
	v = ARENA_ARRAY(c->m->a, n, const struct queue_item *);
	for (i = 0; i < n; i++)
		v[i] = jobs[i]->item;
	return queue_renew(c->m->db, v, n, lease, err);
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
	struct courier c = { .m = m, .renew_at_ms = clock_deadline(
		config_int(m->config, CFG_MDA_LEASE) / 4) };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++) {
		if (mda_is_stopping(m))
			verdict_later(jobs[i]);
		else
			rc = renew(&c, jobs + i, n - i, err);
		if (rc == RC_OK)
			rc = deliver_job(&c, jobs[i], err);
	}
	hang_up(&c);
	dns_free(c.dns);
	return rc == RC_OK ? mda_put_off(m, jobs, n, err) : rc;
}
