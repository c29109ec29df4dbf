/* Addresses and networks among the settings; see config_hosts.h. */
#include "model/config_hosts.h"

#include "base/cidr.h"
#include "base/hostport.h"

#include "base/banned.h"

static const enum config_key networks[] = { CFG_SMTP_RELAY_NETWORKS,
	CFG_REMOTE_ALLOW_NETWORKS, CFG_LIMIT_LOGINS_EXEMPT };

static enum rc
hosts_check_networks(
    const struct config *c, enum config_key key, struct err *err)
{
	const struct config_value *v = &c->v[key];
	size_t i;

	for (i = 0; i < v->count; i++) {
		if (!cidr_is_valid(v->list[i]))
			return err_set(err, RC_PERM, "",
			    "%s: \"%.*s\" is no address and no network, as "
			    "192.0.2.0/24", config_keys[key].name,
			    STR_ARG(v->list[i]));
	}
	return RC_OK;
}

/* Else all mail would pass unjudged, with a line in the log for each. */
static enum rc
hosts_check_spamd(const struct config *c, struct err *err)
{
	struct str server = config_str(c, CFG_SPAM_SERVER), address;
	uint16_t port = 0;

	if (server.len == 0 || server.p[0] == '/' ||
	    hostport_parse(server, &address, &port))
		return RC_OK;
	return err_set(err, RC_PERM, "",
	    "spam.server: \"%.*s\" is no address, as 127.0.0.1:783 or "
	    "[::1]:783, and no path", STR_ARG(server));
}

enum rc
config_check_hosts(const struct config *c, struct err *err)
{
	enum rc rc = hosts_check_spamd(c, err);
	size_t i;

	for (i = 0; rc == RC_OK && i < sizeof(networks) / sizeof(*networks);
	     i++)
		rc = hosts_check_networks(c, networks[i], err);
	return rc;
}
