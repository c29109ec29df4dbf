/* m3mta-mda: delivers what is in the queue; see m3mta-mda(8). */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exits.h"
#include "base/rnd.h"
#include "log/log.h"
#include "collect.h"
#include "expire.h"
#include "net/doorbell.h"
#include "supervise.h"

#include "base/banned.h"

enum {
	RETRY_MS = 2000, /* the database is away */
	ROOM_MS = 200,   /* all sessions to a destination are taken */
};

static int
open_stop_fd(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int
open_child_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Everything that is due now, and what comes of it. */
static enum rc
scan(struct mda *m, struct err *err)
{
	uint64_t buckets = 0;
	enum rc rc;

	program_age_config(m->p);
	rc = program_read_db_config(m->p, err);
	do {
		if (rc == RC_OK)
			rc = queue_due_buckets(m->db, &buckets, err);
		if (rc == RC_OK)
			rc = mda_work(m, buckets, err);
	} while (rc == RC_OK && buckets && !mda_is_stopping(m));
	m->has_more = false;
	return rc == RC_OK ? expire_run(m, err) : rc;
}

/*
 * Waits for the doorbell, the end of a courier or the deadline. The buckets
 * that rang.
 */
static uint64_t
wait_for_work(struct mda *m, int child_fd, int64_t deadline_ms)
{
	struct pollfd p[3] = { { m->stop_fd, POLLIN, 0 },
		{ m->bell ? doorbell_fd(m->bell) : -1, POLLIN, 0 },
		{ child_fd, POLLIN, 0 } };
	struct signalfd_siginfo unused;
	int soon_ms = couriers_count(m->couriers) ? MDA_LATER_MS : ROOM_MS;
	uint64_t buckets = 0;

	if (couriers_has_later(m->couriers) &&
	    clock_left_ms(deadline_ms) > soon_ms)
		deadline_ms = clock_deadline(soon_ms);
	(void)poll(p, 3, clock_left_ms(deadline_ms));
	if (p[1].revents)
		doorbell_read(m->bell, &buckets);
	while (read(child_fd, &unused, sizeof(unused)) > 0)
		;
	return buckets;
}

static int
exit_code(enum rc rc)
{
	return rc == RC_OK   ? EXIT_OK
	    : rc == RC_TEMP ? EXIT_TEMPORARY
	    : rc == RC_BUG  ? EXIT_BUG
			    : EXIT_CONFIG;
}

/* Nobody works for us, and nothing becomes due in seconds. */
static bool
is_idle(struct mda *m)
{
	return couriers_count(m->couriers) == 0 &&
	    !couriers_has_later(m->couriers) && !m->has_more;
}

/*
 * Scans at its interval, at each ring and, while something that was put off
 * becomes due, more often: couriers that are out hold nothing up. In the loop
 * a database that is away is waited for; else the first failure, or the end
 * of all work, is the end.
 */
static enum rc
run(struct mda *m, bool is_loop)
{
	int64_t interval = config_int(m->config, CFG_MDA_LOOP_INTERVAL);
	int child_fd = open_child_fd();
	int64_t next_scan = 0;
	uint64_t rang = 0;
	unsigned seen = 0; /* couriers that had ended before the last scan */
	bool is_quiet, has_ended;
	enum rc rc = RC_OK;
	struct err err;

	while (!mda_is_stopping(m)) {
		bool is_time = clock_left_ms(next_scan) == 0 ||
		    m->has_more || couriers_has_later(m->couriers) ||
		    (!is_loop && couriers_ended(m->couriers) != seen);

		if (is_loop)
			collect_begin(m);
		if (is_time || !rang) {
			seen = couriers_ended(m->couriers);
			rc = scan(m, &err);
			next_scan = clock_deadline(interval);
		} else {
			rc = mda_work(m, rang, &err);
		}
		if (rc != RC_OK) {
			log_failure("scan-failed", &err);
			next_scan = clock_deadline(RETRY_MS);
		}
		/* Reaped here or there: a report of its may wait. */
		is_quiet = is_idle(m);
		has_ended = couriers_ended(m->couriers) != seen;
		if (!is_loop && (rc != RC_OK || (is_quiet && !has_ended)))
			break;
		rang = m->has_more || (!is_loop && has_ended)
		    ? 0
		    : wait_for_work(m, child_fd, next_scan);
	}
	close(child_fd);
	return rc;
}

struct str
mda_worker_name(struct arena *a, const struct program *p)
{
	uint32_t unique;

	rnd_fill(&unique, sizeof(unique));
	return arena_printf(a, "%.*s/%d/%08x", STR_ARG(p->hostname),
	    (int)getpid(), (unsigned)unique);
}

static int
work(struct program *p, const struct report_texts *texts, int stop_fd,
    struct doorbell *bell, struct couriers *couriers, bool is_loop)
{
	struct mda m = { .p = p, .config = &p->config, .db = p->db,
		.texts = texts,
		.worker = mda_worker_name(p->arena, p),
		.cache = route_cache_new(),
		.later_ms = MDA_LATER_MS, .stop_fd = stop_fd, .a = arena_new(),
		.couriers = couriers, .bell = bell };
	char session[16];
	enum rc rc;

	log_set_session(log_new_session(session), STR(""));
	rc = run(&m, is_loop);
	couriers_stop(m.couriers);
	collect_end(&m);
	arena_free(m.a);
	route_cache_free(m.cache);
	return is_loop || mda_is_stopping(&m) ? EXIT_OK : exit_code(rc);
}

/* The workers share the doorbell: what one has read, the others need not. */
static void
start_workers(struct program *p, const struct report_texts *texts,
    int stop_fd, struct doorbell *bell, bool is_loop, struct crew *crew)
{
	int max = (int)config_int(&p->config, CFG_REMOTE_SESSIONS), i;

	crew->n = (int)config_int(&p->config, CFG_MDA_WORKERS);
	for (i = 0; i < crew->n; i++)
		crew->couriers[i] = couriers_new(max);
	for (i = 0; i < crew->n; i++) {
		crew->pids[i] = fork();
		if (crew->pids[i] != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		db_postfork(p->db);
		_exit(work(
		    p, texts, stop_fd, bell, crew->couriers[i], is_loop));
	}
}

int
main(int argc, char **argv)
{
	bool is_loop = false;
	const struct program_option options[] = {
		{ "loop", NULL, "stay, wait for the doorbell",
		    NULL, &is_loop },
		{ NULL, NULL, NULL, NULL, NULL },
	};
	const struct program_spec spec = {
		.name = "m3mta-mda",
		.daemon = "mda",
		.summary = "delivers what is in the queue",
		.operands = "",
		.options = options,
		.is_patient = true,
	};
	struct doorbell *bell = NULL;
	struct report_texts texts;
	struct program p;
	struct err err = { .rc = RC_OK };
	struct crew crew = { .n = 0 };
	int i, stop_fd, code = program_start(&p, &spec, argc, argv);
	uint64_t unused;

	if (code != PROGRAM_GO_ON)
		return code;
	if (report_texts_read(p.arena,
		config_str(&p.config, CFG_REPORT_TEMPLATE), &texts, &err) !=
	    RC_OK) {
		log_complain("m3mta-mda", err.text);
		program_end(&p);
		return EXIT_CONFIG;
	}
	stop_fd = open_stop_fd();
	if (is_loop || doorbell_is_passed()) {
		if (doorbell_open_mda(
			config_str(&p.config, CFG_RUNTIME_DIR), &bell,
			&err) != RC_OK)
			log_failure("no-doorbell", &err);
		else
			doorbell_read(bell, &unused);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	start_workers(&p, &texts, stop_fd, bell, is_loop, &crew);
	code = supervise(&crew, stop_fd, is_loop);
	for (i = 0; i < crew.n; i++)
		couriers_free(crew.couriers[i]);
	doorbell_close(bell);
	program_end(&p);
	return code;
}
