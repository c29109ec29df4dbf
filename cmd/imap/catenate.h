/* The URLs of CATENATE (RFC 4469): octets of messages that are stored. */
#ifndef M3_CMD_IMAP_CATENATE_H
#define M3_CMD_IMAP_CATENATE_H

#include "commands.h"
#include "db/blob.h"

/* Octets of a message: first the text, then those of the blob. */
struct cat_part {
	struct str text;
	struct blob_range range; /* of length 0: none */
};

uint64_t cat_part_size(const struct cat_part *p);

/*
 * What a URL names, relative to the selected mailbox. *ret_found false: it is
 * no URL of this server, or there is no such message or section. The text
 * lives in the command's arena. \Seen stays as it is.
 */
enum rc catenate_find(struct session *s, struct str url,
    struct cat_part *ret_part, bool *ret_found, struct err *err);
/* All its octets, in pieces. */
enum rc catenate_read(struct session *s, const struct cat_part *p,
    blob_sink *sink, void *ctx, struct err *err);

#endif
