/*
 * Remote delivery in processes of its own, one a destination: a host that
 * takes minutes to answer holds up neither local mail nor other hosts.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "log/log.h"
#include "remote.h"

#include "base/banned.h"

enum { PATIENCE_MS = 1000, NAP_MS = 5 };
enum { LATER_LAST_MS = 8000 };
enum { ENDED_DONE, ENDED_BADLY, ENDED_LATER }; /* exit codes of a courier */

struct couriers {
	pid_t *pids;    /* 0 = free */
	struct buf *keys; /* the destination of each */
	int max;
	bool has_later; /* something waits for room, for seconds */
};

struct couriers *
couriers_new(int max)
{
	struct couriers *c = mem_alloc(sizeof(*c));

	c->max = max;
	c->pids = mem_alloc(mem_product((size_t)max, sizeof(*c->pids)));
	c->keys = mem_alloc(mem_product((size_t)max, sizeof(*c->keys)));
	return c;
}

void
couriers_free(struct couriers *c)
{
	int i;

	for (i = 0; i < c->max; i++)
		buf_done(&c->keys[i]);
	mem_free(c->keys);
	mem_free(c->pids);
	mem_free(c);
}

/* Another one's waitpid may have been faster: then it is gone as well. */
static void
reap(struct couriers *c, int i, int flags)
{
	pid_t pid = 0;
	int status = 0;

	if (c->pids[i] == 0)
		return;
	do {
		pid = waitpid(c->pids[i], &status, flags);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return;
	c->pids[i] = 0;
	c->has_later |= WIFEXITED(status) &&
	    WEXITSTATUS(status) == ENDED_LATER;
}

int
couriers_count(struct couriers *c)
{
	int i, n = 0;

	for (i = 0; i < c->max; i++) {
		reap(c, i, WNOHANG);
		n += c->pids[i] != 0;
	}
	return n;
}

bool
couriers_take_later(struct couriers *c)
{
	bool has_later = c->has_later;

	c->has_later = false;
	return has_later;
}

void
couriers_wait(struct couriers *c, bool is_stop)
{
	int i;

	for (i = 0; is_stop && i < c->max; i++) {
		if (c->pids[i])
			kill(c->pids[i], SIGTERM);
	}
	for (i = 0; i < c->max; i++)
		reap(c, i, 0);
}

static int64_t
count_same(struct couriers *c, struct str key)
{
	int64_t n = 0;
	int i;

	(void)couriers_count(c);
	for (i = 0; i < c->max; i++)
		n += c->pids[i] && str_equals(buf_str(&c->keys[i]), key);
	return n;
}

/*
 * A free place, NULL after a while without one. More couriers than sessions
 * would only wait for each other, and take the places of other destinations.
 */
static pid_t *
find_place(struct mda *m, struct str key)
{
	struct couriers *c = m->couriers;
	int64_t deadline = clock_deadline(PATIENCE_MS);
	int i;

	if (count_same(c, key) >=
	    config_int(m->config, CFG_REMOTE_CONCURRENCY))
		return NULL;
	while (couriers_count(c) == c->max && clock_left_ms(deadline) > 0)
		clock_sleep(NAP_MS);
	for (i = 0; i < c->max; i++) {
		if (c->pids[i])
			continue;
		buf_reset(&c->keys[i]);
		buf_add_str(&c->keys[i], key);
		return &c->pids[i];
	}
	return NULL;
}

/* The more finds no room, the longer it waits, or claims were all we do. */
static void
adapt_wait(struct mda *m, bool has_place)
{
	if (has_place)
		m->later_ms = MDA_LATER_MS;
	else if (m->later_ms < LATER_LAST_MS)
		m->later_ms *= 2;
}

/* What it did not finish is tried again when its lease ends. */
static int
run_courier(struct mda *m, struct job *const *jobs, size_t n)
{
	struct err err;
	size_t i;

	db_postfork(m->p->db);
	m->later_ms = MDA_LATER_MS;
	m->worker = mda_worker_name(m->a, m->p);
	if (remote_deliver(m, jobs, n, &err) != RC_OK) {
		log_failure("courier", &err);
		mda_release(m, jobs, n);
		return ENDED_BADLY;
	}
	for (i = 0; i < n; i++) {
		if (job_has_later(jobs[i]))
			return ENDED_LATER;
	}
	return ENDED_DONE;
}

static enum rc
send_out(struct mda *m, struct str key, struct job *const *jobs, size_t n,
    struct err *err)
{
	pid_t *place = find_place(m, key);
	enum rc rc = RC_OK;
	size_t i;

	adapt_wait(m, place != NULL);
	if (place && (*place = fork()) == 0)
		_exit(run_courier(m, jobs, n));
	for (i = 0; i < n; i++) {
		if (place && *place > 0) {
			jobs[i]->is_finished = true;
			continue;
		}
		verdict_later(jobs[i]);
		m->couriers->has_later = true;
	}
	if (place && *place < 0) {
		*place = 0;
		rc = err_set(err, RC_TEMP, "4.3.0", "fork: %m");
	}
	return rc;
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
		rc = send_out(m, keys[i], group, n_group, err);
	}
	return rc;
}
