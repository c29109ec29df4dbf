/*
 * m3mta-mda: claims what is due, decides for each recipient what becomes of
 * it, delivers, and writes the outcome. Nothing is remembered between two
 * claims but caches: the database has it all.
 */
#ifndef M3_CMD_MDA_MDA_H
#define M3_CMD_MDA_MDA_H

#include <sys/types.h>

#include "base/vec.h"
#include "db/deliver.h"
#include "db/queue.h"
#include "lease.h"
#include "mail/rcpt.h"
#include "mail/report_text.h"
#include "places.h"
#include "program/program.h"

struct route_cache;
struct couriers;
struct doorbell;

struct mda {
	struct program *p;
	const struct config *config;
	struct db *db;
	struct str worker;        /* mda_worker_name() */
	struct route_cache *cache;
	const struct report_texts *texts;
	int64_t next_expiry_ms;
	int64_t next_collect_ms;
	pid_t collector;          /* see collect.h */
	struct couriers *couriers;
	struct leases leases;     /* lease.h */
	struct places places;     /* places.h: of a courier */
	struct doorbell *bell;    /* or NULL */
	bool has_more;            /* claimed, given back and due at once */
	int64_t later_ms;         /* how long what finds no room waits, or
	                           * twice as long */
	int stop_fd;              /* readable: finish what is claimed, end */
	struct arena *a;          /* of one claim */
};

enum { MDA_LATER_MS = 1000 }; /* later_ms at first */

/* What this attempt found out about one recipient. */
enum fate {
	FATE_NONE,       /* ended in an earlier attempt, or waits for those
	                  * that this one adds */
	FATE_LOCAL,      /* waits for the transaction */
	FATE_REMOTE,     /* waits for a session */
	FATE_DELIVERED,
	FATE_EXPANDED,   /* its destinations were added */
	FATE_FAILED,     /* for good */
	FATE_RETRY,
	FATE_HELD,       /* until somebody releases the message */
	FATE_LATER,      /* not tried: no room now, again in seconds */
};

/* To a remote system: what a report of success may say (RFC 3461 5.2). */
enum relayed { RELAYED_NO, RELAYED_SILENT, RELAYED_TO_DSN };

struct verdict {
	enum fate fate;
	struct queue_recipient now; /* as it will be written */
	struct rcpt_answer answer;
	struct address to;
	enum relayed relayed;
	uint32_t wider;             /* NOTIFY, when it also stands for another
	                             * address; 0 = as it is */
	struct str folder;          /* a filter's choice, "" = none */
	struct delivery_content *content; /* written by a filter, or NULL */
	struct queue_item *reply;   /* of a filter, sent with the delivery */
	const struct verdict *twin; /* whose copy is this one's too, or NULL */
	bool wants_inbox;           /* the folder it was for is not there */
	bool is_written;            /* by the delivery's transaction */
};

/* One claimed message. */
struct job {
	const struct queue_item *item;
	struct verdict *verdicts;   /* one a recipient */
	VEC(struct queue_recipient) added;
	VEC(struct queue_item) posts; /* what goes to lists, new messages */
	struct mailbox *sender;       /* that logged in to send it, or NULL */
	bool has_sender;              /* it was asked */
	size_t size;                  /* of its document with what is added
	                               * (queue_size), 0 = not asked */
	int64_t lease_ms;           /* monotonic: until then it is ours */
	bool is_lost;               /* the lease is another's, or ran out */
	bool is_finished;           /* the document is gone, or another
	                             * process goes on with it */
	bool is_expired;
};

/*
 * host/pid/random: hosts may share the configured name and, as containers,
 * the numbers of their processes; who gives back a place must be one.
 */
struct str mda_worker_name(struct arena *a, const struct program *p);
/* Until nothing is due in the buckets (bits). RC_TEMP: the database. */
enum rc mda_work(struct mda *m, uint64_t buckets, struct err *err);
/* Gives back the claims of jobs that were not finished, after a failure. */
void mda_release(struct mda *m, struct job *const *jobs, size_t n);
/*
 * Those that only wait for room go back, as if never claimed, in one write;
 * they are finished. RC_TEMP: the database.
 */
enum rc mda_put_off(
    struct mda *m, struct job *const *jobs, size_t n, struct err *err);
/* True when the process was told to end. */
bool mda_is_stopping(const struct mda *m);
/* The doorbell rang: mail waits that may be local. */
bool mda_is_wanted(const struct mda *m);

/* --- route.c: what becomes of a recipient ------------------------------------ */

struct route_cache *route_cache_new(void);
void route_cache_free(struct route_cache *c);
/*
 * Forgets answers that are seconds old. Before each claim, never in the
 * middle: the jobs of a claim borrow from them.
 */
void route_cache_refresh(struct route_cache *c);
/* One of them was wrong: the next refresh forgets all. */
void route_cache_forget(struct route_cache *c);
/* Fills the verdicts of all pending recipients. */
enum rc route_job(struct mda *m, struct job *j, struct err *err);

/* Who answers for an address, from a cache of a few seconds. */
enum rc route_decide(struct mda *m, const struct address *to,
    struct rcpt_answer *ret, struct err *err);

/* Helpers that set a verdict, one more try; texts are copied into the claim's arena. */
void verdict_set(struct mda *m, struct verdict *v, enum fate fate,
    uint32_t code, const char *status, struct str text);
void verdict_fail(struct mda *m, struct verdict *v, uint32_t code,
    const char *status, struct str text);
void verdict_retry(struct mda *m, struct verdict *v, uint32_t code,
    const char *status, struct str text);
/* All that wait for a session wait for another claim. */
void verdict_later(struct job *j);
bool job_has_later(const struct job *j);
/* Some recipient came to stand for another address as well. */
bool job_has_wider(const struct job *j);
/* Nothing else is to be written about this attempt. */
bool job_is_only_later(const struct job *j);

/* --- expansion.c: aliases, lists, and what a filter sends elsewhere ------------- */

/* v is for an alias or a list. RC_TEMP: the directory. */
enum rc expansion_apply(
    struct mda *m, struct job *j, struct verdict *v, struct err *err);
/*
 * A filter of v's mailbox sends it to these addresses instead. One that
 * leads back to the mailbox is a copy in it, which no filter sees again.
 */
enum rc expansion_redirect(struct mda *m, struct job *j, struct verdict *v,
    const struct str *addresses, size_t n, struct err *err);
/* A filter of this mailbox had a hand in it. */
bool expansion_was_filtered(struct mda *m, const struct verdict *v);

/* --- filters.c: spamd and filters before a local delivery ----------------------- */

/* The job's item as it is after spamd, when the mda is to ask it. */
enum rc filters_look(struct mda *m, struct job *j, struct err *err);
/* v stays FATE_LOCAL when it is to be delivered. */
enum rc filters_apply(
    struct mda *m, struct job *j, struct verdict *v, struct err *err);

/* --- local.c: all FATE_LOCAL of all jobs in one transaction -------------------- */

/* What the copy's Delivered-To says: never "*@domain". */
struct str local_delivered_to(struct mda *m, const struct verdict *v);
/*
 * Routes the jobs and plans them, with what spamd and filters say, until a
 * moment has passed; then delivers these, the first *ret_n of them. What one
 * of them waits for, those behind it do not.
 */
enum rc local_deliver(struct mda *m, struct job *jobs, size_t n,
    size_t *ret_n, struct err *err);

/* --- couriers.c: remote delivery in processes of its own ------------------------- */

struct couriers *couriers_new(int max);
/* A pass over the queue begins: it may wait for places for a second in all. */
void couriers_new_pass(struct couriers *c);
/*
 * Jobs with remote recipients, by destination; they are finished for the
 * caller. When all are busy, or as many for one destination as it gets
 * sessions, it leaves jobs for later.
 */
enum rc couriers_hand_over(
    struct mda *m, struct job *jobs, size_t n, struct err *err);
/* How many are under way. */
int couriers_count(struct couriers *c);
/* How many have ended so far. */
unsigned couriers_ended(const struct couriers *c);
/* Something was put off, and becomes due in seconds. */
bool couriers_has_later(const struct couriers *c);
void couriers_signal(const struct couriers *c, int signal_number);
/* For the supervisor: some are there; one of any worker has ended. */
bool couriers_has_orphans(const struct couriers *c);
void couriers_forget(struct couriers *const *all, int n, pid_t pid);
/* Tells all to end, gives them some seconds, then kills them. */
void couriers_stop(struct couriers *c);
/* For the log: a courier that did not end as it should. */
void couriers_log_end(pid_t pid, int status);
/* In a courier: the answer takes longer than there is time for, while
 * others wait for places. */
bool couriers_is_impatient(const struct mda *m);
void couriers_free(struct couriers *c);

/* --- outcome.c: what is left of a job, with its reports ------------------------ */

enum rc outcome_write(struct mda *m, struct job *j, struct err *err);
/*
 * In the middle of an attempt: what was delivered so far is written down at
 * once, the rest of the attempt goes on. RC_TEMP: the database.
 */
enum rc outcome_progress(struct mda *m, struct job *j, struct err *err);

#endif
