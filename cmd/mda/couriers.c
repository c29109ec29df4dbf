/*
 * Remote delivery in processes of its own, one a destination: a host that
 * takes minutes to answer holds up neither local mail nor other hosts. The
 * numbers of the processes stand in shared memory: the supervisor ends them
 * when their parent cannot.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "log/log.h"
#include "remote.h"

#include "base/banned.h"

enum {
	PATIENCE_MS = 1000,  /* of one pass over the queue, for places */
	NAP_MS = 5,
	LATER_LAST_MS = 8000,
	MARGIN_MS = 500,
	STOP_MS = 13000,     /* told to end: then killed */
	KNOWN_FACTOR = 4,    /* who answered lately may take longer */
};
enum { ENDED_DONE, ENDED_BADLY, ENDED_LATER }; /* exit codes of a courier */

struct place {
	struct buf key;      /* its destination */
	int64_t started_ms;
	bool is_newcomer;    /* it did not answer lately */
};

struct shared {
	int is_short_new;    /* newcomers have all the places they may have */
	int is_short_all;
	pid_t pids[];        /* of each place's courier, 0 = free */
};

struct couriers {
	struct shared *shared;
	struct place *v;
	int n;
	int64_t later_ms;    /* until then something that was put off is due */
	int64_t patience_ms; /* what is left of it in this pass */
	unsigned n_ended;
	bool is_newcomer;    /* in a courier */
};

static size_t
couriers_shared_size(int n)
{
	return sizeof(struct shared) + (size_t)n * sizeof(pid_t);
}

struct couriers *
couriers_new(int max)
{
	struct couriers *c = mem_alloc(sizeof(*c));
	void *p = mmap(NULL, couriers_shared_size(max),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert(p != MAP_FAILED);
	c->n = max;
	c->shared = p;
	c->v = mem_alloc(mem_product((size_t)max, sizeof(*c->v)));
	return c;
}

void
couriers_free(struct couriers *c)
{
	int i;

	for (i = 0; i < c->n; i++)
		buf_done(&c->v[i].key);
	munmap(c->shared, couriers_shared_size(c->n));
	mem_free(c->v);
	mem_free(c);
}

/* What is put off is due after later_ms, or after twice that. */
static void
note_later(struct couriers *c, int64_t later_ms)
{
	int64_t until = clock_deadline(2 * later_ms + MARGIN_MS);

	if (until > c->later_ms)
		c->later_ms = until;
}

void
couriers_log_end(pid_t pid, int status)
{
	bool is_killed = WIFSIGNALED(status);

	if (is_killed ? WTERMSIG(status) == SIGTERM
		      : WEXITSTATUS(status) != ENDED_BADLY)
		return;
	log_begin(LOG_AT_ERROR, "courier-died");
	log_num("pid", pid);
	log_num(is_killed ? "signal" : "code",
	    is_killed ? WTERMSIG(status) : WEXITSTATUS(status));
	log_end();
}

/* Another one's waitpid may have been faster: then it is gone as well. */
static void
reap(struct couriers *c, int i)
{
	pid_t pid = c->shared->pids[i];
	int status = 0;

	if (pid == 0)
		return;
	do {
		pid = waitpid(c->shared->pids[i], &status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return;
	c->shared->pids[i] = 0;
	c->n_ended++;
	if (pid < 0)
		return;
	couriers_log_end(pid, status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_LATER)
		note_later(c, MDA_LATER_MS);
}

int
couriers_count(struct couriers *c)
{
	int i, n = 0;

	for (i = 0; i < c->n; i++) {
		reap(c, i);
		n += c->shared->pids[i] != 0;
	}
	return n;
}

unsigned
couriers_ended(const struct couriers *c)
{
	return c->n_ended;
}

bool
couriers_has_later(const struct couriers *c)
{
	return clock_left_ms(c->later_ms) > 0;
}

void
couriers_signal(const struct couriers *c, int signal_number)
{
	int i;

	for (i = 0; i < c->n; i++) {
		if (c->shared->pids[i])
			kill(c->shared->pids[i], signal_number);
	}
}

bool
couriers_has_orphans(const struct couriers *c)
{
	int i;

	for (i = 0; i < c->n; i++) {
		if (c->shared->pids[i])
			return true;
	}
	return false;
}

void
couriers_forget(struct couriers *const *all, int n, pid_t pid)
{
	int i, k;

	for (k = 0; k < n; k++) {
		for (i = 0; i < all[k]->n; i++) {
			if (all[k]->shared->pids[i] == pid)
				all[k]->shared->pids[i] = 0;
		}
	}
}

void
couriers_stop(struct couriers *c)
{
	int64_t deadline = clock_deadline(STOP_MS);

	couriers_signal(c, SIGTERM);
	while (couriers_count(c) && clock_left_ms(deadline) > 0)
		clock_sleep(NAP_MS);
	couriers_signal(c, SIGKILL);
	while (couriers_count(c))
		clock_sleep(NAP_MS);
}

void
couriers_new_pass(struct couriers *c)
{
	c->patience_ms = PATIENCE_MS;
}

/* --- who gets a place ------------------------------------------------------ */

struct census {
	int all;
	int newcomers;
	int same;          /* to this destination */
	int64_t age_ms;    /* of the newest of those */
};

static struct census
couriers_look(struct couriers *c, struct str key)
{
	struct census s = { .age_ms = INT64_MAX };
	int64_t now = clock_mono_ms();
	int i;

	s.all = couriers_count(c);
	for (i = 0; i < c->n; i++) {
		const struct place *p = &c->v[i];

		if (!c->shared->pids[i])
			continue;
		s.newcomers += p->is_newcomer;
		if (!str_equals(buf_str(&p->key), key))
			continue;
		s.same++;
		if (now - p->started_ms < s.age_ms)
			s.age_ms = now - p->started_ms;
	}
	return s;
}

/* A third is kept for destinations that answered lately. */
static int
couriers_for_newcomers(const struct couriers *c)
{
	return c->n - c->n / 3;
}

static void
couriers_tell_shortage(struct couriers *c, const struct census *s)
{
	c->shared->is_short_new = s->newcomers >= couriers_for_newcomers(c);
	c->shared->is_short_all = s->all >= c->n;
}

/* Asked only when places are short. An answer that is missing is a no. */
static bool
couriers_is_newcomer(struct mda *m, struct str key)
{
	bool is_known = false;
	struct err err;

	if (slot_is_known(m->db, key, &is_known, &err) != RC_OK)
		log_failure("limits", &err);
	return !is_known;
}

static struct place *
couriers_take(struct couriers *c, struct str key, bool is_newcomer)
{
	int i;

	for (i = 0; c->shared->pids[i]; i++)
		;
	buf_reset(&c->v[i].key);
	buf_add_str(&c->v[i].key, key);
	c->v[i].started_ms = clock_mono_ms();
	c->v[i].is_newcomer = is_newcomer;
	return &c->v[i];
}

/* Worth a moment: some of those before it end in a moment. */
static bool
couriers_may_wait(struct mda *m, const struct census *s, bool is_same)
{
	struct couriers *c = m->couriers;

	if (c->patience_ms <= 0 || mda_is_stopping(m) || mda_is_wanted(m) ||
	    (is_same && s->age_ms > PATIENCE_MS))
		return false;
	clock_sleep(NAP_MS);
	c->patience_ms -= NAP_MS;
	return true;
}

/*
 * A free place, or NULL. More couriers than sessions to one destination would
 * only wait for each other. All waiting of one pass together is a second at
 * most, and none when the doorbell rings: local mail comes behind it.
 */
static struct place *
find_place(struct mda *m, struct str key)
{
	int max = (int)config_int(m->config, CFG_REMOTE_CONCURRENCY);
	struct couriers *c = m->couriers;
	bool is_asked = false, is_newcomer = true;
	struct census s;

	for (;;) {
		s = couriers_look(c, key);
		couriers_tell_shortage(c, &s);
		if (!is_asked && 2 * s.all >= c->n) {
			is_newcomer = couriers_is_newcomer(m, key);
			is_asked = true;
		}
		if (s.same < max && s.all < c->n &&
		    (!is_newcomer ||
			s.newcomers < couriers_for_newcomers(c)))
			return couriers_take(c, key, is_newcomer);
		if (!couriers_may_wait(m, &s, s.same >= max))
			return NULL;
	}
}

bool
couriers_is_impatient(const struct mda *m)
{
	const struct couriers *c = m->couriers;
	int64_t since = m->leases.waits_since_ms;
	int64_t max = config_int(m->config, CFG_REMOTE_TIMEOUT_SHORT);

	if (since == 0)
		return false;
	if (!c->is_newcomer)
		max *= KNOWN_FACTOR;
	return (c->is_newcomer ? c->shared->is_short_new
			       : c->shared->is_short_all) &&
	    clock_mono_ms() - since > max;
}

/* --- handing over ------------------------------------------------------------ */

/* The more finds no room, the longer it waits, or claims were all we do. */
static void
adapt_wait(struct mda *m, bool has_place)
{
	if (has_place)
		m->later_ms = MDA_LATER_MS;
	else if (m->later_ms < LATER_LAST_MS)
		m->later_ms *= 2;
}

/* Its parent may die first: then it ends as if it was told to. */
static int
run_courier(struct mda *m, struct job *const *jobs, size_t n)
{
	struct err err;
	size_t i;
	enum rc rc;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, "m3mta-courier"); /* for ps and top */
	db_postfork(m->p->db);
	m->later_ms = MDA_LATER_MS;
	m->worker = mda_worker_name(m->a, m->p);
	lease_hold(m, jobs, n);
	rc = remote_deliver(m, jobs, n, &err);
	if (rc != RC_OK) {
		log_failure("courier", &err);
		mda_release(m, jobs, n);
	}
	lease_end(m);
	if (rc != RC_OK && rc != RC_TEMP)
		return ENDED_BADLY;
	for (i = 0; i < n; i++) {
		if (rc != RC_OK || job_has_later(jobs[i]))
			return ENDED_LATER;
	}
	return ENDED_DONE;
}

/* A courier knows of itself only. */
static pid_t
couriers_fork(struct mda *m, const struct place *place,
    struct job *const *jobs, size_t n)
{
	pid_t pid = fork();

	if (pid == 0) {
		m->couriers->is_newcomer = place->is_newcomer;
		_exit(run_courier(m, jobs, n));
	}
	return pid;
}

static void
send_out(
    struct mda *m, struct str key, struct job *const *jobs, size_t n)
{
	struct couriers *c = m->couriers;
	struct place *place = find_place(m, key);
	pid_t pid = -1;
	size_t i;

	if (place && (pid = couriers_fork(m, place, jobs, n)) < 0) {
		log_begin(LOG_AT_ERROR, "fork-failed");
		log_num("errno", errno);
		log_end();
	}
	adapt_wait(m, pid > 0);
	if (pid > 0)
		c->shared->pids[place - c->v] = pid;
	else
		note_later(c, m->later_ms);
	for (i = 0; i < n; i++) {
		if (pid > 0)
			jobs[i]->is_finished = true;
		else
			verdict_later(jobs[i]);
	}
}

/* The destination of a job's first remote recipient. */
static enum rc
key_of(struct mda *m, struct job *j, struct str *ret_key, struct err *err)
{
	struct destination to = { .key = STR("") };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_REMOTE) {
			rc = destination_of(
			    m, j, &j->verdicts[i], &to, err);
			break;
		}
	}
	if (rc == RC_OK)
		*ret_key = to.key;
	return rc;
}

enum rc
couriers_hand_over(
    struct mda *m, struct job *jobs, size_t n, struct err *err)
{
	struct job **group = ARENA_ARRAY(m->a, n, struct job *);
	struct str *keys = ARENA_ARRAY(m->a, n, struct str);
	size_t i, k, n_group;
	enum rc rc = RC_OK;

	for (i = 0; rc == RC_OK && i < n; i++) {
		if (remote_is_wanted(&jobs[i]))
			rc = key_of(m, &jobs[i], &keys[i], err);
	}
	for (i = 0; rc == RC_OK && i < n; i++) {
		if (!keys[i].p)
			continue;
		n_group = 0;
		for (k = n; k-- > i;) {
			if (!keys[k].p || !str_equals(keys[k], keys[i]))
				continue;
			group[n_group++] = &jobs[k];
			if (k > i)
				keys[k] = STR_NONE;
		}
		send_out(m, keys[i], group, n_group);
	}
	return rc;
}
