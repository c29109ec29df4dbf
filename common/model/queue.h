/*
 * One message in the queue: the document is the commit record of its
 * acceptance. There is no delivering state: next_at is the due time and the
 * end of a lease. See ARCHITECTURE.md, "The queue".
 */
#ifndef M3_MODEL_QUEUE_H
#define M3_MODEL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/id.h"

enum { QUEUE_BUCKETS = 64 };

enum recipient_state {
	RECIPIENT_PENDING   = 'P',
	RECIPIENT_DELIVERED = 'D', /* or relayed, or expanded */
	RECIPIENT_BOUNCED   = 'B',
	RECIPIENT_HELD      = 'H',
	RECIPIENT_EXPIRED   = 'X',
};

/* NOTIFY (RFC 3461 4.1), bits; 0 = not given (means failure and delay). */
enum dsn_notify {
	NOTIFY_NEVER   = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY   = 8,
};

/* Who asks for a and for b of one delivery is told what either asks for. */
uint32_t notify_merge(uint32_t a, uint32_t b);
bool notify_has_failure(uint32_t notify);

enum dsn_ret { RET_UNSET, RET_FULL, RET_HDRS };

struct queue_recipient {
	struct str address;      /* printed by smtp/path.h, without <> */
	enum recipient_state state;
	uint32_t code;           /* last SMTP code, 0 = none */
	struct str status;       /* enhanced, "5.1.1" */
	struct str text;         /* last reply or reason, one line */
	struct str host;         /* the MTA that said it, or "" */
	uint32_t tries;
	int64_t last_ms;
	struct str transcript;   /* of the last attempt */
	uint32_t notify;         /* enum dsn_notify */
	struct str orcpt;        /* xtext as given, or "" */
	struct str final_key;    /* the aliases, lists and filtering mailboxes
	                          * it came through (mail/expand.h) */
	struct str original;     /* that of RCPT, when an expansion made this
	                          * one; "" = address */
};

struct queue_item {
	struct oid id;           /* the queue id that the 250 shows */
	struct oid blob;
	uint64_t size;           /* octets of the blob */
	struct str body;         /* the blob's octets while they are only
	                          * here: small messages, until the first
	                          * claim makes the blob; else "" */
	struct str sender;       /* without <>; "" = null sender */
	struct queue_recipient *recipients;
	size_t n_recipients;
	int64_t created_ms;
	int64_t next_ms;         /* due, or the end of the lease */
	int64_t expires_ms;
	uint32_t epoch;          /* the fence: rises at each claim */
	uint32_t starts;         /* claims that did not end in a write */
	uint32_t attempts;       /* finished attempts: the rung of the ladder */
	uint32_t bucket;         /* 0 .. QUEUE_BUCKETS-1 */
	bool held;
	bool is_leased;          /* a worker has it until next_ms */
	struct str worker;       /* who has or had it last, or "" */
	struct str reason;       /* why it is held, or "" */
	bool is_released;        /* from a hold: filters do not hold it again */
	struct str facts;        /* mime/facts.h bytes of the blob */
	struct str envid;        /* xtext as given */
	enum dsn_ret ret;
	bool smtputf8;
	bool body_8bit;
	bool require_tls;
	struct str login;        /* authenticated address, or "" */
	bool may_relay;          /* smtp took it from somebody who may */
	struct str peer;         /* "[addr]:port" */
	struct str helo;
	struct str origin;       /* "smtp", "submission", "lmtp", "bounce",
	                          * "notice", "success", "double",
	                          * "list" */
	struct str session;      /* log id of the session that accepted it */
	bool is_spam;            /* file into Junk at delivery */
	struct str headers;      /* lines that delivery and relaying put before
	                          * the message (X-Spam-*, List-Id), or "" */
	struct str delivered_to; /* addresses that it was delivered to before
	                          * it came here, one a line, or "" */
};

#endif
