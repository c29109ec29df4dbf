/* Local delivery of a claim: one transaction for all of it. */
#include "mda.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "db/store.h"
#include "log/log.h"
#include "net/doorbell.h"
#include "success.h"

#include "base/banned.h"

enum {
	ORIGINALS_MAX = 100,
	PART_MS = 2000, /* then what was planned is delivered */
};

static const struct str twin_text =
    STR_INIT("another address of the same mailbox has it");

/* --- the prefix: what this copy has before the message ------------------------------ */

/* "*@domain" is no address: of a catch-all's mail, the one it was sent to. */
struct str
local_delivered_to(struct mda *m, const struct verdict *v)
{
	struct str address = v->answer.mailbox->address;

	return str_starts_with(address, STR("*@"))
	    ? arena_dup_lower(m->a, v->now.address)
	    : address;
}

static bool
local_is_same_copy(const struct verdict *x, const struct verdict *v)
{
	return x->fate == FATE_LOCAL && x->answer.mailbox &&
	    uuid_equals(&x->answer.mailbox->owner, &v->answer.mailbox->owner);
}

/* Each address of the envelope that this copy stands for. */
static void
local_add_originals(
    struct buf *b, const struct job *j, const struct verdict *v)
{
	size_t i, n = 0;

	for (i = 0; i < j->item->n_recipients && n < ORIGINALS_MAX; i++) {
		const struct queue_recipient *r = &j->verdicts[i].now;

		if (&j->verdicts[i] != v &&
		    !local_is_same_copy(&j->verdicts[i], v))
			continue;
		buf_printf(b, "X-Original-To: %.*s\r\n",
		    STR_ARG(r->original.len ? r->original : r->address));
		n++;
	}
}

static struct str
make_prefix(struct mda *m, const struct job *j, const struct verdict *v)
{
	struct buf b = BUF_INIT;
	struct str prefix;

	buf_printf(&b, "Return-Path: <%.*s>\r\n", STR_ARG(j->item->sender));
	local_add_originals(&b, j, v);
	buf_printf(&b, "Delivered-To: %.*s\r\n",
	    STR_ARG(local_delivered_to(m, v)));
	if (!v->content) /* else the filter saw them, and kept them or not */
		buf_add_str(&b, j->item->headers);
	prefix = arena_dup_str(m->a, buf_str(&b));
	buf_done(&b);
	return prefix;
}

/* --- the batch -------------------------------------------------------------------------- */

struct planned {
	struct job *job;
	size_t recipient;
};

typedef VEC(struct delivery) delivery_vec;
typedef VEC(struct planned) planned_vec;

/* Two addresses of one mailbox are one copy: the other's, or NULL. */
static const struct verdict *
local_twin(const delivery_vec *v, const struct job *j, const struct uuid *owner)
{
	size_t i;

	for (i = v->n; i > 0 && v->v[i - 1].item == j->item; i--) {
		if (uuid_equals(&v->v[i - 1].owner, owner))
			return &j->verdicts[v->v[i - 1].recipient];
	}
	return NULL;
}

/*
 * ... also when the other one was delivered by an earlier attempt. What a
 * filter dropped for one address is no copy for another.
 */
static bool
was_delivered(const struct job *j, const struct mailbox *mailbox)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		const struct queue_recipient *r = &j->item->recipients[i];

		if (r->state == RECIPIENT_DELIVERED &&
		    str_equals(r->status, STR("2.1.5")) &&
		    str_equals_nocase(r->host, mailbox->address))
			return true;
	}
	return false;
}

static void
note_delivered(struct verdict *v, struct str text)
{
	v->fate = FATE_DELIVERED;
	v->now.state = RECIPIENT_DELIVERED;
	v->now.code = 250;
	v->now.status = STR("2.1.5");
	v->now.text = text;
	v->now.host = v->answer.mailbox->address;
}

static void
add_planned(struct mda *m, struct job *j, size_t i, struct str folder,
    delivery_vec *v, planned_vec *planned)
{
	struct verdict *x = &j->verdicts[i];
	const struct mailbox *box = x->answer.mailbox;

	VEC_PUSH(m->a, v, ((struct delivery){
		.item = j->item,
		.content = x->content,
		.reply = x->reply,
		.recipient = i,
		.owner = box->owner,
		.mailbox = box->address,
		.folder = folder,
		.prefix = make_prefix(m, j, x),
		.text = STR("delivered"),
	}));
	VEC_PUSH(m->a, planned, ((struct planned){ j, i }));
}

static void
local_log_no_folder(
    const struct job *j, const struct verdict *v, struct str folder)
{
	char text[OID_HEX];

	log_begin(LOG_AT_NOTE, "no-folder");
	log_str("queue", oid_format(&j->item->id, text));
	log_str("mailbox", v->answer.mailbox->address);
	log_str("folder", folder);
	log_cstr("instead", "INBOX");
	log_end();
}

/* Junk is the folder with that use, whatever it is called (RFC 6154). */
static enum rc
local_folder(struct mda *m, const struct job *j, const struct verdict *v,
    struct str *ret, struct err *err)
{
	struct folder *f = NULL;
	enum rc rc;

	*ret = v->folder.len ? v->folder : STR("");
	if (ret->len || !j->item->is_spam)
		return RC_OK;
	rc = folder_find_for_use(m->db, m->a, &v->answer.mailbox->owner,
	    SPECIAL_JUNK, STR("Junk"), &f, err);
	if (rc == RC_OK)
		*ret = f->name;
	else if (rc == RC_PERM)
		local_log_no_folder(j, v, STR("Junk"));
	return rc == RC_PERM ? RC_OK : rc;
}

static enum rc
plan(struct mda *m, struct job *j, delivery_vec *v, planned_vec *planned,
    struct err *err)
{
	struct str folder;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < j->item->n_recipients; i++) {
		struct verdict *x = &j->verdicts[i];
		const struct mailbox *box = x->answer.mailbox;

		if (x->fate != FATE_LOCAL)
			continue;
		x->twin = local_twin(v, j, &box->owner);
		if (was_delivered(j, box))
			note_delivered(x, twin_text);
		if (x->twin || x->fate != FATE_LOCAL)
			continue;
		rc = filters_apply(m, j, x, err);
		if (rc != RC_OK || x->fate != FATE_LOCAL)
			continue;
		rc = local_folder(m, j, x, &folder, err);
		if (rc == RC_OK)
			add_planned(m, j, i, folder, v, planned);
	}
	return rc;
}

static void
log_delivered(const struct queue_item *item, const struct verdict *v)
{
	char text[OID_HEX];

	log_begin(LOG_AT_INFO, "delivered");
	log_str("queue", oid_format(&item->id, text));
	log_str("to", v->now.address);
	log_str("mailbox", v->answer.mailbox->address);
	log_num("size", (int64_t)item->size);
	log_end();
}

static void
take_result(struct mda *m, const struct delivery *d, const struct planned *p)
{
	struct verdict *v = &p->job->verdicts[p->recipient];

	switch (d->ret_result) {
	case DELIVER_DONE:
		v->wants_inbox = false;
		note_delivered(v, d->text);
		v->is_written = true;
		p->job->is_finished |= d->ret_is_last;
		if (d->ret_is_last)
			success_end(m, p->job->item);
		log_delivered(p->job->item, v);
		doorbell_ring_owner(
		    config_str(m->config, CFG_RUNTIME_DIR), &d->owner);
		if (d->reply)
			doorbell_ring_mda(
			    config_str(m->config, CFG_RUNTIME_DIR),
			    d->reply->bucket);
		break;
	case DELIVER_FULL:
		if (str_equals(config_str(m->config, CFG_QUOTA_FULL),
			STR("permanent")))
			verdict_fail(m, v, 552, "5.2.2", STR("Mailbox full"));
		else
			verdict_retry(m, v, 452, "4.2.2", STR("Mailbox full"));
		break;
	case DELIVER_GONE: /* asked anew, at once */
		v->fate = FATE_LATER;
		route_cache_forget(m->cache);
		break;
	case DELIVER_NO_FOLDER:
		v->wants_inbox = !v->wants_inbox && d->folder.len > 0;
		if (v->wants_inbox)
			local_log_no_folder(p->job, v, d->folder);
		else
			verdict_retry(m, v, 451, "4.2.0",
			    STR("The folder is not there"));
		break;
	case DELIVER_LOST:
		p->job->is_lost = true;
		break;
	case DELIVER_NOT_TRIED:
		break;
	}
}

static enum rc
deliver(struct mda *m, delivery_vec *v, const planned_vec *planned,
    struct err *err)
{
	enum rc rc;
	size_t i;

	if (v->n == 0)
		return RC_OK;
	rc = deliver_batch(m->db, v->v, v->n, err);
	FAULT_POINT("mda-after-txn");
	for (i = 0; i < v->n; i++)
		take_result(m, &v->v[i], &planned->v[i]);
	return rc;
}

/* A filter may name what is not there, or is gone meanwhile. */
static enum rc
deliver_to_inbox(struct mda *m, struct job *jobs, size_t n, struct err *err)
{
	delivery_vec v = { 0 };
	planned_vec planned = { 0 };
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < jobs[i].item->n_recipients; k++) {
			if (jobs[i].verdicts[k].wants_inbox)
				add_planned(m, &jobs[i], k, STR(""), &v,
				    &planned);
		}
	}
	return deliver(m, &v, &planned, err);
}

/* What became of the one copy is so for its other addresses as well. */
static void
local_follow_twins(struct mda *m, struct job *j)
{
	size_t i;

	for (i = 0; i < j->item->n_recipients; i++) {
		struct verdict *v = &j->verdicts[i];
		const struct queue_recipient *r =
		    v->twin ? &v->twin->now : NULL;

		if (!r || v->fate != FATE_LOCAL)
			continue;
		if (v->twin->fate == FATE_DELIVERED)
			note_delivered(v, twin_text);
		else if (v->twin->fate == FATE_FAILED)
			verdict_fail(m, v, r->code,
			    arena_dup_cstr(m->a, r->status), r->text);
		else if (v->twin->fate == FATE_RETRY)
			verdict_retry(m, v, r->code,
			    arena_dup_cstr(m->a, r->status), r->text);
		else if (v->twin->fate == FATE_LATER)
			v->fate = FATE_LATER;
	}
}

/*
 * Spamd and filters may take long; what then was asked in vain, the process
 * being told to end or the lease being lost, is not delivered unasked.
 */
static enum rc
local_plan(struct mda *m, struct job *j, delivery_vec *v,
    planned_vec *planned, struct err *err)
{
	size_t n_before = v->n;
	enum rc rc;

	lease_work(m, j, config_int(m->config, CFG_REMOTE_TIMEOUT_MESSAGE));
	rc = route_job(m, j, err);
	if (rc == RC_OK)
		rc = filters_look(m, j, err);
	if (rc == RC_OK)
		rc = plan(m, j, v, planned, err);
	lease_work(m, NULL, 0);
	if (rc == RC_OK && mda_is_stopping(m))
		rc = err_set(err, RC_TEMP, "4.3.2", "stopped at work");
	if (rc == RC_BUG || mda_is_stopping(m) || lease_is_ours(j))
		return rc;
	v->n = planned->n = n_before; /* the others go on */
	j->is_lost = true;
	return RC_OK;
}

enum rc
local_deliver(struct mda *m, struct job *jobs, size_t n, size_t *ret_n,
    struct err *err)
{
	int64_t until_ms = clock_deadline(PART_MS);
	delivery_vec v = { 0 };
	planned_vec planned = { 0 };
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && i < n; i++) {
		if (i > 0 && clock_left_ms(until_ms) == 0)
			break;
		rc = local_plan(m, &jobs[i], &v, &planned, err);
	}
	*ret_n = i;
	if (rc == RC_OK)
		rc = deliver(m, &v, &planned, err);
	if (rc == RC_OK)
		rc = deliver_to_inbox(m, jobs, *ret_n, err);
	for (i = 0; rc == RC_OK && i < *ret_n; i++)
		local_follow_twins(m, &jobs[i]);
	return rc;
}
