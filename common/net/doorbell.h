/*
 * Doorbells: datagrams to Unix sockets in the runtime directory. m3mta-smtp
 * rings m3mta-mda's ("mda.sock"); who changes a folder rings those of the
 * IMAP sessions on this host that wait in IDLE ("imap/OWNER/...").
 * Ringing never waits and never fails loudly: polling is the safety net.
 */
#ifndef M3_NET_DOORBELL_H
#define M3_NET_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/id.h"

struct doorbell;

void doorbell_ring_mda(struct str runtime_dir, uint32_t bucket);
/* True when systemd passed the mda's doorbell in. */
bool doorbell_is_passed(void);
/* The listening side of mda's: the socket passed in, or bound here. */
enum rc doorbell_open_mda(
    struct str runtime_dir, struct doorbell **ret_bell, struct err *err);
/* Reads all that rang; bit b of *ret_buckets = bucket b. False: nobody. */
bool doorbell_read(struct doorbell *d, uint64_t *ret_buckets);

void doorbell_ring_owner(struct str runtime_dir, const struct uuid *owner);
/* All owners on this host: for what is nobody's. */
void doorbell_ring_all(struct str runtime_dir);
enum rc doorbell_open_owner(struct str runtime_dir, const struct uuid *owner,
    struct doorbell **ret_bell, struct err *err);
/*
 * Rings for this owner ring this bell too; an owner that it has already is
 * passed over. False: it is new. Up to LIMIT_DOORBELL_OWNERS.
 */
bool doorbell_also(struct doorbell *d, struct str runtime_dir,
    const struct uuid *owner);
int doorbell_fd(const struct doorbell *d);
void doorbell_close(struct doorbell *d); /* removes what it had bound */

#endif
