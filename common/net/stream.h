/*
 * A two-way byte stream over descriptors, TLS or memory, with a sticky
 * error: after the first failure every call fails the same way. All waits
 * have an absolute monotonic deadline (base/clock.h). Descriptors are put
 * into non-blocking mode while the stream has them.
 */
#ifndef M3_NET_STREAM_H
#define M3_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct stream;
struct tls_server; /* net/tlsconf.h */
struct tls_client;

enum io {
	IO_OK,
	IO_EOF,     /* the peer closed, also by close_notify */
	IO_TIMEOUT,
	IO_ERROR,   /* reset, TLS error; stream_error_text says what */
	IO_STOPPED, /* stop_fd became readable (net/serve.h): shut down */
};

/* fds stay the caller's to close after stream_free. in == out is a socket. */
struct stream *stream_new_fd(int in_fd, int out_fd);
/* Reads `input`, then end of file; output is kept (tests, fuzzers). */
struct stream *stream_new_mem(struct str input);
struct str stream_mem_output(const struct stream *s);
void stream_free(struct stream *s);

/* Wakes every read with IO_STOPPED when this fd becomes readable; -1: none. */
void stream_set_stop_fd(struct stream *s, int fd);

/*
 * Who reads may have something to do while nothing comes: called before each
 * wait of a read (is_new) and again at *ret_next_ms, monotonic. False ends
 * the read, and all later ones, with IO_STOPPED. NULL: nothing to do.
 */
typedef bool stream_watch_fn(void *ctx, bool is_new, int64_t *ret_next_ms);
void stream_set_watch(struct stream *s, stream_watch_fn *fn, void *ctx);

/* Reads 1 to len bytes. */
enum io stream_read(struct stream *s, void *p, size_t len,
    int64_t deadline_ms, size_t *ret_n);
/* Writes all. */
enum io stream_write(
    struct stream *s, const void *p, size_t len, int64_t deadline_ms);
/*
 * Waits until bytes can be read, other_fd (or -1) can be read, or the
 * deadline. *ret_other says that other_fd woke it. For IDLE.
 */
enum io stream_wait(
    struct stream *s, int other_fd, int64_t deadline_ms, bool *ret_other);
/* True when a read would not wait (also when TLS has bytes decrypted). */
bool stream_has_input(struct stream *s);

/*
 * Without reading: has the peer ended its side (it may still read), or is it
 * gone, so that nobody will? Looks at what the system knows by now: a peer
 * that closed a TCP connection is HALF until something is written to it.
 */
enum stream_end { STREAM_OPEN, STREAM_HALF, STREAM_GONE };
enum stream_end stream_end(const struct stream *s);

/*
 * Handshakes. On IO_OK the same stream is encrypted. The reader above must
 * hold no byte that came before (CVE-2011-0411): see reader_pending.
 */
enum io stream_start_tls_server(
    struct stream *s, struct tls_server *t, int64_t deadline_ms);
enum io stream_start_tls_client(struct stream *s, struct tls_client *t,
    const char *server_name, int64_t deadline_ms);
/* Sends close_notify; not an error when the peer is gone. */
void stream_close_tls(struct stream *s, int64_t deadline_ms);

/*
 * Before a close with input that nobody will read: ends our side and reads
 * a little of it, since a close with unread octets makes TCP send a reset,
 * which may overtake our last reply.
 */
void stream_linger(struct stream *s, int64_t deadline_ms);

bool stream_is_tls(const struct stream *s);
struct str stream_tls_version(const struct stream *s); /* "TLSv1.3" */
struct str stream_tls_cipher(const struct stream *s);
struct str stream_tls_servername(const struct stream *s); /* SNI or "" */
/*
 * What ties SASL to this session, in the arena: the tls-exporter (RFC 9266)
 * and tls-server-end-point (RFC 5929). "" when there is none.
 */
struct str stream_tls_exporter(const struct stream *s, struct arena *a);
struct str stream_tls_end_point(const struct stream *s, struct arena *a);
const char *stream_error_text(const struct stream *s);

#endif
