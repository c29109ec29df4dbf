/* Streams over TLS, by libtls; see stream.h. */
#include <openssl/ssl.h>
#include <stdio.h>
#include <tls.h>

#include "base/mem.h"
#include "net/stream_internal.h"
#include "net/tlsconf.h"

#include "base/banned.h"

enum {
	RECORD = 16384, /* the most that one record holds */
	EXPORTER_OCTETS = 32,
};

/*
 * libtls hides the SSL that the channel bindings are made of. OpenSSL tells
 * of each one that it makes to whoever registered an index for extra data.
 */
static SSL *latest_ssl;

static void
note_ssl(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	(void)ptr;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	latest_ssl = parent;
}

static void
watch_ssl(void)
{
	static bool is_watching;

	latest_ssl = NULL;
	if (!is_watching)
		SSL_get_ex_new_index(0, NULL, note_ssl, NULL, NULL);
	is_watching = true;
}

static ssize_t
map_result(struct stream *s, ssize_t n)
{
	if (n >= 0)
		return n;
	if (n == TLS_WANT_POLLIN)
		return TRY_WANT_READ;
	if (n == TLS_WANT_POLLOUT)
		return TRY_WANT_WRITE;
	snprintf(s->error_text, sizeof(s->error_text), "TLS: %s",
	    tls_error(s->tls) ? tls_error(s->tls) : "failed");
	return TRY_ERROR;
}

/* After close_notify nothing more is read: what follows is in the clear. */
static ssize_t
tls_try_read(struct stream *s, void *p, size_t len)
{
	ssize_t n;

	if (s->ahead.len) {
		n = (ssize_t)(len < s->ahead.len ? len : s->ahead.len);
		memcpy(p, s->ahead.p, (size_t)n);
		buf_consume(&s->ahead, (size_t)n);
		return n;
	}
	if (s->is_tls_end)
		return 0;
	n = map_result(s, tls_read(s->tls, p, len));
	s->is_tls_end = n == 0;
	return n;
}

static ssize_t
tls_try_write(struct stream *s, const void *p, size_t len)
{
	return map_result(s, tls_write(s->tls, p, len));
}

/* libtls does not tell what it holds: one record is read ahead. */
static bool
tls_has_input(struct stream *s)
{
	ssize_t n;

	if (s->ahead.len || s->is_tls_end)
		return true;
	buf_reserve(&s->ahead, RECORD);
	n = tls_read(s->tls, s->ahead.p, RECORD);
	if (n > 0)
		s->ahead.len = (size_t)n;
	s->is_tls_end = n == 0;
	return n >= 0 || n == -1;
}

static void
tls_done(struct stream *s)
{
	tls_free(s->tls);
	buf_wipe(&s->ahead);
	stream_restore_fds(s);
}

static const struct stream_ops tls_ops = {
	.try_read = tls_try_read,
	.try_write = tls_try_write,
	.has_input = tls_has_input,
	.done = tls_done,
};

static enum io
handshake(struct stream *s, int64_t deadline_ms)
{
	enum io io = IO_OK;
	ssize_t n;

	s->ops = &tls_ops;
	while (io == IO_OK) {
		n = map_result(s, tls_handshake(s->tls));
		if (n == 0)
			return IO_OK;
		io = n == TRY_ERROR ? stream_fail(s, IO_ERROR)
				    : stream_wait_attempt(s, n, deadline_ms);
	}
	return io;
}

enum io
stream_start_tls_server(
    struct stream *s, struct tls_server *t, int64_t deadline_ms)
{
	struct tls *context = tls_server_context(t);

	watch_ssl();
	if (tls_accept_fds(context, &s->tls, s->in_fd, s->out_fd) != 0) {
		snprintf(s->error_text, sizeof(s->error_text), "TLS: %s",
		    tls_error(context));
		s->tls = NULL;
		return stream_fail(s, IO_ERROR);
	}
	s->ssl = latest_ssl;
	return handshake(s, deadline_ms);
}

enum io
stream_start_tls_client(struct stream *s, struct tls_client *t,
    const char *server_name, int64_t deadline_ms)
{
	s->tls = tls_client_context(t);
	if (tls_connect_fds(s->tls, s->in_fd, s->out_fd, server_name) != 0) {
		(void)map_result(s, -1);
		tls_free(s->tls);
		s->tls = NULL;
		return stream_fail(s, IO_ERROR);
	}
	return handshake(s, deadline_ms);
}

void
stream_close_tls(struct stream *s, int64_t deadline_ms)
{
	ssize_t n;

	if (!s->tls || s->error == IO_ERROR)
		return;
	do {
		n = tls_close(s->tls);
	} while ((n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) &&
	    stream_wait_attempt(s, n == TLS_WANT_POLLIN ? TRY_WANT_READ
							: TRY_WANT_WRITE,
		deadline_ms) == IO_OK);
}

bool
stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

struct str
stream_tls_version(const struct stream *s)
{
	return str_from_cstr(s->tls ? tls_conn_version(s->tls) : NULL);
}

struct str
stream_tls_cipher(const struct stream *s)
{
	return str_from_cstr(s->tls ? tls_conn_cipher(s->tls) : NULL);
}

struct str
stream_tls_servername(const struct stream *s)
{
	return str_from_cstr(s->tls ? tls_conn_servername(s->tls) : NULL);
}

/* --- channel bindings ------------------------------------------------------------ */

struct str
stream_tls_exporter(const struct stream *s, struct arena *a)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	uint8_t *p = arena_alloc(a, EXPORTER_OCTETS);

	/* Before TLS 1.3 only with the extended master secret (RFC 9266 4). */
	if (!s->ssl ||
	    (SSL_version(s->ssl) < TLS1_3_VERSION &&
		SSL_get_extms_support(s->ssl) != 1) ||
	    SSL_export_keying_material(s->ssl, p, EXPORTER_OCTETS, label,
		sizeof(label) - 1, NULL, 0, 0) != 1)
		return STR("");
	return str_make(p, EXPORTER_OCTETS);
}

/* The hash of the signature's own kind; SHA-256 for MD5 and SHA-1. */
static const EVP_MD *
end_point_digest(X509 *certificate)
{
	int md = NID_sha256, key;
	const EVP_MD *found;

	OBJ_find_sigid_algs(
	    X509_get_signature_nid(certificate), &md, &key);
	if (md == NID_md5 || md == NID_sha1)
		md = NID_sha256;
	found = EVP_get_digestbynid(md);
	return found ? found : EVP_sha256();
}

struct str
stream_tls_end_point(const struct stream *s, struct arena *a)
{
	X509 *certificate = s->ssl ? SSL_get_certificate(s->ssl) : NULL;
	uint8_t *p = arena_alloc(a, EVP_MAX_MD_SIZE);
	unsigned n = 0;

	if (!certificate ||
	    X509_digest(certificate, end_point_digest(certificate), p, &n) !=
		1)
		return STR("");
	return str_make(p, n);
}
