/*
 * Shared by the stream files of net/ only: what a kind of stream provides.
 * Attempts never wait; stream.c polls between them.
 */
#ifndef M3_NET_STREAM_INTERNAL_H
#define M3_NET_STREAM_INTERNAL_H

#include <sys/types.h>

#include "base/buf.h"
#include "net/stream.h"

/* What an attempt returns instead of a count of octets (0 = end of file). */
enum {
	TRY_ERROR      = -1, /* error_text is set */
	TRY_WANT_READ  = -2,
	TRY_WANT_WRITE = -3,
};

struct tls;
struct ssl_st;

struct stream_ops {
	ssize_t (*try_read)(struct stream *s, void *p, size_t len);
	ssize_t (*try_write)(struct stream *s, const void *p, size_t len);
	bool (*has_input)(struct stream *s); /* decrypted, or in memory */
	void (*done)(struct stream *s);
};

struct stream {
	const struct stream_ops *ops;
	int in_fd;
	int out_fd;
	int in_flags;   /* to restore: O_NONBLOCK is ours */
	int out_flags;
	int stop_fd;
	stream_watch_fn *watch; /* of reads; or NULL */
	void *watch_ctx;
	enum io error;  /* sticky; IO_OK while all is well */
	char error_text[160];
	struct tls *tls;     /* NULL: in the clear */
	struct buf ahead;    /* of TLS: decrypted, not yet read */
	bool is_tls_end;     /* of TLS: close_notify or end of file was seen */
	struct ssl_st *ssl;  /* of OpenSSL, behind libtls; or NULL */
	struct str input;   /* of a memory stream: what is left */
	struct buf output;  /* of a memory stream */
};

/* The end of a stream over descriptors: their modes as they were. */
void stream_restore_fds(struct stream *s);
/* Makes the error sticky and returns it. */
enum io stream_fail(struct stream *s, enum io error);
/* Waits for what an attempt wanted; IO_TIMEOUT and IO_STOPPED are sticky. */
enum io stream_wait_attempt(
    struct stream *s, ssize_t attempt, int64_t deadline_ms);
/* Remembers an error of errno and returns TRY_ERROR. */
ssize_t stream_fail_errno(struct stream *s, const char *what);

#endif
