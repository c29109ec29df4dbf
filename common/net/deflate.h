/*
 * DEFLATE between a reader, a writer and their stream (RFC 4978), by zlib:
 * raw blocks both ways, each flush ended so that the peer can decode all of
 * it. About 300 KiB for the connection.
 */
#ifndef M3_NET_DEFLATE_H
#define M3_NET_DEFLATE_H

#include "net/reader.h"
#include "net/writer.h"

struct deflate;

/* From here on all octets of both go through it. */
struct deflate *deflate_attach(struct reader *r, struct writer *w);
void deflate_free(struct deflate *d); /* NULL is accepted */

#endif
