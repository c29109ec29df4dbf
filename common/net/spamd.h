/*
 * SpamAssassin by the spamd protocol (SPAMC/1.5, HEADERS): the message goes
 * over, the verdict and the X-Spam header fields come back.
 */
#ifndef M3_NET_SPAMD_H
#define M3_NET_SPAMD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct spamd;

struct spamd_verdict {
	bool is_spam;          /* by spamd's own threshold */
	int64_t score;         /* hundredths: 1530 is 15.3 */
	struct str headers;    /* X-Spam-* fields, CRLF lines; "" = none */
};

/*
 * server: as hostport_parse takes it, port 783, or the path of a Unix socket.
 * size: octets of the message that will follow. RC_TEMP: nobody there.
 */
enum rc spamd_open(struct str server, uint64_t size, int64_t deadline_ms,
    struct spamd **ret_spamd, struct err *err);
/* False: the connection broke; spamd_finish tells how. */
bool spamd_push(struct spamd *s, struct str piece);
/* RC_TEMP: no answer in time, or none that is understood. */
enum rc spamd_finish(struct spamd *s, struct arena *a,
    struct spamd_verdict *ret_verdict, struct err *err);
void spamd_close(struct spamd *s); /* NULL is accepted */

/* The answer from its first line on; for tests and fuzzers. */
enum rc spamd_parse(struct str answer, struct arena *a,
    struct spamd_verdict *ret_verdict, struct err *err);

#endif
