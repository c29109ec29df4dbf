/* Settings that do not go together; see config_fit.h. */
#include "model/config_fit.h"

#include "base/num.h"

#include "base/banned.h"

enum { FILTER_TIMEOUT_S = 30 };

struct fitting {
	const struct config *c;
	struct arena *a;
	config_misfits *misfits;
};

int64_t
config_filter_timeout_ms(const struct config_record *filter)
{
	uint64_t seconds = FILTER_TIMEOUT_S;

	(void)num_parse_duration(
	    config_field(filter, STR("timeout")), &seconds);
	return (int64_t)seconds * 1000;
}

static struct str
fit_seconds(struct arena *a, int64_t ms)
{
	return arena_printf(a, "%llds", (long long)(ms / 1000));
}

/*
 * A lease is renewed while its worker waits. When the database is away for
 * longer than that, the lease ends in the middle of the wait; a lease that
 * is no shorter than any wait is there at its end whatever happens.
 */
static void
fit_wait(const struct fitting *f, struct str what, int64_t ms)
{
	int64_t lease_ms = config_int(f->c, CFG_MDA_LEASE);

	if (ms <= lease_ms)
		return;
	VEC_PUSH(f->a, f->misfits, arena_printf(f->a,
	    "mda.lease (%.*s) is shorter than %.*s (%.*s): when the database "
	    "is away during that wait, another worker does the same again",
	    STR_ARG(fit_seconds(f->a, lease_ms)), STR_ARG(what),
	    STR_ARG(fit_seconds(f->a, ms))));
}

/* What all the work on a message may take. */
static void
fit_work(const struct fitting *f, struct str what, int64_t ms)
{
	int64_t all_ms = config_int(f->c, CFG_REMOTE_TIMEOUT_MESSAGE);

	if (ms <= all_ms)
		return;
	VEC_PUSH(f->a, f->misfits, arena_printf(f->a,
	    "remote.timeout.message (%.*s) is shorter than %.*s (%.*s): it "
	    "ends the work before that time is over",
	    STR_ARG(fit_seconds(f->a, all_ms)), STR_ARG(what),
	    STR_ARG(fit_seconds(f->a, ms))));
}

/* All that see a message before its delivery, one after the other. */
static void
fit_programs(const struct fitting *f)
{
	const struct config_value *v = &f->c->v[CFG_FILTERS];
	bool has_spamd = config_str(f->c, CFG_SPAM_SERVER).len &&
	    str_equals(config_str(f->c, CFG_SPAM_AT), STR("mda"));
	int64_t ms, sum_ms = 0;
	size_t i;

	if (has_spamd) {
		sum_ms = config_int(f->c, CFG_SPAM_TIMEOUT);
		fit_wait(f, STR("spam.timeout"), sum_ms);
	}
	for (i = 0; i < v->count; i++) {
		ms = config_filter_timeout_ms(&v->records[i]);
		sum_ms += ms;
		fit_wait(f, arena_printf(f->a,
		    "the timeout of entry %zu of filters", i + 1), ms);
	}
	fit_work(f, STR("what spamd and filters may take"), sum_ms);
}

void
config_fit(
    const struct config *c, struct arena *a, config_misfits *ret_misfits)
{
	static const enum config_key waits[] = { CFG_REMOTE_TIMEOUT,
		CFG_REMOTE_TIMEOUT_CONNECT };
	struct fitting f = { c, a, ret_misfits };
	size_t i;

	*ret_misfits = (config_misfits){ 0 };
	for (i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		struct str name = str_from_cstr(config_keys[waits[i]].name);

		fit_wait(&f, name, config_int(c, waits[i]));
		fit_work(&f, name, config_int(c, waits[i]));
	}
	if (config_int(c, CFG_REMOTE_TIMEOUT_SHORT) >
	    config_int(c, CFG_REMOTE_TIMEOUT))
		VEC_PUSH(a, ret_misfits,
		    STR("remote.timeout.short is longer than "
			"remote.timeout.reply: it has no effect"));
	if (config_int(c, CFG_MDA_LEASE) >
	    config_int(c, CFG_REMOTE_TIMEOUT_MESSAGE))
		VEC_PUSH(a, ret_misfits,
		    STR("mda.lease is longer than remote.timeout.message: "
			"what a worker had when it died waits longer than "
			"any work may take"));
	fit_programs(&f);
}
