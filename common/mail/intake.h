/*
 * What is done to the header of a message that comes in by SMTP, whoever
 * sends it: fields that are nobody else's business or that would be taken for
 * ours are left out, and a text without a header gets an empty line before
 * it, so that our trace fields do not run into it. A submission gets what it
 * lacks (RFC 6409 8). A push machine: it holds back the start of one line
 * until it knows what that is, so no header is too long for it; the body goes
 * through untouched.
 */
#ifndef M3_MAIL_INTAKE_H
#define M3_MAIL_INTAKE_H

#include "base/mem.h"
#include "model/id.h"

struct intake;

struct intake_options {
	bool is_submission;   /* Date and Message-ID are added when missing */
	bool is_judged_here;  /* X-Spam fields of others go: ours will stand */
	struct str hostname;  /* of the Message-ID, with id */
	struct oid id;
	int64_t now_s;        /* of the Date */
};

typedef void intake_sink(void *ctx, struct str piece);

/* In the arena; the options' slices must live as long. */
struct intake *intake_new(struct arena *a, const struct intake_options *o);
/* Octets of the message, lines ending in CRLF, in pieces of any size. */
void intake_push(
    struct intake *u, struct str bytes, intake_sink *sink, void *ctx);
/* The end of the message: what was held back, or missing. Once. */
void intake_finish(struct intake *u, intake_sink *sink, void *ctx);
void intake_free(struct intake *u); /* NULL is accepted */

#endif
