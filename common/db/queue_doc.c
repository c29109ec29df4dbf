/*
 * Queue documents to structs and back: _id, bucket, blob, body, size, sender,
 * recipients [{address, state, code, status, text, host, tries, last,
 * transcript, notify, orcpt, key, original}], created_at, next_at,
 * expires_at, epoch, starts, attempts, worker, claim, leased (a worker has it
 * until next_at), held, reason (why), released, facts, envid, ret, smtputf8,
 * body_8bit, require_tls, login, relay (its client may), peer, helo, origin,
 * session, spam, headers, delivered_to.
 */
#include <stdio.h>

#include "base/limits.h"
#include "db/queue.h"
#include "db/queue_doc.h"

#include "base/banned.h"

enum {
	ITEM_FIXED = 8192,      /* names, numbers, and texts that SMTP bounds */
	/* Names and numbers, and who takes it: a host or a mailbox. */
	RECIPIENT_FIXED = 224 + LIMIT_SMTP_PATH,
};

static void
add_date(bson_t *doc, const char *key, int64_t ms)
{
	bson_append_date_time(doc, key, -1, ms);
}

static void
add_state(bson_t *doc, const char *key, enum recipient_state state)
{
	char letter = (char)state;

	doc_add_text(doc, key, str_make(&letter, 1));
}

static void
encode_recipient(
    bson_t *parent, const char *key, const struct queue_recipient *r)
{
	bson_t doc;

	bson_append_document_begin(parent, key, -1, &doc);
	doc_add_text(&doc, "address", r->address);
	add_state(&doc, "state", r->state);
	doc_add_int(&doc, "code", r->code);
	doc_add_text(&doc, "status", r->status);
	doc_add_text(&doc, "text", r->text);
	doc_add_text(&doc, "host", r->host);
	doc_add_int(&doc, "tries", r->tries);
	add_date(&doc, "last", r->last_ms);
	doc_add_text(&doc, "transcript", r->transcript);
	doc_add_int(&doc, "notify", r->notify);
	doc_add_text(&doc, "orcpt", r->orcpt);
	doc_add_text(&doc, "key", r->final_key);
	if (r->original.len)
		doc_add_text(&doc, "original", r->original);
	bson_append_document_end(parent, &doc);
}

void
queue_add_recipient(
    bson_t *set, size_t index, const struct queue_recipient *r)
{
	char key[32];

	snprintf(key, sizeof(key), "recipients.%zu", index);
	encode_recipient(set, key, r);
}

static void
decode_recipient(
    struct arena *a, const bson_t *doc, struct queue_recipient *r)
{
	struct str state = doc_text_in(a, doc, "state");

	*r = (struct queue_recipient){
		.address = doc_text_in(a, doc, "address"),
		.state = state.len ? (enum recipient_state)state.p[0]
				   : RECIPIENT_PENDING,
		.code = (uint32_t)doc_int(doc, "code"),
		.status = doc_text_in(a, doc, "status"),
		.text = doc_text_in(a, doc, "text"),
		.host = doc_text_in(a, doc, "host"),
		.tries = (uint32_t)doc_int(doc, "tries"),
		.last_ms = doc_int(doc, "last"),
		.transcript = doc_text_in(a, doc, "transcript"),
		.notify = (uint32_t)doc_int(doc, "notify"),
		.orcpt = doc_text_in(a, doc, "orcpt"),
		.final_key = doc_text_in(a, doc, "key"),
		.original = doc_text_in(a, doc, "original"),
	};
}

static void
set_text(bson_t *set, size_t index, const char *field, struct str text)
{
	char key[64];

	snprintf(key, sizeof(key), "recipients.%zu.%s", index, field);
	doc_add_text(set, key, text);
}

static void
set_int(bson_t *set, size_t index, const char *field, int64_t n)
{
	char key[64];

	snprintf(key, sizeof(key), "recipients.%zu.%s", index, field);
	doc_add_int(set, key, n);
}

void
queue_set_recipient(
    bson_t *set, size_t index, const struct queue_recipient *now)
{
	char letter = (char)now->state, key[64];

	set_text(set, index, "state", str_make(&letter, 1));
	set_int(set, index, "code", now->code);
	set_text(set, index, "status", now->status);
	set_text(set, index, "text", now->text);
	set_text(set, index, "host", now->host);
	set_int(set, index, "tries", now->tries);
	set_text(set, index, "transcript", now->transcript);
	set_int(set, index, "notify", now->notify);
	snprintf(key, sizeof(key), "recipients.%zu.last", index);
	add_date(set, key, now->last_ms);
}

static void
encode_recipients(const struct queue_item *item, bson_t *doc)
{
	char text[16];
	const char *key;
	bson_t array;
	size_t i;

	bson_append_array_begin(doc, "recipients", -1, &array);
	for (i = 0; i < item->n_recipients; i++) {
		bson_uint32_to_string(
		    (uint32_t)i, &key, text, sizeof(text));
		encode_recipient(&array, key, &item->recipients[i]);
	}
	bson_append_array_end(doc, &array);
}

size_t
queue_recipient_size(const struct queue_recipient *r)
{
	return RECIPIENT_FIXED + r->address.len + r->orcpt.len +
	    r->final_key.len + r->original.len;
}

size_t
queue_size(const struct queue_item *item)
{
	size_t i, size = ITEM_FIXED + item->body.len + item->facts.len +
	    item->headers.len + item->delivered_to.len;

	for (i = 0; i < item->n_recipients; i++)
		size += queue_recipient_size(&item->recipients[i]);
	return size;
}

void
queue_encode(const struct queue_item *item, bson_t *doc)
{
	doc_add_oid(doc, "_id", &item->id);
	BSON_APPEND_INT32(doc, "bucket", (int32_t)item->bucket);
	doc_add_oid(doc, "blob", &item->blob);
	doc_add_int(doc, "size", (int64_t)item->size);
	if (item->body.len)
		doc_add_bytes(doc, "body", item->body);
	doc_add_text(doc, "sender", item->sender);
	encode_recipients(item, doc);
	add_date(doc, "created_at", item->created_ms);
	add_date(doc, "next_at", item->held ? QUEUE_NEVER_MS : item->next_ms);
	add_date(doc, "expires_at", item->expires_ms);
	doc_add_int(doc, "epoch", item->epoch);
	doc_add_int(doc, "starts", item->starts);
	doc_add_int(doc, "attempts", item->attempts);
	BSON_APPEND_BOOL(doc, "held", item->held);
	doc_add_bytes(doc, "facts", item->facts);
	doc_add_text(doc, "envid", item->envid);
	doc_add_int(doc, "ret", item->ret);
	BSON_APPEND_BOOL(doc, "smtputf8", item->smtputf8);
	BSON_APPEND_BOOL(doc, "body_8bit", item->body_8bit);
	BSON_APPEND_BOOL(doc, "require_tls", item->require_tls);
	doc_add_text(doc, "login", item->login);
	BSON_APPEND_BOOL(doc, "relay", item->may_relay);
	doc_add_text(doc, "peer", item->peer);
	doc_add_text(doc, "helo", item->helo);
	doc_add_text(doc, "origin", item->origin);
	doc_add_text(doc, "session", item->session);
	BSON_APPEND_BOOL(doc, "spam", item->is_spam);
	doc_add_bytes(doc, "headers", item->headers);
	doc_add_bytes(doc, "delivered_to", item->delivered_to);
}

static void
decode_recipients(
    struct arena *a, const bson_t *doc, struct queue_item *item)
{
	bson_iter_t it;
	bson_t sub;
	size_t n = 0;

	if (!doc_array(doc, "recipients", &it))
		return;
	while (doc_array_next(&it, &sub))
		n++;
	item->recipients = ARENA_ARRAY(a, n, struct queue_recipient);
	doc_array(doc, "recipients", &it);
	while (doc_array_next(&it, &sub))
		decode_recipient(
		    a, &sub, &item->recipients[item->n_recipients++]);
}

void
queue_decode(struct arena *a, const bson_t *doc, struct queue_item *item)
{
	*item = (struct queue_item){
		.bucket = (uint32_t)doc_int(doc, "bucket"),
		.size = (uint64_t)doc_int(doc, "size"),
		.body = doc_bytes_in(a, doc, "body"),
		.sender = doc_text_in(a, doc, "sender"),
		.created_ms = doc_int(doc, "created_at"),
		.next_ms = doc_int(doc, "next_at"),
		.expires_ms = doc_int(doc, "expires_at"),
		.epoch = (uint32_t)doc_int(doc, "epoch"),
		.starts = (uint32_t)doc_int(doc, "starts"),
		.attempts = (uint32_t)doc_int(doc, "attempts"),
		.held = doc_bool(doc, "held"),
		.is_leased = doc_bool(doc, "leased"),
		.worker = doc_text_in(a, doc, "worker"),
		.reason = doc_text_in(a, doc, "reason"),
		.is_released = doc_bool(doc, "released"),
		.facts = doc_bytes_in(a, doc, "facts"),
		.envid = doc_text_in(a, doc, "envid"),
		.ret = (enum dsn_ret)doc_int(doc, "ret"),
		.smtputf8 = doc_bool(doc, "smtputf8"),
		.body_8bit = doc_bool(doc, "body_8bit"),
		.require_tls = doc_bool(doc, "require_tls"),
		.login = doc_text_in(a, doc, "login"),
		.may_relay = doc_bool(doc, "relay"),
		.peer = doc_text_in(a, doc, "peer"),
		.helo = doc_text_in(a, doc, "helo"),
		.origin = doc_text_in(a, doc, "origin"),
		.session = doc_text_in(a, doc, "session"),
		.is_spam = doc_bool(doc, "spam"),
		.headers = doc_bytes_in(a, doc, "headers"),
		.delivered_to = doc_bytes_in(a, doc, "delivered_to"),
	};
	doc_oid(doc, "_id", &item->id);
	doc_oid(doc, "blob", &item->blob);
	decode_recipients(a, doc, item);
}

void
queue_add_hold(bson_t *set, struct str reason)
{
	BSON_APPEND_BOOL(set, "held", true);
	BSON_APPEND_BOOL(set, "leased", false);
	add_date(set, "next_at", QUEUE_NEVER_MS);
	doc_add_text(set, "reason", reason);
}

void
queue_fence(bson_t *filter, const struct queue_item *item)
{
	doc_add_oid(filter, "_id", &item->id);
	BSON_APPEND_INT32(filter, "bucket", (int32_t)item->bucket);
	doc_add_int(filter, "epoch", item->epoch);
}
