/* What others say of a session: the hooks of its stages, and spamd. */
#ifndef M3_CMD_SMTP_POLICY_H
#define M3_CMD_SMTP_POLICY_H

#include "commands.h"
#include "model/queue.h"

/*
 * Asks the hooks of a stage ("connect", "helo", "mail", "rcpt", "data",
 * "end"). recipient: of "rcpt", else "". False: a hook's refusal was
 * answered.
 */
bool policy_passes(struct session *s, const char *stage,
    struct str recipient, const struct queue_item *item);
/*
 * This message is one that spamd of ours judges, here or in the mda: from
 * outside, without a login. What it says of itself is not believed then, also
 * when spamd is away or the message is too big for it.
 */
bool policy_is_judged_here(const struct session *s);
/*
 * Fills is_spam and headers at the end of DATA. False: it was rejected, and
 * *ret_text says why.
 */
bool policy_spam(
    struct session *s, struct queue_item *item, const char **ret_text);

#endif
