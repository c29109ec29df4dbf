/* What only the whole message shows about its recipients. */
#ifndef M3_CMD_SMTP_LAST_LOOK_H
#define M3_CMD_SMTP_LAST_LOOK_H

#include "session.h"

/*
 * At the end of data. False: answered, nothing is to be stored. A mailbox
 * here that the message was delivered to before (554 5.4.6: accepted, it
 * would come back to whoever stands in the envelope as its sender), or no
 * room for it with any recipient, when its size was not declared (452 4.2.2
 * or 552 5.2.2). By LMTP that is said of each recipient that it is so for,
 * and the others get the message: those whose `look` says so are left out.
 * When the directory cannot be asked the mda decides.
 */
bool last_look_passes(
    struct session *s, struct str delivered_to, uint64_t size);
/* LMTP: writes the reply of a recipient that has one of its own, or false. */
bool last_look_answers(struct session *s, size_t recipient);

#endif
