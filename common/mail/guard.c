/* Limits over time; see guard.h. */
#include "mail/guard.h"

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

struct login_keys {
	struct str network;
	struct str user;
};

static struct login_keys
keys_of(const struct guard *g, struct str name)
{
	char text[64];
	struct str network = cidr_source_key(g->peer, text);

	return (struct login_keys){
		arena_join(g->a, STR("login network "), network),
		arena_join(g->a, STR("login user "), name),
	};
}

/*
 * By what is known to have failed, and this try: logins that are under way at
 * the same time, as those of a webmail, delay nobody.
 */
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

static bool
is_on(const struct config *c)
{
	return c->v[CFG_LIMIT_LOGINS_SOURCE].n ||
	    c->v[CFG_LIMIT_LOGINS_FREE].n;
}

/* Exact, however many processes count at the same time. */
static enum rc
count_login(const struct guard *g, const struct login_keys *k,
    struct login_guard *ret, struct err *err)
{
	const struct config_value *source =
	    &g->config->v[CFG_LIMIT_LOGINS_SOURCE];
	const struct config_value *unpunished =
	    &g->config->v[CFG_LIMIT_LOGINS_FREE];
	struct limit_state user = { 0 }, network = { 0 };
	enum rc rc;

	*ret = (struct login_guard){ .is_counted = true };
	rc = limit_take(g->db, k->network, 1,
	    (int64_t)(source->n ? source->count : unpunished->count),
	    &network, err);
	if (rc == RC_OK && source->n && network.n > source->n) {
		ret->is_refused = true;
		log_limit(k->network, network.n, network.left_ms);
		return RC_OK;
	}
	if (rc == RC_OK && unpunished->n)
		rc = limit_take(g->db, k->user, 1,
		    (int64_t)unpunished->count, &user, err);
	ret->delay_ms = delay_of(g->config,
	    user.failed > network.failed ? user.failed : network.failed);
	return rc;
}

enum rc
guard_login(const struct guard *g, struct str name, struct login_guard *ret,
    struct err *err)
{
	struct login_keys k;
	bool has_failures;
	enum rc rc;

	*ret = (struct login_guard){ 0 };
	if (!is_on(g->config))
		return RC_OK;
	k = keys_of(g, name);
	rc = limit_any(g->db, (const struct str[]){ k.network, k.user }, 2,
	    &has_failures, err);
	if (rc != RC_OK || !has_failures)
		return rc;
	return count_login(g, &k, ret, err);
}

void
guard_login_good(const struct guard *g, struct str name,
    const struct login_guard *login)
{
	struct login_keys k;
	struct err err;
	enum rc rc = RC_OK;

	if (!login->is_counted)
		return;
	k = keys_of(g, name);
	if (g->config->v[CFG_LIMIT_LOGINS_FREE].n)
		rc = limit_clear(g->db, k.user, &err);
	if (rc == RC_OK)
		rc = limit_give(g->db, k.network, 1, &err);
	if (rc != RC_OK)
		log_failure("limits", &err);
}

void
guard_login_failed(
    const struct guard *g, struct str name, struct login_guard *login)
{
	bool was_counted = login->is_counted;
	enum rc rc = RC_OK;
	struct login_keys k;
	struct err err;

	login->delay_ms = 0;
	if (!is_on(g->config))
		return;
	k = keys_of(g, name);
	if (!was_counted)
		rc = count_login(g, &k, login, &err);
	if (rc == RC_OK && login->is_refused)
		return;
	if (rc == RC_OK)
		rc = limit_fail(g->db, k.network, &err);
	if (rc == RC_OK && g->config->v[CFG_LIMIT_LOGINS_FREE].n)
		rc = limit_fail(g->db, k.user, &err);
	if (rc != RC_OK)
		log_failure("limits", &err);
}
