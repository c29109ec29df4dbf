/* Mailing lists: a post is a message of its own (RFC 5321 3.9.2). */
#ifndef M3_MAIL_LIST_H
#define M3_MAIL_LIST_H

#include "base/mem.h"
#include "model/directory.h"
#include "model/queue.h"

/*
 * The queue item that carries `item` to the members: the envelope sender is
 * the owner (a null sender stays null), List-Id and List-Post stand before
 * the message. Its id is made from the item's and the list's, so that a
 * repeat after a crash makes the same one. path: what it came through.
 */
struct queue_item list_post(struct arena *a, const struct queue_item *item,
    const struct mailbox *list, struct str path, int64_t now_ms,
    int64_t expire_ms);

#endif
