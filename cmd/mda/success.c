/* Reports of success to outsiders; see success.h. */
#include "success.h"

#include "base/cidr.h"
#include "db/limits.h"
#include "db/slots.h"
#include "log/log.h"

#include "base/banned.h"

enum { COUNT_MS = 86400000 };

/* "[address]:port"; "" = none. */
static struct str
success_address(const struct queue_item *item)
{
	size_t end = str_find_char(item->peer, ']');

	if (!str_starts_with(item->peer, STR("[")))
		return STR("");
	return str_slice(item->peer, 1, end - 1);
}

static struct str
success_key(struct mda *m, const struct queue_item *item)
{
	char text[64];

	return arena_join(m->a, STR("success "),
	    cidr_source_key(success_address(item), text));
}

/* No login, no network of ours, no process of this host. */
static bool
success_is_outside(const struct queue_item *item)
{
	return item->login.len == 0 && !item->may_relay &&
	    str_equals(item->origin, STR("smtp")) &&
	    success_address(item).len > 0;
}

static void
success_refuse(struct mda *m, const struct queue_item *item, struct str key)
{
	struct limit_state state = { 0 };
	char id[OID_HEX];
	struct err err;

	if (limit_take(m->db, arena_join(m->a, STR("not reported, "), key), 1,
		COUNT_MS, &state, &err) != RC_OK)
		log_failure("limits", &err);
	log_begin(LOG_AT_NOTE, "not-reported");
	log_str("queue", oid_format(&item->id, id));
	log_str("peer", item->peer);
	log_num("today", state.n);
	log_end();
}

enum rc
success_may_report(struct mda *m, const struct queue_item *item,
    const struct oid *report, bool *ret_may, struct err *err)
{
	int64_t max = config_int(m->config, CFG_REPORT_SUCCESS_OUTSIDE);
	enum slot_answer answer = SLOT_BUSY;
	char id[OID_HEX];
	struct str key;
	enum rc rc = RC_OK;

	*ret_may = !success_is_outside(item);
	if (*ret_may)
		return RC_OK;
	key = success_key(m, item);
	if (max > 0) /* what a repeat of this outcome took is taken anew */
		rc = slot_give(m->db, key, oid_format(report, id),
		    SLOT_END_NOTHING, 0, err);
	if (rc == RC_OK && max > 0)
		rc = slot_take(m->db, key, oid_format(report, id), max,
		    config_int(m->config, CFG_RETRY_EXPIRE), &answer, err);
	*ret_may = answer == SLOT_GRANTED;
	if (rc == RC_OK && !*ret_may)
		success_refuse(m, item, key);
	return rc;
}

void
success_end(struct mda *m, const struct queue_item *item)
{
	char id[OID_HEX];
	struct err err;

	if (!str_equals(item->origin, STR("success")) || !item->peer.len)
		return;
	if (slot_give(m->db, success_key(m, item), oid_format(&item->id, id),
		SLOT_END_NOTHING, 0, &err) != RC_OK)
		log_failure("limits", &err);
}
