/* m3mta-smtp: SMTP, submission and LMTP; see m3mta-smtp(8). */
#include "base/exits.h"
#include "log/log.h"
#include "net/tlsconf.h"
#include "program/server.h"
#include "session.h"

#include "base/banned.h"

/* NULL: none was given, the listener's name decides. */
static bool
set_role(struct handler *h, const char *name)
{
	static const char *const names[] = { "mx", "submission", "lmtp" };
	size_t i;

	h->is_role_given = name != NULL;
	for (i = 0; name && i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			h->role = (enum role)i;
			return true;
		}
	}
	return !name;
}

static bool
on_connection(void *ctx, struct connection *c)
{
	return session_run(ctx, c);
}

static int
run(struct handler *h, struct server_spec *server,
    const char *role_name)
{
	struct err err;

	if (!set_role(h, role_name)) {
		log_complain(
		    h->program.name, "--role: mx, submission or lmtp");
		return EXIT_USAGE;
	}
	if (server_load_tls(&h->program, h->is_tls, &h->tls, &err) !=
	    RC_OK) {
		log_complain(h->program.name, err.text);
		return EXIT_CONFIG;
	}
	server->listeners = h->is_role_given ? NULL : session_listeners;
	return server_run(&h->program, server);
}

int
main(int argc, char **argv)
{
	struct handler h = { .is_tls = false };
	struct server_spec server = {
		.busy = "421 4.7.0 Too many connections, try again later\r\n",
		.session = on_connection,
		.ctx = &h,
	};
	const char *role_name = NULL;
	const struct program_option options[] = {
		{ "role", "ROLE", "mx, submission or lmtp", &role_name, NULL },
		{ "tls", NULL, "TLS from the first byte", NULL, &h.is_tls },
		{ "ucspi", NULL, "take the peer from TCPREMOTEIP (tcpserver)",
		    NULL, &server.trusts_environment },
		{ NULL, NULL, NULL, NULL, NULL },
	};
	const struct program_spec spec = {
		.name = "m3mta-smtp",
		.daemon = "smtp",
		.summary = "receives mail by SMTP, submission or LMTP",
		.operands = "",
		.options = options,
	};
	int code = program_start(&h.program, &spec, argc, argv);

	if (code != PROGRAM_GO_ON)
		return code;
	code = run(&h, &server, role_name);
	tls_server_free(h.tls);
	program_end(&h.program);
	return code;
}
