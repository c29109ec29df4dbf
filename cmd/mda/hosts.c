/* Hosts of a destination; see hosts.h. */
#include "hosts.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/cidr.h"
#include "net/own.h"
#include "smtp/path.h"

#include "base/banned.h"

struct special {
	struct str network;
	bool is_us;
};

/* Nobody's host is there that the DNS may lead mail to. */
static const struct special hosts_specials[] = {
	{ STR_INIT("0.0.0.0/8"), true },
	{ STR_INIT("127.0.0.0/8"), true },
	{ STR_INIT("169.254.0.0/16"), false },
	{ STR_INIT("224.0.0.0/3"), false },
	{ STR_INIT("::/127"), true }, /* unspecified and loopback */
	{ STR_INIT("::ffff:0:0/96"), false },
	{ STR_INIT("fe80::/10"), false },
	{ STR_INIT("ff00::/8"), false },
};

static bool
hosts_is_allowed(const struct mda *m, struct str address)
{
	const struct config_value *v =
	    &m->config->v[CFG_REMOTE_ALLOW_NETWORKS];
	size_t i;

	for (i = 0; i < v->count; i++) {
		if (cidr_matches(v->list[i], address))
			return true;
	}
	return false;
}

/* NULL: an address like any other. */
static const struct special *
hosts_special(struct str address)
{
	size_t i, n = sizeof(hosts_specials) / sizeof(*hosts_specials);

	for (i = 0; i < n; i++) {
		if (cidr_matches(hosts_specials[i].network, address))
			return &hosts_specials[i];
	}
	return NULL;
}

/* An address as it stands: dotted quad, IPv6, either in brackets, a path. */
static bool
hosts_parse_address(struct str host, struct str *ret_address)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char octets[16];
	bool is_bracketed = host.len > 2 && host.p[0] == '[' &&
	    host.p[host.len - 1] == ']';

	if (is_bracketed)
		host = str_slice(host, 1, host.len - 2);
	if (is_bracketed && str_starts_with_nocase(host, STR("IPv6:")))
		host = str_tail(host, 5);
	*ret_address = host;
	if (host.len && host.p[0] == '/')
		return true;
	if (host.len == 0 || host.len >= sizeof(text) ||
	    str_has_char(host, '\0'))
		return false;
	memcpy(text, host.p, host.len);
	text[host.len] = '\0';
	return inet_pton(AF_INET, text, octets) == 1 ||
	    inet_pton(AF_INET6, text, octets) == 1;
}

/* We are in the list: only what is better is nearer to the goal. */
static void
hosts_cut_at(struct hosts *h, size_t i)
{
	for (h->n_names = 0; h->n_names < i; h->n_names++) {
		if (h->names[h->n_names].preference >= h->names[i].preference)
			break;
	}
	h->is_us = true;
}

static void
hosts_cut_at_our_name(struct hosts *h)
{
	size_t i;

	for (i = 0; i < h->n_names; i++) {
		if (str_equals_nocase(
			h->names[i].host, h->m->p->hostname))
			hosts_cut_at(h, i);
	}
}

static void
hosts_only(struct hosts *h, struct str name)
{
	h->names = ARENA_NEW(h->m->a, struct dns_mx);
	h->names[0].host = name;
	h->n_names = 1;
}

static enum rc
hosts_by_mx(struct hosts *h, struct str domain, struct err *err)
{
	struct dns_mx_list l;
	enum rc rc;

	h->is_by_dns = true;
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
	h->names = l.v;
	h->n_names = l.n;
	hosts_cut_at_our_name(h);
	return h->n_names ? RC_OK : hosts_end(h, err);
}

enum rc
hosts_find(struct mda *m, struct dns *dns, const struct destination *to,
    struct hosts *ret, struct err *err)
{
	struct str name;

	*ret = (struct hosts){ .m = m, .dns = dns, .domain = to->domain,
		.refused = STR(""),
		.port = (uint16_t)config_int(m->config, CFG_REMOTE_PORT) };
	if (to->route.len == 0)
		return hosts_by_mx(ret, to->domain, err);
	destination_split(m, to->route, &name, &ret->port);
	hosts_only(ret, name);
	return RC_OK;
}

/* --- one name ----------------------------------------------------------------------- */

/* There may be one later. */
static void
hosts_note(struct hosts *h, struct smtp_reply *last, const char *text)
{
	struct str name = h->names[h->next_name - 1].host;

	h->is_tried = true;
	*last = (struct smtp_reply){ .status = "4.4.4" };
	snprintf(last->text, sizeof(last->text), "%.*s: %s", STR_ARG(name),
	    text);
}

/* The addresses of a name; none of it: *last says why. */
static void
hosts_look_up(struct hosts *h, struct str name, struct smtp_reply *last)
{
	struct str literal;
	struct err err;

	h->n_addresses = 0;
	if (hosts_parse_address(name, &literal) &&
	    !(h->is_by_dns && str_has_char(literal, '/'))) {
		h->addresses = ARENA_NEW(h->m->a, struct str);
		h->addresses[0] = literal;
		h->n_addresses = 1;
	} else if (h->is_by_dns && !path_is_host(name)) {
		hosts_note(h, last, "that is no name of a host");
	} else if (dns_addresses(h->dns, h->m->a, name, &h->addresses,
		       &h->n_addresses, &err) != RC_OK) {
		h->n_addresses = 0;
		hosts_note(h, last, err.text);
	} else if (h->n_addresses == 0) {
		hosts_note(h, last, "it has no address");
	}
}

/* What comes by the DNS is looked at; what is ours ends the list. */
static void
hosts_sift(struct hosts *h)
{
	size_t i, n = 0;

	for (i = 0; h->is_by_dns && i < h->n_addresses; i++) {
		struct str address = h->addresses[i];
		const struct special *special = hosts_special(address);

		if (hosts_is_allowed(h->m, address)) {
			h->addresses[n++] = address;
		} else if ((special && special->is_us) || own_has(address)) {
			hosts_cut_at(h, h->next_name - 1);
			n = 0;
			break;
		} else if (special) {
			h->refused = address;
		} else {
			h->addresses[n++] = address;
		}
	}
	if (h->is_by_dns)
		h->n_addresses = n;
}

bool
hosts_next(struct hosts *h, struct host *ret_host, struct smtp_reply *last)
{
	while (h->next_address == h->n_addresses) {
		if (h->next_name >= h->n_names)
			return false;
		h->next_address = 0;
		hosts_look_up(h, h->names[h->next_name++].host, last);
		hosts_sift(h);
	}
	*ret_host = (struct host){
		.name = h->names[h->next_name - 1].host,
		.address = h->addresses[h->next_address++],
		.port = h->port,
		.is_by_dns = h->is_by_dns,
	};
	h->is_tried = true;
	return true;
}

void
hosts_cut(struct hosts *h)
{
	size_t i = h->next_name - 1;

	hosts_cut_at(h, i);
	h->next_address = h->n_addresses = 0;
	/* Whether another was tried: the better ones, or equals before it. */
	h->is_tried = i > 0;
}

enum rc
hosts_end(const struct hosts *h, struct err *err)
{
	if (h->is_tried)
		return RC_OK;
	if (h->is_us)
		return err_set(err, RC_PERM, "5.4.6",
		    "The mail for %.*s loops back to this host",
		    STR_ARG(h->domain));
	if (h->refused.len)
		return err_set(err, RC_PERM, "5.4.4",
		    "The DNS leads the mail for %.*s to %.*s, where none may "
		    "go (remote.allow.networks)", STR_ARG(h->domain),
		    STR_ARG(h->refused));
	return RC_OK;
}
