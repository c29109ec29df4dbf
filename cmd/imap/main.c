/* m3mta-imap: IMAP; see m3mta-imap(8). */
#include "base/exits.h"
#include "log/log.h"
#include "net/tlsconf.h"
#include "program/server.h"
#include "session.h"

#include "base/banned.h"

static bool
on_connection(void *ctx, struct connection *c)
{
	return session_run(ctx, c);
}

int
main(int argc, char **argv)
{
	struct handler h = { .is_tls = false };
	struct server_spec server = {
		.busy = "* BYE Too many connections, try again later\r\n",
		.listeners = session_listeners,
		.session = on_connection,
		.ctx = &h,
	};
	const struct program_option options[] = {
		{ "tls", NULL, "TLS from the first byte", NULL, &h.is_tls },
		{ "preauth", "ADDRESS", "a session for this user, by hand",
		    &h.preauth, NULL },
		{ "ucspi", NULL, "take the peer from TCPREMOTEIP (tcpserver)",
		    NULL, &server.trusts_environment },
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
	if (server_load_tls(&h.program, h.is_tls, &h.tls, &err) == RC_OK) {
		code = server_run(&h.program, &server);
	} else {
		log_complain(spec.name, err.text);
		code = EXIT_CONFIG;
	}
	tls_server_free(h.tls);
	program_end(&h.program);
	return code;
}
