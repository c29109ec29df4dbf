/* m3mta-smtp: SMTP, submission and LMTP; see m3mta-smtp(8). */
#include "base/exits.h"
#include "log/log.h"
#include "net/serve.h"
#include "net/tlsconf.h"
#include "session.h"

#include "base/banned.h"

static const char *role_name;
static bool is_tls, trusts_environment;

static const struct program_option options[] = {
	{ "role", "ROLE", "mx, submission or lmtp", &role_name, NULL },
	{ "tls", NULL, "TLS from the first byte", NULL, &is_tls },
	{ "ucspi", NULL, "take the peer from TCPREMOTEIP (tcpserver)", NULL,
	    &trusts_environment },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct program_spec spec = {
	.name = "m3mta-smtp",
	.daemon = "smtp",
	.summary = "receives mail by SMTP, submission or LMTP",
	.operands = "",
	.options = options,
};

static bool
set_role(struct handler *h)
{
	static const char *const names[] = { "mx", "submission", "lmtp" };
	size_t i;

	h->is_tls = is_tls;
	h->is_role_given = role_name != NULL;
	if (!role_name)
		return true;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(role_name, names[i]) == 0) {
			h->role = (enum role)i;
			return true;
		}
	}
	return false;
}

static enum rc
load_tls(struct handler *h, struct err *err)
{
	const struct config *c = &h->program.config;
	struct tls_server_options o = {
		.certificate = config_str(c, CFG_TLS_CERTIFICATE).p,
		.key = config_str(c, CFG_TLS_KEY).p,
		.sni_dir = config_str(c, CFG_TLS_SNI_DIR).p,
		.only_tls13 = str_equals(
		    config_str(c, CFG_TLS_PROTOCOLS), STR("tlsv1.3")),
	};

	if (str_is_empty(config_str(c, CFG_TLS_CERTIFICATE)))
		return h->is_tls ? err_set(err, RC_PERM, "",
				       "--tls: needs tls.certificate and "
				       "tls.key")
				 : RC_OK;
	return tls_server_new(&o, &h->tls, err);
}

static bool
on_connection(void *ctx, struct connection *c)
{
	return session_run(ctx, c);
}

static void
prefork(void *ctx)
{
	struct handler *h = ctx;

	db_prefork(h->program.db);
}

static void
postfork(void *ctx)
{
	struct handler *h = ctx;

	db_postfork(h->program.db);
}

static void
warm(void *ctx)
{
	struct handler *h = ctx;
	struct err unused;

	(void)db_ping(h->program.db, &unused);
}

static int
serve(struct handler *h)
{
	const struct config *c = &h->program.config;
	struct serve_options o = {
		.spare = (int)config_int(c, CFG_SPARE),
		.max_use = (int)config_int(c, CFG_MAX_USE),
		.max_connections = (int)config_int(c, CFG_MAX_CONNECTIONS),
		.max_per_source = (int)config_int(c, CFG_MAX_PER_SOURCE),
		.busy = "421 4.7.0 Too many connections, try again later\r\n",
		.trusts_environment = trusts_environment,
		.ctx = h,
		.session = on_connection,
		.prefork = prefork,
		.postfork = postfork,
		.warm = warm,
	};

	return serve_run(&o);
}

int
main(int argc, char **argv)
{
	static struct handler h;
	struct err err;
	int code = program_start(&h.program, &spec, argc, argv);

	if (code != PROGRAM_GO_ON)
		return code;
	if (!set_role(&h)) {
		log_complain(
		    "m3mta-smtp", "--role: mx, submission or lmtp");
		program_end(&h.program);
		return EXIT_USAGE;
	}
	if (load_tls(&h, &err) != RC_OK) {
		log_complain("m3mta-smtp", err.text);
		program_end(&h.program);
		return EXIT_CONFIG;
	}
	code = serve(&h);
	tls_server_free(h.tls);
	program_end(&h.program);
	return code;
}
