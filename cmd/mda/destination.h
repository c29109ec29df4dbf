/* Where the mail for a recipient goes: by MX, or by a fixed route. */
#ifndef M3_CMD_MDA_DESTINATION_H
#define M3_CMD_MDA_DESTINATION_H

#include "mda.h"

struct destination {
	struct str key;         /* the same for all that go the same way */
	struct str domain;      /* folded: A-labels, or a literal */
	struct str route;       /* host, host:port, [v6]:port, /path; "" = by MX */
	bool is_lmtp;
	struct str login;       /* AUTH at the route */
	struct str password;
	enum tls_policy tls;
	bool is_backup;         /* only hosts better than this one */
};

/*
 * The domain's route, else that of the mailbox which logged in to send it,
 * else remote.route, else by MX. RC_TEMP: the database.
 */
enum rc destination_of(struct mda *m, struct job *j, const struct verdict *v,
    struct destination *ret, struct err *err);
/* The parts of a route; the port defaults to remote.port. */
void destination_split(struct mda *m, struct str route, struct str *ret_host,
    uint16_t *ret_port);

#endif
