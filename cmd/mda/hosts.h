/*
 * Where the mail of one destination may be brought: hosts by preference
 * (RFC 5321 5.1), of each host every address, one after the other, as long
 * as none of them takes it. Names are looked up when their turn comes.
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
};

struct hosts {
	struct mda *m;
	struct dns *dns;
	struct str *names;      /* the best first */
	size_t n_names;
	struct str *addresses;  /* of the name before `next_name` */
	size_t n_addresses;
	size_t next_name;
	size_t next_address;
	uint16_t port;
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

#endif
