/*
 * The few questions that mail asks of the DNS (RFC 5321 5.1, RFC 7505),
 * through the resolver that is configured. Answers live in the arena.
 */
#ifndef M3_DNS_DNS_H
#define M3_DNS_DNS_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct dns;

struct dns_mx {
	struct str host;     /* without the last dot */
	uint16_t preference;
};

struct dns_mx_list {
	struct dns_mx *v;    /* by preference, random among equals */
	size_t n;            /* 0: no MX, the host itself is meant */
	bool is_null;        /* "MX 0 .": no mail is accepted */
};

/* server: "192.0.2.1", "192.0.2.1:5353"; "" = /etc/resolv.conf. */
enum rc dns_new(struct str server, struct dns **ret_dns, struct err *err);
void dns_free(struct dns *d);
/*
 * RC_PERM (5.1.2): there is no such name. RC_TEMP (4.4.3): no answer, or a
 * broken one.
 */
enum rc dns_mx(struct dns *d, struct arena *a, struct str name,
    struct dns_mx_list *ret, struct err *err);
/* AAAA and A, numeric. n 0: there are none. Errors as dns_mx. */
enum rc dns_addresses(struct dns *d, struct arena *a, struct str host,
    struct str **ret_v, size_t *ret_n, struct err *err);

/* The same from an answer as it comes over the wire, for fuzzers. */
enum rc dns_mx_read(struct arena *a, struct str packet,
    struct dns_mx_list *ret, struct err *err);
enum rc dns_addresses_read(struct arena *a, struct str packet,
    struct str **ret_v, size_t *ret_n, struct err *err);

#endif
