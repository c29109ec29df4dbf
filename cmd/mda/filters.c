/* What sees a message before it is put into a mailbox: spamd and filters. */
#include "db/directory.h"
#include "mail/filter.h"
#include "mail/spam.h"
#include "mda.h"

#include "base/banned.h"

/* Mail from outside, once: what came back from a retry has its headers. */
static bool
needs_spamd(const struct mda *m, const struct queue_item *item)
{
	return spam_is_wanted(m->config, "mda") && item->login.len == 0 &&
	    str_equals(item->origin, STR("smtp")) &&
	    item->headers.len == 0 && !item->is_spam;
}

static bool
has_local(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		if (j->verdicts[i].fate == FATE_LOCAL)
			return true;
	}
	return false;
}

enum rc
filters_look(struct mda *m, struct job *j, struct err *err)
{
	struct spam_answer answer;
	struct queue_item *copy;
	enum rc rc;

	if (!needs_spamd(m, j->item) || !has_local(j))
		return RC_OK;
	rc = spam_ask(m->db, m->a, m->config, j->item, &answer, err);
	if (rc != RC_OK || !answer.is_asked)
		return rc;
	copy = ARENA_NEW(m->a, struct queue_item);
	*copy = *j->item;
	copy->is_spam = answer.is_junk;
	copy->headers = answer.headers;
	j->item = copy;
	return RC_OK;
}

/* --- filters -------------------------------------------------------------------- */

static enum rc
is_admin(struct mda *m, struct str login, bool *ret_is_admin,
    struct err *err)
{
	struct mailbox *sender = NULL;
	enum rc rc = RC_OK;

	if (login.len)
		rc = mailbox_find(m->db, m->a, login, &sender, err);
	if (rc == RC_OK)
		*ret_is_admin = sender && sender->admin;
	return rc;
}

/* Not 2.1.5: another address of the mailbox still gets its copy. */
static void
drop(struct verdict *v, struct str text)
{
	v->fate = FATE_DELIVERED;
	v->now.state = RECIPIENT_DELIVERED;
	v->now.code = 250;
	v->now.status = STR("2.0.0");
	v->now.text = text;
	v->now.host = v->answer.mailbox->address;
}

static void
hold(struct job *j, struct verdict *v, struct str text)
{
	if (j->item->is_released)
		return; /* a person has looked at it */
	v->fate = FATE_HELD;
	v->now.text = text;
}

static struct queue_item *
reply_item(struct mda *m, const struct filter_question *q,
    const struct filter_answer *answer)
{
	struct queue_item *item = ARENA_NEW(m->a, struct queue_item);

	*item = filter_reply_item(m->a, q, answer, db_time(m->db),
	    config_int(m->config, CFG_RETRY_EXPIRE));
	return item;
}

static enum rc
obey(struct mda *m, struct job *j, struct verdict *v,
    const struct filter_question *q, const struct filter_answer *answer,
    struct err *err)
{
	v->content = answer->content;
	v->folder = answer->folder;
	switch (answer->action) {
	case FILTER_PASS:
		if (answer->reply)
			v->reply = reply_item(m, q, answer);
		break;
	case FILTER_DROP:
		if (answer->reply)
			VEC_PUSH(
			    m->a, &j->posts, *reply_item(m, q, answer));
		drop(v, answer->text);
		break;
	case FILTER_HOLD:
		hold(j, v, answer->text);
		break;
	case FILTER_REDIRECT:
		return expansion_redirect(m, j, v, answer->addresses,
		    answer->n_addresses, err);
	case FILTER_REFUSE:
		verdict_fail(m, v, 550, "5.7.1", answer->text);
		break;
	case FILTER_DEFER:
		verdict_retry(m, v, 451, "4.3.5", STR("A filter failed"));
		break;
	}
	return RC_OK;
}

enum rc
filters_apply(
    struct mda *m, struct job *j, struct verdict *v, struct err *err)
{
	struct filter_question q = { .item = j->item,
		.mailbox = v->answer.mailbox, .recipient = v->now.address,
		.original = v->now.original.len ? v->now.original
						: v->now.address,
		.hostname = m->p->hostname };
	struct filter_answer answer;
	enum rc rc;

	if (m->config->v[CFG_FILTERS].count == 0 ||
	    expansion_was_filtered(m, v))
		return RC_OK;
	if ((rc = is_admin(m, j->item->login, &q.is_login_admin, err)) !=
		RC_OK ||
	    (rc = filter_run(m->db, m->a, m->config, &q, &answer, err)) !=
		RC_OK)
		return rc;
	return obey(m, j, v, &q, &answer, err);
}
