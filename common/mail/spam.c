/* SpamAssassin's verdict; see spam.h. */
#include "mail/spam.h"

#include "base/clock.h"
#include "db/blob.h"
#include "log/log.h"
#include "net/spamd.h"

#include "base/banned.h"

bool
spam_is_wanted(const struct config *c, const char *place)
{
	return config_str(c, CFG_SPAM_SERVER).len > 0 &&
	    str_equals(config_str(c, CFG_SPAM_AT), str_from_cstr(place));
}

static bool
push_piece(void *ctx, struct str piece)
{
	return spamd_push(ctx, piece);
}

static enum rc
push_message(struct db *db, struct spamd *s, const struct queue_item *item,
    struct err *err)
{
	if (item->body.len == 0)
		return blob_read(
		    db, &item->blob, 0, item->size, push_piece, s, err);
	(void)spamd_push(s, item->body);
	return RC_OK;
}

static void
judge(const struct config *c, const struct spamd_verdict *v,
    struct spam_answer *answer)
{
	int64_t junk = config_int(c, CFG_SPAM_JUNK);

	*answer = (struct spam_answer){
		.is_asked = true,
		.is_junk =
		    junk == INT64_MAX ? v->is_spam : v->score >= junk,
		.is_rejected = config_int(c, CFG_SPAM_REJECT) != INT64_MAX &&
		    v->score >= config_int(c, CFG_SPAM_REJECT),
		.score = v->score,
		.headers = v->headers,
	};
}

static void
log_answer(const struct queue_item *item, const struct spam_answer *answer)
{
	char id[OID_HEX];

	log_begin(LOG_AT_INFO, "spam");
	log_str("queue", oid_format(&item->id, id));
	log_num("score_hundredths", answer->score);
	log_num("junk", answer->is_junk);
	log_num("rejected", answer->is_rejected);
	log_end();
}

static void
fail_open(const struct err *why, struct spam_answer *ret_answer)
{
	log_failure("spamd", why);
	*ret_answer = (struct spam_answer){ .headers = STR("") };
}

enum rc
spam_ask(struct db *db, struct arena *a, const struct config *c,
    const struct queue_item *item, struct spam_answer *ret_answer,
    struct err *err)
{
	int64_t deadline = clock_deadline(config_int(c, CFG_SPAM_TIMEOUT));
	struct spamd_verdict v;
	struct spamd *s;
	struct err why;
	enum rc rc;

	*ret_answer = (struct spam_answer){ .headers = STR("") };
	if (item->size > (uint64_t)config_int(c, CFG_SPAM_SIZE))
		return RC_OK;
	if (spamd_open(config_str(c, CFG_SPAM_SERVER), item->size, deadline,
		&s, &why) != RC_OK) {
		fail_open(&why, ret_answer);
		return RC_OK;
	}
	rc = push_message(db, s, item, err);
	if (rc == RC_OK && spamd_finish(s, a, &v, &why) == RC_OK) {
		judge(c, &v, ret_answer);
		log_answer(item, ret_answer);
	} else if (rc == RC_OK) {
		fail_open(&why, ret_answer);
	}
	spamd_close(s);
	return rc;
}
