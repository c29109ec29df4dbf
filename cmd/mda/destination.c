/* Destinations of remote delivery; see destination.h. */
#include "destination.h"

#include "base/num.h"
#include "db/directory.h"

#include "base/banned.h"

static void
set_route(struct destination *to, struct str route, struct str login,
    struct str password)
{
	to->is_lmtp = str_starts_with_nocase(route, STR("lmtp:"));
	to->route = to->is_lmtp ? str_tail(route, 5) : route;
	to->login = login;
	to->password = password;
}

/* Asked once a job: who sent it may have a relay of its own. */
static enum rc
find_sender(struct mda *m, struct job *j, struct err *err)
{
	enum rc rc = RC_OK;

	if (j->item->login.len && !j->has_sender) {
		rc = mailbox_find(
		    m->db, m->a, j->item->login, &j->sender, err);
		j->has_sender = rc == RC_OK;
	}
	return rc;
}

static void
choose(struct mda *m, const struct job *j, const struct verdict *v,
    struct destination *to)
{
	const struct domain *d = v->answer.domain;
	const struct mailbox *sender = j->sender;
	const struct config *c = m->config;

	if (d)
		to->tls = d->tls;
	if (d && d->route.len) {
		set_route(to, d->route, d->route_login, d->route_password);
	} else if (!d && sender && sender->route.len) {
		set_route(to, sender->route, sender->route_login,
		    sender->route_password);
	} else if (config_str(c, CFG_REMOTE_ROUTE).len) {
		set_route(to, config_str(c, CFG_REMOTE_ROUTE),
		    config_str(c, CFG_REMOTE_ROUTE_LOGIN),
		    config_str(c, CFG_REMOTE_ROUTE_PASSWORD));
		if (!d)
			to->tls = (enum tls_policy)config_int(
			    c, CFG_REMOTE_ROUTE_TLS);
	}
}

enum rc
destination_of(struct mda *m, struct job *j, const struct verdict *v,
    struct destination *ret, struct err *err)
{
	struct destination to = {
		.domain = address_fold_domain(m->a, v->to.domain),
		.route = STR(""),
		.is_backup = v->answer.verdict == RCPT_BACKUP,
	};
	enum rc rc = find_sender(m, j, err);

	if (rc != RC_OK)
		return rc;
	choose(m, j, v, &to);
	/* A host that all domains go through is one destination. */
	to.key = to.route.len && !to.login.len ? to.route
	    : to.route.len
	    ? arena_join3(m->a, to.login, STR(" at "), to.route)
	    : to.domain;
	*ret = to;
	return RC_OK;
}

void
destination_split(struct mda *m, struct str route, struct str *ret_host,
    uint16_t *ret_port)
{
	size_t colon = str_find_last_char(route, ':');
	uint64_t port = (uint64_t)config_int(m->config, CFG_REMOTE_PORT);

	*ret_host = route;
	if (colon < route.len && !str_ends_with(route, STR("]")) &&
	    (route.p[0] == '[' || str_find_char(route, ':') == colon) &&
	    num_parse_u64(str_tail(route, colon + 1), 65535, &port))
		*ret_host = str_slice(route, 0, colon);
	*ret_port = (uint16_t)port;
}
