/* The ladder; see retry.h. */
#include "mail/retry.h"

#include "base/num.h"
#include "base/rnd.h"

#include "base/banned.h"

struct retry_step
retry_after(const struct config *c, uint32_t attempt)
{
	const struct config_value *ladder = &c->v[CFG_RETRY_DURATIONS];
	uint32_t last = (uint32_t)ladder->count - 1;
	const struct config_record *rung =
	    &ladder->records[attempt < last ? attempt : last];
	uint32_t spread_ms = (uint32_t)config_int(c, CFG_RETRY_SPREAD);
	struct retry_step step = { 0 };
	uint64_t seconds = 0;

	/* config_check has seen that it is a duration. */
	(void)num_parse_duration(config_field(rung, STR("after")), &seconds);
	step.wait_ms = (int64_t)seconds * 1000 +
	    (spread_ms ? (int64_t)rnd_below(spread_ms) : 0);
	step.notifies = attempt <= last &&
	    str_equals(config_field(rung, STR("notify")), STR("true"));
	return step;
}
