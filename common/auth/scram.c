/* SCRAM-SHA-256; see scram.h. */
#include "auth/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/rnd.h"
#include "text/base64.h"
#include "text/saslprep.h"

#include "base/banned.h"

enum {
	ITERATIONS = 15000,
	SALT_OCTETS = 16,
	NONCE_OCTETS = 18,
	NONCE_MAX = 512, /* of a client */
	HASH = SHA256_DIGEST_LENGTH,
};

struct scram {
	struct arena *a;
	struct scram_channel channel;
	struct scram_keys keys;
	bool is_known;
	struct str gs2;          /* the client's header, "n,," */
	struct str binding;      /* octets behind it in c= */
	struct str name;
	struct str nonce;        /* the client's, then both */
	struct str client_bare;
	struct str server_first;
};

/* --- keys --------------------------------------------------------------------- */

static void
hmac(const void *key, size_t len, struct str text, uint8_t out[HASH])
{
	unsigned n = HASH;

	HMAC(EVP_sha256(), key, (int)len, (const unsigned char *)text.p,
	    text.len, out, &n);
}

static void
hash(const uint8_t in[HASH], uint8_t out[HASH])
{
	SHA256(in, HASH, out);
}

bool
scram_make_keys(
    struct arena *a, struct str password, struct scram_keys *ret_keys)
{
	char *salt = arena_alloc(a, SALT_OCTETS);
	uint8_t salted[HASH], client[HASH];
	struct str prepared;

	if (!saslprep(a, password, &prepared))
		return false;
	rnd_fill(salt, SALT_OCTETS);
	if (PKCS5_PBKDF2_HMAC(prepared.p, (int)prepared.len,
		(unsigned char *)salt, SALT_OCTETS, ITERATIONS, EVP_sha256(),
		HASH, salted) != 1)
		return false;
	ret_keys->iterations = ITERATIONS;
	ret_keys->salt = str_make(salt, SALT_OCTETS);
	hmac(salted, HASH, STR("Client Key"), client);
	hash(client, ret_keys->stored_key);
	hmac(salted, HASH, STR("Server Key"), ret_keys->server_key);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return true;
}

static void
make_fake_keys(struct scram *s, struct str key, struct str secret)
{
	uint8_t *salt = arena_alloc(s->a, HASH);

	hmac(secret.p, secret.len, key, salt);
	s->keys = (struct scram_keys){ .iterations = ITERATIONS,
		.salt = str_make(salt, SALT_OCTETS) };
	rnd_fill(s->keys.stored_key, sizeof(s->keys.stored_key));
}

/* --- messages ------------------------------------------------------------------- */

struct scram *
scram_new(struct arena *a, const struct scram_channel *c)
{
	struct scram *s = ARENA_NEW(a, struct scram);

	s->a = a;
	s->channel = *c;
	return s;
}

/* "x=value" off the start of *rest, up to the next comma. */
static bool
take(struct str *rest, char letter, struct str *ret_value)
{
	struct str part;

	if (!str_split_char(rest, ',', &part) || part.len < 2 ||
	    part.p[0] != letter || part.p[1] != '=')
		return false;
	*ret_value = str_tail(part, 2);
	return true;
}

/* =2C is a comma, =3D the sign itself; anything else behind = is wrong. */
static bool
unescape(struct arena *a, struct str coded, struct str *ret_name)
{
	char *p = arena_alloc(a, coded.len + 1);
	size_t i, n = 0;

	for (i = 0; i < coded.len; i++) {
		struct str code = str_slice(coded, i, 3);

		if (coded.p[i] != '=') {
			p[n++] = coded.p[i];
			continue;
		}
		if (!str_equals(code, STR("=2C")) &&
		    !str_equals(code, STR("=3D")))
			return false;
		p[n++] = code.p[1] == '2' ? ',' : '=';
		i += 2;
	}
	*ret_name = str_make(p, n);
	return n > 0;
}

/* The flag before the first comma: n, y or p=type. */
static bool
take_binding(struct scram *s, struct str flag)
{
	const struct scram_channel *c = &s->channel;

	if (str_equals(flag, STR("n")))
		return !c->is_plus;
	if (str_equals(flag, STR("y"))) /* somebody hid the -PLUS from it */
		return !c->is_plus && !c->offers_plus;
	if (!c->is_plus)
		return false;
	if (str_equals(flag, STR("p=tls-exporter")))
		s->binding = c->exporter;
	else if (str_equals(flag, STR("p=tls-server-end-point")))
		s->binding = c->end_point;
	return s->binding.len > 0;
}

static bool
is_nonce(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	}
	return s.len > 0 && s.len <= NONCE_MAX;
}

bool
scram_client_first(
    struct scram *s, struct str message, struct str *ret_name)
{
	struct str all = arena_dup_str(s->a, message), rest = all;
	struct str flag, authzid, coded, other;

	if (!str_split_char(&rest, ',', &flag) || !take_binding(s, flag) ||
	    !str_split_char(&rest, ',', &authzid))
		return false;
	s->client_bare = rest;
	s->gs2 = str_slice(all, 0, all.len - rest.len);
	if (!take(&rest, 'n', &coded) ||
	    !unescape(s->a, coded, &other) || !take(&rest, 'r', &s->nonce) ||
	    !is_nonce(s->nonce) || !saslprep(s->a, other, &s->name))
		return false;
	/* GNU SASL writes "a=" for none. */
	if (authzid.len > 2 && !str_equals(str_tail(authzid, 2), coded))
		return false;
	if (authzid.len && !str_starts_with(authzid, STR("a=")))
		return false;
	*ret_name = s->name;
	return true;
}

struct str
scram_server_first(struct scram *s, const struct scram_keys *keys,
    struct str key, struct str secret)
{
	struct buf b = BUF_INIT;
	uint8_t ours[NONCE_OCTETS];

	s->is_known = keys && keys->iterations > 0;
	if (s->is_known)
		s->keys = *keys;
	else
		make_fake_keys(s, key, secret);
	rnd_fill(ours, sizeof(ours));
	buf_add_str(&b, s->nonce);
	base64_encode(&b, str_make(ours, sizeof(ours)));
	s->nonce = arena_dup_str(s->a, buf_str(&b));
	buf_reset(&b);
	buf_printf(&b, "r=%.*s,s=", STR_ARG(s->nonce));
	base64_encode(&b, s->keys.salt);
	buf_printf(&b, ",i=%u", s->keys.iterations);
	s->server_first = arena_dup_str(s->a, buf_str(&b));
	buf_done(&b);
	return s->server_first;
}

/* ClientSignature and ServerSignature are made of this (RFC 5802 3). */
static struct str
auth_message(struct scram *s, struct str without_proof)
{
	return arena_printf(s->a, "%.*s,%.*s,%.*s", STR_ARG(s->client_bare),
	    STR_ARG(s->server_first), STR_ARG(without_proof));
}

static bool
is_right_proof(const struct scram *s, struct str text, struct str proof)
{
	uint8_t signature[HASH], key[HASH], stored[HASH];
	size_t i;

	if (proof.len != HASH)
		return false;
	hmac(s->keys.stored_key, HASH, text, signature);
	for (i = 0; i < HASH; i++)
		key[i] = signature[i] ^ (uint8_t)proof.p[i];
	hash(key, stored);
	explicit_bzero(key, sizeof(key));
	return str_equals_secret(str_make(stored, HASH),
		   str_make(s->keys.stored_key, HASH)) &&
	    s->is_known;
}

static bool
is_same_binding(struct scram *s, struct str coded)
{
	struct str bytes;

	return base64_decode(s->a, coded, &bytes) &&
	    str_equals(bytes, arena_join(s->a, s->gs2, s->binding));
}

bool
scram_client_final(
    struct scram *s, struct str message, struct str *ret_message)
{
	struct str rest = message, binding, nonce, proof, text;
	struct buf b = BUF_INIT;
	uint8_t signature[HASH];
	size_t at = str_find(message, STR(",p="));

	if (!take(&rest, 'c', &binding) || !is_same_binding(s, binding) ||
	    !take(&rest, 'r', &nonce) || !str_equals(nonce, s->nonce) ||
	    at == message.len ||
	    !base64_decode(s->a, str_tail(message, at + 3), &proof))
		return false;
	text = auth_message(s, str_slice(message, 0, at));
	if (!is_right_proof(s, text, proof))
		return false;
	hmac(s->keys.server_key, HASH, text, signature);
	buf_add_cstr(&b, "v=");
	base64_encode(&b, str_make(signature, HASH));
	*ret_message = arena_dup_str(s->a, buf_str(&b));
	buf_done(&b);
	return true;
}
