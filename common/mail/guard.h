/*
 * What a client may do over time, counted in MongoDB for all processes of
 * all hosts: connections, messages, and failed logins with their growing
 * delays. A limit that is off costs no round trip.
 */
#ifndef M3_MAIL_GUARD_H
#define M3_MAIL_GUARD_H

#include "db/db.h"
#include "model/config.h"

struct guard {
	struct db *db;
	struct arena *a;
	const struct config *config;
	struct str peer;       /* address of the client */
};

/*
 * Counts `cost` of the rate `key` for who ("" = the peer's address). False
 * in *ret_allowed: over the limit; a line was logged.
 */
enum rc guard_rate(const struct guard *g, enum config_key key,
    struct str who, int64_t cost, bool *ret_allowed, struct err *err);

struct login_guard {
	bool is_refused;      /* answer that it was not even tried */
	bool is_counted;
	bool is_known;        /* he logged in from this network of late */
	int64_t delay_ms;     /* before the answer of what failed or is refused */
	int64_t failed;       /* before this try: of user or network */
};

/*
 * Before a login is tried. Where nothing has failed of late, that costs one
 * read. Else the try is counted, for the network, for the user, and for the
 * two together, so that tries side by side see each other; guard_login_good
 * takes that back. Over limit.logins.source (network) or limit.logins.user
 * it is refused, unless this user logged in from this network within 30 days:
 * then only his own failures from there count. Even so one try is let through
 * in each window / limit. A right password that is tried is never delayed.
 * is_slow: the client decides when the try ends (SCRAM), so it is counted in
 * any case; else many could begin while nothing has failed yet.
 */
enum rc guard_login(const struct guard *g, struct str name, bool is_slow,
    struct login_guard *ret, struct err *err);
/*
 * Writes nothing when he is known there and nothing failed. False: it was one
 * of a burst and is over a limit by now; answer as to a failure, is_refused.
 */
bool guard_login_good(const struct guard *g, struct str name,
    struct login_guard *login);
/*
 * Counts the failure; password, when it is known, is counted once in its
 * window (auth/repeat.h), else STR_NONE. What was not counted before may turn
 * out to be over a limit now: is_refused and delay_ms are those of the
 * answer.
 */
void guard_login_failed(const struct guard *g, struct str name,
    struct str password, struct login_guard *login);

#endif
