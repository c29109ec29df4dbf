/* m3mta-imap: IMAP; see m3mta-imap(8). */
#include "base/exits.h"
#include "log/log.h"
#include "net/tlsconf.h"
#include "session.h"

#include "base/banned.h"

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
serve(struct handler *h, bool trusts_environment)
{
	const struct config *c = &h->program.config;
	struct serve_options o = {
		.spare = (int)config_int(c, CFG_SPARE),
		.max_use = (int)config_int(c, CFG_MAX_USE),
		.max_connections = (int)config_int(c, CFG_MAX_CONNECTIONS),
		.max_per_source = (int)config_int(c, CFG_MAX_PER_SOURCE),
		.busy = "* BYE Too many connections, try again later\r\n",
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
	struct handler h = { .is_tls = false };
	bool trusts_environment = false;
	const struct program_option options[] = {
		{ "tls", NULL, "TLS from the first byte", NULL, &h.is_tls },
		{ "preauth", "ADDRESS", "a session for this user, by hand",
		    &h.preauth, NULL },
		{ "ucspi", NULL, "take the peer from TCPREMOTEIP (tcpserver)",
		    NULL, &trusts_environment },
		{ NULL, NULL, NULL, NULL, NULL },
	};
	const struct program_spec spec = {
		.name = "m3mta-imap",
		.daemon = "imap",
		.summary = "gives access to mail by IMAP",
		.operands = "",
		.options = options,
	};
	struct err err;
	int code = program_start(&h.program, &spec, argc, argv);

	if (code != PROGRAM_GO_ON)
		return code;
	h.is_tls_given = h.is_tls;
	if (load_tls(&h, &err) != RC_OK) {
		log_complain("m3mta-imap", err.text);
		program_end(&h.program);
		return EXIT_CONFIG;
	}
	code = serve(&h, trusts_environment);
	tls_server_free(h.tls);
	program_end(&h.program);
	return code;
}
