/*
 * Parameters of MAIL and RCPT (RFC 5321 4.1.2): SIZE (RFC 1870), BODY (RFC
 * 6152), SMTPUTF8 (RFC 6531), AUTH (RFC 4954 5), RET, ENVID, NOTIFY and
 * ORCPT (RFC 3461 4).
 */
#ifndef M3_SMTP_PARAMS_H
#define M3_SMTP_PARAMS_H

#include "base/mem.h"
#include "model/queue.h"

/* A refusal, ready for the reply; code 0: none. */
struct smtp_refusal {
	int code;
	const char *status; /* enhanced (RFC 3463) */
	const char *text;
};

/* All slices point into the command. */
struct smtp_mail_params {
	bool has_size;
	uint64_t size;      /* at most UINT64_MAX / 2 */
	bool is_8bit;       /* BODY=8BITMIME */
	bool smtputf8;
	enum dsn_ret ret;
	struct str envid;   /* xtext as given */
	struct str auth;    /* "<>" or xtext; "" = not given */
};

struct smtp_rcpt_params {
	uint32_t notify;    /* enum dsn_notify */
	struct str orcpt;   /* as given, "rfc822;xtext" */
};

/* text: what stands behind the path. False: *ret_refusal says why. */
bool smtp_mail_params_parse(struct str text, struct smtp_mail_params *ret,
    struct smtp_refusal *ret_refusal);
bool smtp_rcpt_params_parse(struct str text, struct smtp_rcpt_params *ret,
    struct smtp_refusal *ret_refusal);

/*
 * xtext (RFC 3461 4) whose decoded octets are printable, or UTF-8: no
 * control character can come out of it. It may be empty.
 */
bool xtext_is_valid(struct str s);
/* The decoded octets, in the arena. s must be valid. */
struct str xtext_decode(struct arena *a, struct str s);

#endif
