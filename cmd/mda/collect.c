/* See collect.h. */
#include "collect.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/gc.h"
#include "db/limits.h"
#include "log/log.h"

#include "base/banned.h"

/* All blobs are walked over so often; what is named by the trash always. */
enum { WHOLE_MS = 7 * 86400000 };

static enum rc
collect_is_first(struct db *db, const char *key, int64_t window_ms,
    bool *ret_first, struct err *err)
{
	struct limit_state state;
	enum rc rc = limit_take(
	    db, str_from_cstr(key), 1, window_ms, &state, err);

	if (rc == RC_OK)
		*ret_first = state.n == 1;
	return rc;
}

static void
collect_log(const struct gc_counts *n)
{
	log_begin(LOG_AT_INFO, "collected");
	log_num("blobs", (int64_t)n->deleted);
	log_num("bytes", (int64_t)n->bytes);
	log_num("stuck", (int64_t)n->stuck);
	log_end();
}

/* Whoever counts first in this window of time does it, for all hosts. */
static enum rc
collect_run(struct mda *m, struct err *err)
{
	struct gc_options o = {
		.min_age_ms = config_int(m->config, CFG_GC_AGE) };
	struct gc_counts n;
	bool is_first = false;
	enum rc rc = collect_is_first(m->db, "gc",
	    config_int(m->config, CFG_GC_INTERVAL), &is_first, err);

	if (rc != RC_OK || !is_first)
		return rc;
	rc = collect_is_first(m->db, "gc-whole", WHOLE_MS, &o.is_whole, err);
	if (rc == RC_OK)
		rc = gc_run_crowded(m->db, &n, err);
	if (rc == RC_OK)
		rc = gc_run(m->db, &o, &n, err);
	if (rc == RC_OK)
		collect_log(&n);
	return rc;
}

/* SIGTERM ends it as SIGKILL would: nothing is half done. */
static void
collect_child(struct mda *m)
{
	struct err err;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, "m3mta-collect"); /* for ps and top */
	db_postfork(m->db);
	if (collect_run(m, &err) != RC_OK)
		log_failure("collect", &err);
	_exit(0);
}

void
collect_begin(struct mda *m)
{
	int64_t every_ms = config_int(m->config, CFG_GC_INTERVAL);

	if (m->collector > 0 && waitpid(m->collector, NULL, WNOHANG) != 0)
		m->collector = 0;
	if (m->collector > 0 || every_ms == 0 ||
	    clock_mono_ms() < m->next_collect_ms)
		return;
	m->next_collect_ms = clock_deadline(every_ms);
	m->collector = fork();
	if (m->collector == 0)
		collect_child(m);
}

void
collect_end(struct mda *m)
{
	if (m->collector <= 0)
		return;
	kill(m->collector, SIGTERM);
	waitpid(m->collector, NULL, 0);
	m->collector = 0;
}
