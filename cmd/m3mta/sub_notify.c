/*
 * m3mta notify: rings the doorbells of IMAP sessions on this host for what
 * was changed on others. Runs until it is told to stop.
 */
#include "admin.h"

#include <signal.h>

#include "base/clock.h"
#include "db/watch.h"
#include "log/log.h"
#include "net/doorbell.h"

#include "base/banned.h"

enum { RETRY_MS = 1000 };

static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static bool
is_stopped(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGTERM) ||
	    sigismember(&pending, SIGINT);
}

/* Until the stream breaks or a signal comes. */
static enum rc
follow(struct admin *a, struct err *err)
{
	struct str dir = config_str(&a->p->config, CFG_RUNTIME_DIR);
	struct watch *w = NULL;
	struct uuid owner;
	bool has = false;
	enum rc rc = watch_new(a->p->db, &w, err);

	while (rc == RC_OK && !is_stopped()) {
		rc = watch_next(w, &owner, &has, err);
		if (rc == RC_OK && has)
			doorbell_ring_owner(dir, &owner);
	}
	watch_free(w);
	return rc;
}

int
sub_notify(struct admin *a)
{
	struct err err;
	sigset_t set;

	block_signals(&set);
	while (!is_stopped()) {
		if (follow(a, &err) == RC_OK)
			continue;
		log_failure("notify", &err);
		db_disconnect(a->p->db);
		clock_sleep(RETRY_MS);
	}
	return EXIT_OK;
}
