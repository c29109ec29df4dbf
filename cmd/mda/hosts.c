/* Hosts of a destination; see hosts.h. */
#include "hosts.h"

#include <stdio.h>

#include "base/banned.h"

static bool
hosts_is_literal(struct str host)
{
	return host.len && (host.p[0] == '[' || host.p[0] == '/' ||
	    (host.p[host.len - 1] >= '0' && host.p[host.len - 1] <= '9'));
}

static struct str
hosts_literal_address(struct str host)
{
	if (host.p[0] != '[')
		return host;
	host = str_slice(host, 1, host.len - 2);
	return str_starts_with_nocase(host, STR("IPv6:"))
	    ? str_tail(host, 5)
	    : host;
}

/* We are in the list: only what is better is nearer to the goal. */
static size_t
hosts_cut_at_ourselves(const struct mda *m, const struct dns_mx_list *l)
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

static void
hosts_only(struct hosts *h, struct str name)
{
	h->names = ARENA_NEW(h->m->a, struct str);
	h->names[0] = name;
	h->n_names = 1;
}

static enum rc
hosts_by_mx(struct hosts *h, struct str domain, struct err *err)
{
	struct dns_mx_list l;
	size_t i;
	enum rc rc;

	if (domain.len && domain.p[0] == '[') {
		hosts_only(h, domain);
		return RC_OK;
	}
	rc = dns_mx(h->dns, h->m->a, domain, &l, err);
	if (rc != RC_OK)
		return rc;
	if (l.is_null)
		return err_set(err, RC_PERM, "5.1.10",
		    "%.*s accepts no mail (null MX)", STR_ARG(domain));
	if (l.n == 0) {
		hosts_only(h, domain);
		return RC_OK;
	}
	h->n_names = hosts_cut_at_ourselves(h->m, &l);
	if (h->n_names == 0)
		return err_set(err, RC_PERM, "5.4.6",
		    "The mail for %.*s comes back to this host",
		    STR_ARG(domain));
	h->names = ARENA_ARRAY(h->m->a, h->n_names, struct str);
	for (i = 0; i < h->n_names; i++)
		h->names[i] = l.v[i].host;
	return RC_OK;
}

enum rc
hosts_find(struct mda *m, struct dns *dns, const struct destination *to,
    struct hosts *ret, struct err *err)
{
	struct str name;

	*ret = (struct hosts){ .m = m, .dns = dns,
		.port = (uint16_t)config_int(m->config, CFG_REMOTE_PORT) };
	if (to->route.len == 0)
		return hosts_by_mx(ret, to->domain, err);
	destination_split(m, to->route, &name, &ret->port);
	hosts_only(ret, name);
	return RC_OK;
}

/* The addresses of a name; none of it: *last says why. */
static void
hosts_look_up(struct hosts *h, struct str name, struct smtp_reply *last)
{
	struct err err;

	h->next_address = h->n_addresses = 0;
	if (hosts_is_literal(name)) {
		h->addresses = ARENA_NEW(h->m->a, struct str);
		h->addresses[0] = hosts_literal_address(name);
		h->n_addresses = 1;
	} else if (dns_addresses(h->dns, h->m->a, name, &h->addresses,
		       &h->n_addresses, &err) != RC_OK) {
		h->n_addresses = 0;
		snprintf(last->text, sizeof(last->text), "%s", err.text);
		snprintf(last->status, sizeof(last->status), "4.4.4");
	} else if (h->n_addresses == 0) {
		snprintf(last->text, sizeof(last->text),
		    "%.*s has no address", STR_ARG(name));
	}
}

bool
hosts_next(struct hosts *h, struct host *ret_host, struct smtp_reply *last)
{
	while (h->next_address == h->n_addresses) {
		if (h->next_name == h->n_names)
			return false;
		hosts_look_up(h, h->names[h->next_name++], last);
	}
	ret_host->name = h->names[h->next_name - 1];
	ret_host->address = h->addresses[h->next_address++];
	ret_host->port = h->port;
	return true;
}
