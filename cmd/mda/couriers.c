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

enum { PATIENCE_MS = 1000, NAP_MS = 5, LATER_LAST_MS = 8000,
	MARGIN_MS = 500 };
enum { ENDED_DONE, ENDED_BADLY, ENDED_LATER }; /* exit codes of a courier */

struct place {
	pid_t pid;          /* of its courier, 0 = free */
	struct buf key;     /* its destination */
	int64_t started_ms;
};

struct couriers {
	struct place *v;
	int n;
	int64_t later_ms;   /* until then something that was put off is due */
};

struct couriers *
couriers_new(int max)
{
	struct couriers *c = mem_alloc(sizeof(*c));

	c->n = max;
	c->v = mem_alloc(mem_product((size_t)max, sizeof(*c->v)));
	return c;
}

void
couriers_free(struct couriers *c)
{
	int i;

	for (i = 0; i < c->n; i++)
		buf_done(&c->v[i].key);
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

/* Another one's waitpid may have been faster: then it is gone as well. */
static void
reap(struct couriers *c, struct place *p, int flags)
{
	pid_t pid = 0;
	int status = 0;

	if (p->pid == 0)
		return;
	do {
		pid = waitpid(p->pid, &status, flags);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return;
	p->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_LATER)
		note_later(c, MDA_LATER_MS);
}

int
couriers_count(struct couriers *c)
{
	int i, n = 0;

	for (i = 0; i < c->n; i++) {
		reap(c, &c->v[i], WNOHANG);
		n += c->v[i].pid != 0;
	}
	return n;
}

bool
couriers_has_later(const struct couriers *c)
{
	return clock_left_ms(c->later_ms) > 0;
}

void
couriers_wait(struct couriers *c, bool is_stop)
{
	int i;

	for (i = 0; is_stop && i < c->n; i++) {
		if (c->v[i].pid)
			kill(c->v[i].pid, SIGTERM);
	}
	for (i = 0; i < c->n; i++)
		reap(c, &c->v[i], 0);
}

/* Those on the way to a destination; the newest one's age, milliseconds. */
static int64_t
count_same(struct couriers *c, struct str key, int64_t *ret_age_ms)
{
	int64_t now = clock_mono_ms(), n = 0;
	int i;

	*ret_age_ms = INT64_MAX;
	(void)couriers_count(c);
	for (i = 0; i < c->n; i++) {
		const struct place *p = &c->v[i];

		if (!p->pid || !str_equals(buf_str(&p->key), key))
			continue;
		n++;
		if (now - p->started_ms < *ret_age_ms)
			*ret_age_ms = now - p->started_ms;
	}
	return n;
}

/*
 * More couriers than sessions would only wait for each other. Where a batch
 * takes a moment, one of them ends in a moment; where all have been under way
 * for longer, nobody waits for that host.
 */
static bool
wait_for_same(struct mda *m, struct str key)
{
	int64_t max = config_int(m->config, CFG_REMOTE_CONCURRENCY), age_ms;

	while (count_same(m->couriers, key, &age_ms) >= max) {
		if (age_ms > PATIENCE_MS || mda_is_stopping(m))
			return false;
		clock_sleep(NAP_MS);
	}
	return true;
}

/* A free place, NULL after a while without one. */
static struct place *
find_place(struct mda *m, struct str key)
{
	int64_t deadline = clock_deadline(PATIENCE_MS);
	struct couriers *c = m->couriers;
	int i;

	if (!wait_for_same(m, key))
		return NULL;
	while (couriers_count(c) == c->n && clock_left_ms(deadline) > 0)
		clock_sleep(NAP_MS);
	for (i = 0; i < c->n; i++) {
		if (c->v[i].pid)
			continue;
		buf_reset(&c->v[i].key);
		buf_add_str(&c->v[i].key, key);
		c->v[i].started_ms = clock_mono_ms();
		return &c->v[i];
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
	struct place *place = find_place(m, key);
	size_t i;

	adapt_wait(m, place != NULL);
	if (place && (place->pid = fork()) == 0)
		_exit(run_courier(m, jobs, n));
	if (place && place->pid > 0) {
		for (i = 0; i < n; i++)
			jobs[i]->is_finished = true;
		return RC_OK;
	}
	for (i = 0; i < n; i++)
		verdict_later(jobs[i]);
	note_later(m->couriers, m->later_ms);
	if (!place)
		return RC_OK;
	place->pid = 0;
	return err_set(err, RC_TEMP, "4.3.0", "fork: %m");
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
