/* What only the whole message shows about its recipients. */
#ifndef M3_CMD_SMTP_LAST_LOOK_H
#define M3_CMD_SMTP_LAST_LOOK_H

#include "session.h"

/*
 * At the end of data. False: answered, nothing is to be stored. A mailbox
 * here that the message was delivered to before (554 5.4.6: accepted, it
 * would come back to whoever stands in the envelope as its sender), or no
 * room for it with any recipient, when its size was not declared (452 4.2.2
 * or 552 5.2.2). When the directory cannot be asked the mda decides.
 */
bool last_look_passes(
    struct session *s, struct str delivered_to, uint64_t size);

#endif
