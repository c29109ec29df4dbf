/*
 * Where the mail of one destination may be brought: hosts by preference
 * (RFC 5321 5.1), of each host every address, one after the other, as long
 * as none of them takes it. Names are looked up when their turn comes.
 *
 * What anybody may write into the DNS, or as an address literal, decides no
 * more than which public host is asked: our own addresses, loopback,
 * unspecified, link-local and multicast ones, and names that are no host
 * names are passed over, unless remote.allow.networks has the network. A
 * route is the administrator's, and may lead anywhere.
 */
#ifndef M3_CMD_MDA_HOSTS_H
#define M3_CMD_MDA_HOSTS_H

#include "destination.h"
#include "dns/dns.h"
#include "smtp/reply.h"

struct host {
	struct str name;        /* as in the MX record or route, for TLS */
	struct str address;     /* numeric, or the path of a Unix socket */
	uint16_t port;
	bool is_by_dns;         /* else by a route */
};

struct hosts {
	struct mda *m;
	struct dns *dns;
	struct str domain;
	struct dns_mx *names;   /* the best first */
	size_t n_names;
	struct str *addresses;  /* of the name before `next_name` */
	size_t n_addresses;
	size_t next_name;
	size_t next_address;
	uint16_t port;
	bool is_by_dns;
	bool is_tried;          /* one was given out, or may be there later */
	bool is_us;             /* the list was cut at ourselves */
	struct str refused;     /* an address that nothing may go to, or "" */
};

/*
 * RC_PERM: nothing will ever take it (no such domain, null MX, the mail comes
 * back to this host). RC_TEMP: the name server gave no answer. Memory of the
 * claim.
 */
enum rc hosts_find(struct mda *m, struct dns *dns,
    const struct destination *to, struct hosts *ret, struct err *err);
/*
 * The next one to try; false: there is none left. *last is what kept a host
 * from being one, when its name has no address or no answer came for it.
 */
bool hosts_next(
    struct hosts *h, struct host *ret_host, struct smtp_reply *last);
/*
 * The host that was given out last is this one, by what it says: only those
 * that are better than it are nearer to the goal, and they were tried.
 */
void hosts_cut(struct hosts *h);
/*
 * After the last of them. RC_PERM with err: none of them ever will take it,
 * since the mail comes back to us (5.4.6) or may not go there (5.4.4).
 */
enum rc hosts_end(const struct hosts *h, struct err *err);

#endif
