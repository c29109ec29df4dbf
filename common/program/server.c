/* The serving of both protocols; see server.h. */
#include "program/server.h"

#include "log/log.h"
#include "net/tlsconf.h"

#include "base/banned.h"

enum rc
server_load_tls(const struct program *p, bool is_needed,
    struct tls_server **ret_tls, struct err *err)
{
	const struct config *c = &p->config;
	struct tls_server_options o = {
		.certificate = config_str(c, CFG_TLS_CERTIFICATE).p,
		.key = config_str(c, CFG_TLS_KEY).p,
		.sni_dir = config_str(c, CFG_TLS_SNI_DIR).p,
		.only_tls13 = str_equals(
		    config_str(c, CFG_TLS_PROTOCOLS), STR("tlsv1.3")),
	};

	if (str_is_empty(config_str(c, CFG_TLS_CERTIFICATE)))
		return is_needed ? err_set(err, RC_PERM, "",
				       "--tls: needs tls.certificate and "
				       "tls.key")
				 : RC_OK;
	return tls_server_new(&o, ret_tls, err);
}

const struct server_listener *
server_find_listener(const struct server_listener *table, const char *name)
{
	const struct server_listener *l;

	for (l = table; l->name; l++) {
		if (!name[0] || strcmp(l->name, name) == 0)
			return l;
	}
	return NULL;
}

struct server {
	struct program *p;
	const struct server_spec *spec;
};

static bool
on_connection(void *ctx, struct connection *c)
{
	struct server *s = ctx;

	program_age_config(s->p);
	return s->spec->session(s->spec->ctx, c);
}

static bool
server_knows(void *ctx, const char *name)
{
	const struct server *s = ctx;
	const struct server_listener *l = s->spec->listeners;
	struct err err;

	if (!l)
		return true;
	l = server_find_listener(l, name);
	if (l && (!l->is_tls || config_str(&s->p->config,
				    CFG_TLS_CERTIFICATE).len))
		return true;
	err_set(&err, RC_PERM, "", l
		? "the socket %s needs tls.certificate and tls.key"
		: "%s is no name of a socket here (FileDescriptorName; see "
		  "the manual page)", name);
	log_complain(s->p->name, err.text);
	return false;
}

static void
prefork(void *ctx)
{
	struct server *s = ctx;
	struct err unused = { .rc = RC_OK };

	/* What children fall back on, should a document be bad later. They
	 * read for themselves. */
	(void)program_read_db_config(s->p, &unused);
	s->p->has_db_config = false;
	db_prefork(s->p->db);
}

static void
postfork(void *ctx)
{
	struct server *s = ctx;

	db_postfork(s->p->db);
}

static bool
is_stale(void *ctx)
{
	struct server *s = ctx;

	return db_is_stale(s->p->db);
}

static void
warm(void *ctx)
{
	struct server *s = ctx;
	struct err unused = { .rc = RC_OK };

	(void)program_read_db_config(s->p, &unused);
}

int
server_run(struct program *p, const struct server_spec *spec)
{
	const struct config *c = &p->config;
	struct server s = { p, spec };
	struct serve_options o = {
		.spare = (int)config_int(c, CFG_SPARE),
		.max_use = (int)config_int(c, CFG_MAX_USE),
		.max_connections = (int)config_int(c, CFG_MAX_CONNECTIONS),
		.max_per_source = (int)config_int(c, CFG_MAX_PER_SOURCE),
		.busy = spec->busy,
		.trusts_environment = spec->trusts_environment,
		.ctx = &s,
		.knows = server_knows,
		.session = on_connection,
		.prefork = prefork,
		.postfork = postfork,
		.is_stale = is_stale,
		.warm = warm,
	};

	return serve_run(&o);
}
