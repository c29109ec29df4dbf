/* DNS by ldns; see dns.h. */
#include <ldns/ldns.h>

#include "base/num.h"
#include "base/rnd.h"
#include "base/vec.h"
#include "dns/dns.h"

#include "base/banned.h"

enum { TIMEOUT_S = 5, TRIES = 2, MAX_ANSWERS = 64 };

struct dns {
	ldns_resolver *resolver;
};

static bool
use_server(ldns_resolver *r, struct str server)
{
	size_t colon = str_find_last_char(server, ':');
	bool is_v6 = str_find_char(server, ':') != colon;
	char text[64];
	ldns_rdf *address;
	uint64_t port;

	if (colon < server.len && !is_v6) {
		if (!num_parse_u64(str_tail(server, colon + 1), 65535, &port))
			return false;
		ldns_resolver_set_port(r, (uint16_t)port);
		server = str_slice(server, 0, colon);
	}
	if (server.len >= sizeof(text))
		return false;
	memcpy(text, server.p, server.len);
	text[server.len] = '\0';
	address = ldns_rdf_new_frm_str(
	    is_v6 ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A, text);
	if (!address)
		return false;
	ldns_resolver_push_nameserver(r, address);
	ldns_rdf_deep_free(address);
	return true;
}

enum rc
dns_new(struct str server, struct dns **ret_dns, struct err *err)
{
	struct timeval timeout = { TIMEOUT_S, 0 };
	ldns_resolver *r = NULL;
	struct dns *d;

	if (server.len == 0) {
		if (ldns_resolver_new_frm_file(&r, NULL) != LDNS_STATUS_OK)
			return err_set(err, RC_TEMP, "4.4.3",
			    "/etc/resolv.conf cannot be read");
	} else {
		r = ldns_resolver_new();
		if (!r || !use_server(r, server)) {
			ldns_resolver_deep_free(r);
			return err_set(err, RC_PERM, "",
			    "dns.server: %.*s is no address",
			    STR_ARG(server));
		}
	}
	ldns_resolver_set_timeout(r, timeout);
	ldns_resolver_set_retry(r, TRIES);
	ldns_resolver_set_recursive(r, true);
	ldns_resolver_set_dnsrch(r, false);
	ldns_resolver_set_defnames(r, false);
	d = mem_alloc(sizeof(*d));
	d->resolver = r;
	*ret_dns = d;
	return RC_OK;
}

void
dns_free(struct dns *d)
{
	if (!d)
		return;
	ldns_resolver_deep_free(d->resolver);
	mem_free(d);
}

static enum rc
judge(const ldns_pkt *packet, struct str name, struct err *err)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);

	if (rcode == LDNS_RCODE_NOERROR)
		return RC_OK;
	if (rcode == LDNS_RCODE_NXDOMAIN)
		return err_set(err, RC_PERM, "5.1.2",
		    "There is no domain %.*s", STR_ARG(name));
	return err_set(err, RC_TEMP, "4.4.3", "DNS: no good answer for %.*s",
	    STR_ARG(name));
}

/* *ret_packet: a good answer, to be freed. */
static enum rc
query(struct dns *d, struct arena *a, struct str name, ldns_rr_type type,
    ldns_pkt **ret_packet, struct err *err)
{
	ldns_rdf *dname = ldns_dname_new_frm_str(arena_dup_cstr(a, name));
	ldns_pkt *packet = NULL;
	enum rc rc;

	if (!dname)
		return err_set(err, RC_PERM, "5.1.2",
		    "%.*s is no domain name", STR_ARG(name));
	if (ldns_resolver_query_status(&packet, d->resolver, dname, type,
		LDNS_RR_CLASS_IN, LDNS_RD) != LDNS_STATUS_OK ||
	    !packet)
		rc = err_set(err, RC_TEMP, "4.4.3", "DNS: no answer for %.*s",
		    STR_ARG(name));
	else
		rc = judge(packet, name, err);
	ldns_rdf_deep_free(dname);
	if (rc == RC_OK)
		*ret_packet = packet;
	else
		ldns_pkt_free(packet);
	return rc;
}

/* A field as text, without a last dot. */
static struct str
field_text(struct arena *a, const ldns_rdf *field)
{
	char *text = ldns_rdf2str(field);
	struct str s = arena_dup_str(a, str_from_cstr(text));

	LDNS_FREE(text);
	if (s.len && s.p[s.len - 1] == '.')
		s.len--;
	return arena_dup_str(a, s);
}

static void
sort_mx(struct dns_mx *v, size_t n)
{
	size_t i, k;

	for (i = n; i > 1; i--) {
		struct dns_mx x = v[i - 1];

		k = rnd_below((uint32_t)i);
		v[i - 1] = v[k];
		v[k] = x;
	}
	for (i = 1; i < n; i++) {
		struct dns_mx x = v[i];

		for (k = i; k && v[k - 1].preference > x.preference; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static void
collect_mx(
    struct arena *a, const ldns_pkt *packet, struct dns_mx_list *ret)
{
	VEC(struct dns_mx) all = { 0 };
	ldns_rr_list *list = ldns_pkt_rr_list_by_type(
	    packet, LDNS_RR_TYPE_MX, LDNS_SECTION_ANSWER);
	size_t i;

	for (i = 0; list && i < ldns_rr_list_rr_count(list) &&
	     i < MAX_ANSWERS;
	     i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		struct dns_mx mx;

		if (ldns_rr_rd_count(rr) < 2)
			continue;
		mx.preference = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
		mx.host = field_text(a, ldns_rr_rdf(rr, 1));
		VEC_PUSH(a, &all, mx);
	}
	ldns_rr_list_deep_free(list);
	sort_mx(all.v, all.n);
	*ret = (struct dns_mx_list){ .v = all.v, .n = all.n };
	ret->is_null = all.n == 1 && all.v[0].host.len == 0;
}

enum rc
dns_mx(struct dns *d, struct arena *a, struct str name,
    struct dns_mx_list *ret, struct err *err)
{
	ldns_pkt *packet = NULL;
	enum rc rc = query(d, a, name, LDNS_RR_TYPE_MX, &packet, err);

	if (rc != RC_OK)
		return rc;
	collect_mx(a, packet, ret);
	ldns_pkt_free(packet);
	return RC_OK;
}

struct texts {
	VEC(struct str) all;
};

static void
collect_addresses(struct arena *a, const ldns_pkt *packet, ldns_rr_type type,
    struct texts *t)
{
	ldns_rr_list *list =
	    ldns_pkt_rr_list_by_type(packet, type, LDNS_SECTION_ANSWER);
	size_t i;

	for (i = 0; list && i < ldns_rr_list_rr_count(list) &&
	     i < MAX_ANSWERS;
	     i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);

		if (ldns_rr_rd_count(rr) >= 1)
			VEC_PUSH(a, &t->all,
			    field_text(a, ldns_rr_rdf(rr, 0)));
	}
	ldns_rr_list_deep_free(list);
}

static const ldns_rr_type address_types[] = { LDNS_RR_TYPE_AAAA,
	LDNS_RR_TYPE_A };

enum rc
dns_addresses(struct dns *d, struct arena *a, struct str host,
    struct str **ret_v, size_t *ret_n, struct err *err)
{
	struct texts t = { .all = { 0 } };
	enum rc rc = RC_OK;
	struct err one;
	size_t i;

	/* Servers that fail at AAAA and know A are many (RFC 4074). */
	for (i = 0; i < 2; i++) {
		ldns_pkt *packet = NULL;

		one.rc = query(d, a, host, address_types[i], &packet, &one);
		if (one.rc == RC_OK) {
			collect_addresses(a, packet, address_types[i], &t);
			ldns_pkt_free(packet);
		} else if (rc != RC_TEMP) {
			rc = one.rc;
			*err = one;
		}
	}
	if (t.all.n == 0 && rc != RC_OK)
		return rc;
	*ret_v = t.all.v;
	*ret_n = t.all.n;
	return RC_OK;
}

/* --- from the wire ---------------------------------------------------------------- */

static enum rc
read_packet(struct str wire, ldns_pkt **ret_packet, struct err *err)
{
	ldns_pkt *packet = NULL;
	enum rc rc;

	if (ldns_wire2pkt(&packet, (const uint8_t *)wire.p, wire.len) !=
	    LDNS_STATUS_OK)
		return err_set(err, RC_TEMP, "4.4.3", "DNS: a broken answer");
	rc = judge(packet, STR("that name"), err);
	if (rc == RC_OK)
		*ret_packet = packet;
	else
		ldns_pkt_free(packet);
	return rc;
}

enum rc
dns_mx_read(struct arena *a, struct str packet, struct dns_mx_list *ret,
    struct err *err)
{
	ldns_pkt *p = NULL;
	enum rc rc = read_packet(packet, &p, err);

	if (rc != RC_OK)
		return rc;
	collect_mx(a, p, ret);
	ldns_pkt_free(p);
	return RC_OK;
}

enum rc
dns_addresses_read(struct arena *a, struct str packet, struct str **ret_v,
    size_t *ret_n, struct err *err)
{
	struct texts t = { .all = { 0 } };
	ldns_pkt *p = NULL;
	enum rc rc = read_packet(packet, &p, err);
	size_t i;

	if (rc != RC_OK)
		return rc;
	for (i = 0; i < 2; i++)
		collect_addresses(a, p, address_types[i], &t);
	ldns_pkt_free(p);
	*ret_v = t.all.v;
	*ret_n = t.all.n;
	return RC_OK;
}
