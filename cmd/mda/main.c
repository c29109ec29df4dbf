/* m3mta-mda: delivers what is in the queue; see m3mta-mda(8). */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exits.h"
#include "base/rnd.h"
#include "log/log.h"
#include "expire.h"
#include "net/doorbell.h"

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
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
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
	return rc == RC_OK ? expire_run(m, err) : rc;
}

/* Couriers may leave work: their bounces, and what found no room. */
static int
run_once(struct mda *m)
{
	bool has_more = true;
	enum rc rc = RC_OK;
	struct err err;

	while (has_more) {
		rc = scan(m, &err);
		has_more = rc == RC_OK && couriers_count(m->couriers) > 0;
		couriers_wait(m->couriers, mda_is_stopping(m));
		if (rc == RC_OK && !has_more &&
		    couriers_has_later(m->couriers)) {
			clock_sleep(ROOM_MS);
			has_more = true;
		}
		has_more &= !mda_is_stopping(m);
	}
	couriers_wait(m->couriers, true);
	if (rc == RC_OK)
		return EXIT_OK;
	log_failure("scan-failed", &err);
	return rc == RC_TEMP ? EXIT_TEMPORARY
	    : rc == RC_BUG   ? EXIT_BUG
			     : EXIT_CONFIG;
}

/* Waits for the doorbell or the interval; the buckets that rang. */
static uint64_t
wait_for_work(struct mda *m, struct doorbell *bell, int64_t wait_ms)
{
	struct pollfd p[2] = { { m->stop_fd, POLLIN, 0 },
		{ bell ? doorbell_fd(bell) : -1, POLLIN, 0 } };
	uint64_t buckets = 0;

	(void)poll(p, 2, (int)wait_ms);
	if (p[1].revents)
		doorbell_read(bell, &buckets);
	return buckets;
}

/* A database that is away is waited for: the loop does not end. */
static void
loop(struct mda *m, struct doorbell *bell)
{
	int64_t interval = config_int(m->config, CFG_MDA_LOOP_INTERVAL);
	int64_t next_scan = 0, wait_ms;
	uint64_t rang = 0;
	struct err err;
	enum rc rc;

	while (!mda_is_stopping(m)) {
		if (clock_mono_ms() >= next_scan || !rang) {
			rc = scan(m, &err);
			next_scan = clock_deadline(interval);
		} else {
			rc = mda_work(m, rang, &err);
		}
		if (rc != RC_OK) {
			log_failure("scan-failed", &err);
			next_scan = clock_deadline(RETRY_MS);
		}
		wait_ms = clock_left_ms(next_scan);
		rang = wait_for_work(m, bell, wait_ms);
	}
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
    struct doorbell *bell, bool is_loop)
{
	struct mda m = { .p = p, .config = &p->config, .db = p->db,
		.texts = texts,
		.worker = mda_worker_name(p->arena, p), .cache = route_cache_new(),
		.later_ms = MDA_LATER_MS, .stop_fd = stop_fd, .a = arena_new(),
		.couriers = couriers_new(
		    (int)config_int(&p->config, CFG_REMOTE_SESSIONS)) };
	char session[16];
	int code = EXIT_OK;

	log_set_session(log_new_session(session), STR(""));
	if (is_loop)
		loop(&m, bell);
	else
		code = run_once(&m);
	couriers_wait(m.couriers, true);
	couriers_free(m.couriers);
	arena_free(m.a);
	route_cache_free(m.cache);
	return code;
}

/* mda.workers - 1 children beside this process; they share the doorbell. */
static void
start_children(struct program *p, const struct report_texts *texts,
    int stop_fd, struct doorbell *bell, bool is_loop, pid_t *pids, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			db_postfork(p->db);
			_exit(work(p, texts, stop_fd, bell, is_loop));
		}
	}
}

static void
end_children(const pid_t *pids, int n, bool is_loop)
{
	int i;

	for (i = 0; i < n; i++) {
		if (pids[i] <= 0)
			continue;
		if (is_loop)
			kill(pids[i], SIGTERM);
		waitpid(pids[i], NULL, 0);
	}
}

int
main(int argc, char **argv)
{
	bool is_loop = false;
	const struct program_option options[] = {
		{ "loop", NULL, "stay, wait for the doorbell (no systemd)",
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
	pid_t pids[64];
	int n, stop_fd, code = program_start(&p, &spec, argc, argv);
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
	n = (int)config_int(&p.config, CFG_MDA_WORKERS) - 1;
	start_children(&p, &texts, stop_fd, bell, is_loop, pids, n);
	code = work(&p, &texts, stop_fd, bell, is_loop);
	end_children(pids, n, is_loop);
	doorbell_close(bell);
	program_end(&p);
	return code;
}
