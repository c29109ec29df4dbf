/* The collection `messages`, for the files of the store. */
#ifndef M3_DB_MESSAGES_H
#define M3_DB_MESSAGES_H

#include "db/store_internal.h"

void message_encode(
    const struct uuid *owner, const struct message *m, bson_t *doc);
/* In the caller's transaction. */
enum rc messages_insert(struct db *db, const struct uuid *owner,
    const struct message *v, size_t n, struct err *err);
/* Copies under new ids, for an owner; the blobs are shared. */
enum rc messages_copy(struct db *db, const struct uuid *from,
    const struct uuid *to, const struct oid *ids, const struct oid *new_ids,
    size_t n, struct err *err);

#endif
