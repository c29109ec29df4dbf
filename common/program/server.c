/* The serving of both protocols; see server.h. */
#include "program/server.h"

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

static void
prefork(void *ctx)
{
	struct server *s = ctx;

	db_prefork(s->p->db);
}

static void
postfork(void *ctx)
{
	struct server *s = ctx;

	db_postfork(s->p->db);
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
		.session = on_connection,
		.prefork = prefork,
		.postfork = postfork,
		.warm = warm,
	};

	return serve_run(&o);
}
