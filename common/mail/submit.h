/*
 * What a submission server does to a message (RFC 6409 8): Date and
 * Message-ID are added when they are missing, Bcc is removed. A push
 * machine: the header is held back, at most SUBMIT_HEADER_MAX octets (a
 * longer one passes as it is); the body goes through untouched.
 */
#ifndef M3_MAIL_SUBMIT_H
#define M3_MAIL_SUBMIT_H

#include "base/mem.h"
#include "model/id.h"

enum { SUBMIT_HEADER_MAX = 1 << 20 };

struct submit;

typedef void submit_sink(void *ctx, struct str piece);

/* hostname and id make the Message-ID; now_s the Date. */
struct submit *submit_new(struct arena *a, struct str hostname,
    const struct oid *id, int64_t now_s);
void submit_push(
    struct submit *u, struct str bytes, submit_sink *sink, void *ctx);
/* A message that is all header. */
void submit_finish(struct submit *u, submit_sink *sink, void *ctx);
void submit_free(struct submit *u); /* NULL is accepted */

#endif
