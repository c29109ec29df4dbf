/* Limits over time; see guard.h. */
#include "mail/guard.h"

#include "auth/repeat.h"
#include "base/cidr.h"
#include "db/limits.h"
#include "log/log.h"

#include "base/banned.h"

enum { FIRST_DELAY_MS = 250 };

static void
log_limit(struct str key, int64_t n, int64_t left_ms)
{
	log_begin(LOG_AT_NOTE, "limit");
	log_str("key", key);
	log_num("count", n);
	log_num("seconds_left", left_ms / 1000);
	log_end();
}

enum rc
guard_rate(const struct guard *g, enum config_key key, struct str who,
    int64_t cost, bool *ret_allowed, struct err *err)
{
	const struct config_value *v = &g->config->v[key];
	struct str name = str_from_cstr(config_keys[key].name);
	struct limit_state state;
	char text[64];
	enum rc rc;

	*ret_allowed = true;
	if (v->n == 0)
		return RC_OK;
	name = arena_join3(
	    g->a, name, STR(" "), who.len ? who : cidr_host_key(g->peer, text));
	rc = limit_take(
	    g->db, name, cost, (int64_t)v->count, &state, err);
	if (rc == RC_OK && state.n > v->n) {
		*ret_allowed = false;
		log_limit(name, state.n, state.left_ms);
	}
	return rc;
}

/* --- logins ---------------------------------------------------------------------- */

enum login_key {
	KEY_NETWORK, /* failures of a network, of all users */
	KEY_USER,    /* failures of a user, from all networks */
	KEY_PAIR,    /* failures of a user from a network */
	KEY_KNOWN,   /* a user logged in from a network of late */
	KEYS,
};

#define KNOWN_MS (INT64_C(30) * 24 * 3600 * 1000)

struct login_keys {
	struct str v[KEYS];
};

static struct login_keys
keys_of(const struct guard *g, struct str name)
{
	char text[64];
	struct str network = cidr_source_key(g->peer, text);
	struct str pair = arena_join3(g->a, network, STR(" "), name);

	return (struct login_keys){ {
		[KEY_NETWORK] =
		    arena_join(g->a, STR("login network "), network),
		[KEY_USER] = arena_join(g->a, STR("login user "), name),
		[KEY_PAIR] = arena_join(g->a, STR("login pair "), pair),
		[KEY_KNOWN] = arena_join(g->a, STR("login known "), pair),
	} };
}

/* Of the answer to a failure, by what is known to have failed before it. */
static int64_t
delay_of(const struct config *c, int64_t failures)
{
	int64_t over = failures + 1 - c->v[CFG_LIMIT_LOGINS_FREE].n;
	int64_t most = config_int(c, CFG_LIMIT_LOGINS_DELAY), ms;

	if (over <= 0 || c->v[CFG_LIMIT_LOGINS_FREE].n == 0)
		return 0;
	ms = (int64_t)FIRST_DELAY_MS << (over > 16 ? 16 : over - 1);
	return ms < most ? ms : most;
}

/* Of these networks nothing is counted, and nobody there is held up. */
static bool
guard_is_exempt(const struct guard *g)
{
	const struct config_value *nets =
	    &g->config->v[CFG_LIMIT_LOGINS_EXEMPT];
	size_t i;

	for (i = 0; i < nets->count; i++) {
		if (cidr_matches(nets->list[i], g->peer))
			return true;
	}
	return false;
}

static bool
is_on(const struct guard *g)
{
	const struct config_value *v = g->config->v;

	return (v[CFG_LIMIT_LOGINS_SOURCE].n || v[CFG_LIMIT_LOGINS_USER].n ||
		   v[CFG_LIMIT_LOGINS_FREE].n) &&
	    !guard_is_exempt(g);
}

/* Of one counter: by the key that limits it, else by that of the delays. */
static int64_t
guard_window(const struct config *c, enum login_key key)
{
	const struct config_value *v =
	    &c->v[key == KEY_NETWORK ? CFG_LIMIT_LOGINS_SOURCE
				     : CFG_LIMIT_LOGINS_USER];

	if (v->n == 0)
		v = &c->v[CFG_LIMIT_LOGINS_FREE];
	if (v->n == 0)
		v = &c->v[CFG_LIMIT_LOGINS_SOURCE];
	return (int64_t)v->count;
}

/* This try, and so many failures, to the counters before `end`. */
static enum rc
guard_give(const struct guard *g, const struct login_keys *k,
    enum login_key end, int64_t failed, struct err *err)
{
	enum rc rc = RC_OK;
	int i;

	for (i = 0; rc == RC_OK && i < (int)end; i++)
		rc = limit_give(g->db, k->v[i], 1 + failed, failed, err);
	return rc;
}

static enum rc
guard_give_all(const struct guard *g, const struct login_keys *k,
    struct err *err)
{
	return guard_give(g, k, KEY_PAIR + 1, 0, err);
}

/*
 * The failures of this user from here are his who takes them off the third
 * counter: of logins side by side one gives them back to the other two, or
 * each would, and a user could empty the counter of his network.
 */
static enum rc
guard_settle(
    const struct guard *g, const struct login_keys *k, struct err *err)
{
	int64_t failed;
	enum rc rc = limit_settle(g->db, k->v[KEY_PAIR], 1, &failed, err);

	return rc == RC_OK ? guard_give(g, k, KEY_PAIR, failed, err) : rc;
}

/*
 * What holds for this try; 0: nothing. A user who logged in from here of late
 * is not held up by others: only what failed for him here counts.
 */
static int64_t
guard_limit(const struct config *c, bool is_known, enum login_key key)
{
	if ((key == KEY_PAIR) != is_known)
		return 0;
	return c->v[key == KEY_NETWORK ? CFG_LIMIT_LOGINS_SOURCE
				       : CFG_LIMIT_LOGINS_USER].n;
}

/*
 * Over a limit one try is let through now and then, as many more in a window
 * as the limit says. Else whoever keeps a counter full would shut out those
 * who come to a network for the first time, and for ever.
 */
static enum rc
guard_wait_turn(const struct guard *g, const struct login_keys *k,
    enum login_key over, int64_t limit, bool *ret_is_its_turn,
    struct err *err)
{
	int64_t pause = guard_window(g->config, over) / limit;
	struct limit_state state;
	enum rc rc = limit_take(g->db,
	    arena_join(g->a, STR("login over "), k->v[over]), 1,
	    pause ? pause : 1, &state, err);

	*ret_is_its_turn = rc == RC_OK && state.n == 1;
	return rc;
}

static enum rc
guard_refuse(const struct guard *g, const struct login_keys *k,
    enum login_key over, const struct limit_state *n,
    struct login_guard *ret, struct err *err)
{
	ret->is_refused = true;
	ret->delay_ms = delay_of(g->config, n[over].failed);
	log_limit(k->v[over], n[over].n, n[over].left_ms);
	return guard_give_all(g, k, err);
}

/* Exact, however many processes count at the same time. */
static enum rc
count_login(const struct guard *g, const struct login_keys *k,
    struct login_guard *ret, struct err *err)
{
	struct limit_state n[KEY_PAIR + 1];
	bool is_its_turn = true;
	enum rc rc = RC_OK;
	int i;

	for (i = 0; rc == RC_OK && i <= KEY_PAIR; i++)
		rc = limit_take(g->db, k->v[i], 1,
		    guard_window(g->config, (enum login_key)i), &n[i], err);
	for (i = 0; rc == RC_OK && i <= KEY_PAIR; i++) {
		enum login_key key = (enum login_key)i;
		int64_t limit = guard_limit(g->config, ret->is_known, key);

		if (limit == 0 || n[i].n <= limit)
			continue;
		rc = guard_wait_turn(g, k, key, limit, &is_its_turn, err);
		if (rc == RC_OK && !is_its_turn)
			return guard_refuse(g, k, key, n, ret, err);
	}
	if (rc != RC_OK)
		return rc;
	ret->is_counted = true;
	ret->failed = n[KEY_USER].failed > n[KEY_NETWORK].failed
	    ? n[KEY_USER].failed
	    : n[KEY_NETWORK].failed;
	return RC_OK;
}

enum rc
guard_login(const struct guard *g, struct str name, bool is_slow,
    struct login_guard *ret, struct err *err)
{
	bool held[KEYS];
	struct login_keys k;
	enum rc rc;

	*ret = (struct login_guard){ 0 };
	if (!is_on(g))
		return RC_OK;
	k = keys_of(g, name);
	rc = limit_look(g->db, k.v, KEYS, held, err);
	if (rc != RC_OK)
		return rc;
	ret->is_known = held[KEY_KNOWN];
	if (!is_slow && !held[KEY_NETWORK] && !held[KEY_USER] &&
	    !held[KEY_PAIR])
		return RC_OK;
	return count_login(g, &k, ret, err);
}

/*
 * Nothing had failed when this try began, so it was not counted. Where that
 * is no longer so it is one of a burst, and right only if it is not over.
 */
static enum rc
guard_look_again(const struct guard *g, const struct login_keys *k,
    struct login_guard *login, struct err *err)
{
	bool held[KEYS];
	enum rc rc = limit_look(g->db, k->v, KEYS, held, err);

	if (rc != RC_OK)
		return rc;
	if (!held[KEY_NETWORK] && !held[KEY_USER] && !held[KEY_PAIR])
		return RC_OK;
	return count_login(g, k, login, err);
}

/*
 * Takes back this try and what failed before for this user from here; what
 * others did stays, or an attacker with a mailbox of his own would begin anew
 * with each login.
 */
bool
guard_login_good(const struct guard *g, struct str name,
    struct login_guard *login)
{
	struct limit_state unused;
	enum rc rc = RC_OK;
	struct login_keys k;
	struct err err;

	if (!is_on(g))
		return true;
	k = keys_of(g, name);
	if (!login->is_counted)
		rc = guard_look_again(g, &k, login, &err);
	if (rc == RC_OK && login->is_refused)
		return false;
	if (rc == RC_OK && login->is_counted)
		rc = guard_settle(g, &k, &err);
	if (rc == RC_OK && !login->is_known)
		rc = limit_take(g->db, k.v[KEY_KNOWN], 1, KNOWN_MS, &unused,
		    &err);
	if (rc != RC_OK)
		log_failure("limits", &err);
	return true;
}

static enum rc
guard_count_failure(const struct guard *g, const struct login_keys *k,
    uint32_t hash, struct login_guard *login, struct err *err)
{
	bool is_again = false, unused;
	enum rc rc =
	    limit_fail(g->db, k->v[KEY_PAIR], hash, &is_again, err);

	if (rc == RC_OK && is_again)
		rc = guard_give_all(g, k, err);
	else if (rc == RC_OK)
		rc = limit_fail(g->db, k->v[KEY_NETWORK], 0, &unused, err);
	if (rc == RC_OK && !is_again)
		rc = limit_fail(g->db, k->v[KEY_USER], 0, &unused, err);
	login->delay_ms =
	    delay_of(g->config, login->failed - (is_again ? 1 : 0));
	return rc;
}

void
guard_login_failed(const struct guard *g, struct str name,
    struct str password, struct login_guard *login)
{
	enum rc rc = RC_OK;
	struct login_keys k;
	uint32_t hash = 0;
	struct err err;

	if (!is_on(g))
		return;
	k = keys_of(g, name);
	if (!login->is_counted)
		rc = count_login(g, &k, login, &err);
	if (rc == RC_OK && login->is_refused)
		return;
	if (password.p)
		hash = repeat_hash(config_str(g->config, CFG_RUNTIME_DIR),
		    name, password);
	if (rc == RC_OK)
		rc = guard_count_failure(g, &k, hash, login, &err);
	if (rc != RC_OK)
		log_failure("limits", &err);
}
