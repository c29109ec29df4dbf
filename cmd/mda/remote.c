/*
 * Remote delivery (RFC 5321 5.1): for each message and destination all
 * recipients in one session; hosts by preference, every address tried; the
 * session is kept for the next message to the same destination.
 */
#include "remote.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/num.h"
#include "client.h"
#include "dns/dns.h"

#include "base/banned.h"

struct destination {
	struct str domain;      /* lower case, or the route */
	struct str route;       /* "" = by MX */
	enum tls_policy tls;
	bool is_backup;         /* only hosts better than this one */
};

struct courier {
	struct mda *m;
	struct dns *dns;
	struct client *client;  /* open session, to `open` */
	struct str open;
	struct str host;        /* that it is with */
	struct client_reply last;
};

static void
hang_up(struct courier *c)
{
	client_close(c->client);
	c->client = NULL;
	c->open = STR("");
}

/* --- where to --------------------------------------------------------------------- */

static struct destination
destination_of(struct mda *m, const struct verdict *v)
{
	const struct domain *d = v->answer.domain;
	struct destination to = {
		.domain = arena_dup_lower(m->a, v->to.domain),
		.route = config_str(m->config, CFG_REMOTE_ROUTE),
		.tls = d ? d->tls : TLS_MAY,
		.is_backup = v->answer.verdict == RCPT_BACKUP,
	};

	if (d && d->route.len)
		to.route = d->route;
	return to;
}

/* "host", "host:port", "[v6]:port" */
static void
split_route(struct mda *m, struct str route, struct str *ret_host,
    uint16_t *ret_port)
{
	size_t colon = str_find_last_char(route, ':');
	uint64_t port = (uint64_t)config_int(m->config, CFG_REMOTE_PORT);

	*ret_host = route;
	if (colon < route.len && !str_ends_with(route, STR("]")) &&
	    num_parse_u64(str_tail(route, colon + 1), 65535, &port))
		*ret_host = str_slice(route, 0, colon);
	*ret_port = (uint16_t)port;
}

static bool
is_literal(struct str host)
{
	return host.len && (host.p[0] == '[' ||
	    (host.p[host.len - 1] >= '0' && host.p[host.len - 1] <= '9'));
}

static struct str
literal_address(struct str host)
{
	if (host.p[0] != '[')
		return host;
	host = str_slice(host, 1, host.len - 2);
	return str_starts_with_nocase(host, STR("IPv6:"))
	    ? str_tail(host, 5)
	    : host;
}

static bool
try_address(struct courier *c, const struct destination *to, struct str host,
    struct str address, uint16_t port)
{
	if (client_open(c->m, host, address, port, to->tls, &c->client,
		&c->last) != RC_OK)
		return false;
	c->open = arena_join3(c->m->a, to->domain, STR(" "), to->route);
	c->host = host;
	return true;
}

/* Every address of a host. */
static bool
try_host(struct courier *c, const struct destination *to, struct str host,
    uint16_t port)
{
	struct str *v;
	struct err err;
	size_t n, i;

	if (is_literal(host))
		return try_address(
		    c, to, host, literal_address(host), port);
	if (dns_addresses(c->dns, c->m->a, host, &v, &n, &err) != RC_OK) {
		snprintf(c->last.text, sizeof(c->last.text), "%s", err.text);
		snprintf(c->last.status, sizeof(c->last.status), "4.4.4");
		return false;
	}
	if (n == 0)
		snprintf(c->last.text, sizeof(c->last.text),
		    "%.*s has no address", STR_ARG(host));
	for (i = 0; i < n; i++) {
		if (try_address(c, to, host, v[i], port))
			return true;
	}
	return false;
}

/* We are in the list: only what is better is nearer to the goal. */
static size_t
cut_at_ourselves(const struct mda *m, const struct dns_mx_list *l)
{
	size_t i, n = l->n;

	for (i = 0; i < n; i++) {
		if (!str_equals_nocase(l->v[i].host, m->p->hostname))
			continue;
		for (n = 0; n < i; n++) {
			if (l->v[n].preference >= l->v[i].preference)
				break;
		}
	}
	return n;
}

/* RC_PERM and RC_TEMP with err; RC_OK with no client: try again later. */
static enum rc
open_by_mx(struct courier *c, const struct destination *to, struct err *err)
{
	uint16_t port = (uint16_t)config_int(c->m->config, CFG_REMOTE_PORT);
	struct dns_mx_list l;
	size_t i, n;
	enum rc rc;

	if (is_literal(to->domain) && to->domain.p[0] == '[') {
		(void)try_host(c, to, to->domain, port);
		return RC_OK;
	}
	rc = dns_mx(c->dns, c->m->a, to->domain, &l, err);
	if (rc != RC_OK)
		return rc;
	if (l.is_null)
		return err_set(err, RC_PERM, "5.1.10",
		    "%.*s accepts no mail (null MX)", STR_ARG(to->domain));
	if (l.n == 0) {
		(void)try_host(c, to, to->domain, port);
		return RC_OK;
	}
	n = cut_at_ourselves(c->m, &l);
	if (n == 0)
		return err_set(err, RC_PERM, "5.4.6",
		    "The mail for %.*s comes back to this host",
		    STR_ARG(to->domain));
	for (i = 0; i < n && !c->client; i++)
		(void)try_host(c, to, l.v[i].host, port);
	return RC_OK;
}

static enum rc
open_session(struct courier *c, const struct destination *to,
    struct err *err)
{
	struct str key =
	    arena_join3(c->m->a, to->domain, STR(" "), to->route);
	struct str host;
	uint16_t port;

	if (c->client && str_equals(c->open, key))
		return RC_OK;
	hang_up(c);
	c->last = (struct client_reply){ .status = "4.4.1",
		.text = "No host could be reached" };
	if (!c->dns &&
	    dns_new(config_str(c->m->config, CFG_DNS_SERVER), &c->dns,
		err) != RC_OK)
		return RC_TEMP;
	if (to->route.len == 0)
		return open_by_mx(c, to, err);
	split_route(c->m, to->route, &host, &port);
	(void)try_host(c, to, host, port);
	return RC_OK;
}

/* --- one message ------------------------------------------------------------------------- */

static void
take_reply(struct courier *c, struct verdict *v,
    const struct client_reply *r)
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
	}
	if (c->client)
		v->now.transcript =
		    arena_dup_str(m->a, client_transcript(c->client));
}

struct party {
	struct verdict **v;
	struct str *addresses;
	size_t n;
};

/* The recipients of a job that go the same way as `first`. */
static struct party
gather(struct mda *m, struct job *j, const struct destination *to,
    size_t first)
{
	size_t i, n = j->item->n_recipients;
	struct party p = { ARENA_ARRAY(m->a, n, struct verdict *),
		ARENA_ARRAY(m->a, n, struct str), 0 };

	for (i = first; i < n; i++) {
		struct verdict *v = &j->verdicts[i];
		struct destination other;

		if (v->fate != FATE_REMOTE)
			continue;
		other = destination_of(m, v);
		if (!str_equals(other.domain, to->domain) ||
		    !str_equals(other.route, to->route))
			continue;
		p.v[p.n] = v;
		p.addresses[p.n++] = v->now.address;
	}
	return p;
}

static enum rc
send_party(struct courier *c, struct job *j, const struct destination *to,
    const struct party *p)
{
	struct client_reply *replies =
	    ARENA_ARRAY(c->m->a, p->n, struct client_reply);
	struct err err = { .rc = RC_OK };
	enum rc rc = open_session(c, to, &err);
	size_t i;

	for (i = 0; i < p->n && rc != RC_OK; i++) {
		const char *status = arena_dup_cstr(
		    c->m->a, str_from_cstr(err.code));

		if (rc == RC_PERM)
			verdict_fail(c->m, p->v[i], 550, status,
			    str_from_cstr(err.text));
		else
			verdict_retry(c->m, p->v[i], 0, status,
			    str_from_cstr(err.text));
	}
	if (rc != RC_OK)
		return RC_OK;
	rc = RC_TEMP;
	for (i = 0; i < p->n && !c->client; i++)
		replies[i] = c->last;
	if (c->client)
		rc = client_send(
		    c->client, j->item, p->addresses, p->n, replies, &err);
	FAULT_POINT("mda-remote-sent");
	for (i = 0; i < p->n; i++)
		take_reply(c, p->v[i], &replies[i]);
	if (rc != RC_OK)
		hang_up(c);
	return RC_OK;
}

static enum rc
deliver_job(struct courier *c, struct job *j, struct err *err)
{
	const struct queue_item *item = j->item;
	bool has_remote = false;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < item->n_recipients; i++) {
		struct destination to;
		struct party p;

		if (j->verdicts[i].fate != FATE_REMOTE)
			continue;
		has_remote = true;
		to = destination_of(c->m, &j->verdicts[i]);
		p = gather(c->m, j, &to, i);
		rc = send_party(c, j, &to, &p);
	}
	/* Written at once: what was sent must not be sent again. */
	if (rc == RC_OK && has_remote) {
		rc = outcome_write(c->m, j, err);
		j->is_finished = rc == RC_OK;
	}
	return rc;
}

/* Slow hosts must not let the leases of the others end. */
static enum rc
renew(struct mda *m, struct job *jobs, size_t n, struct err *err)
{
	const struct queue_item **v =
	    ARENA_ARRAY(m->a, n, const struct queue_item *);
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (!jobs[i].is_finished && !jobs[i].is_lost)
			v[k++] = jobs[i].item;
	}
	return queue_renew(
	    m->db, v, k, config_int(m->config, CFG_MDA_LEASE), err);
}

static bool
has_remote(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_REMOTE)
			return true;
	}
	return false;
}

enum rc
remote_deliver(struct mda *m, struct job *jobs, size_t n, struct err *err)
{
	struct courier c = { .m = m };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++) {
		if (jobs[i].is_lost || jobs[i].is_finished ||
		    !has_remote(&jobs[i]))
			continue;
		rc = renew(m, jobs + i, n - i, err);
		if (rc == RC_OK)
			rc = deliver_job(&c, &jobs[i], err);
	}
	hang_up(&c);
	dns_free(c.dns);
	return rc;
}
