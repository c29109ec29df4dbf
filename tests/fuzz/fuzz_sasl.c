/*
 * The server's side of SASL against any client. The first octet is the
 * mechanism, the second says which messages a client of SCRAM makes right
 * by itself: then, and only then, the end is a login.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "fuzz.h"

#include "auth/sasl.h"
#include "text/base64.h"
#include "base/banned.h"

enum { HASH = SHA256_DIGEST_LENGTH };
enum { BUILD_FINAL = 1, IS_UNKNOWN = 2, HAS_BINDING = 4, SPOIL = 8 };

static const char *const names[] = { "PLAIN", "LOGIN", "SCRAM-SHA-256",
	"SCRAM-SHA-256-PLUS", "scram-sha-256", "CRAM-MD5", "" };
static const uint8_t client_key[HASH] = "0123456789abcdef0123456789abcde";

static void
hmac(const uint8_t *key, struct str text, uint8_t out[HASH])
{
	unsigned n = HASH;

	HMAC(EVP_sha256(), key, HASH, (const unsigned char *)text.p, text.len,
	    out, &n);
}

static void
make_mailbox(struct mailbox *m)
{
	*m = (struct mailbox){ .kind = ADDRESS_MAILBOX,
		.password = STR("x"), .scram = { .iterations = 4096,
		.salt = STR("salt") } };
	SHA256(client_key, HASH, m->scram.stored_key);
}

/* client-final of one who knows the key; first: "gs2-header bare". */
static struct str
build_final(struct arena *a, const struct mailbox *m, struct str first,
    struct str challenge, struct str binding)
{
	struct str rest = first, part, gs2, bare, nonce, without;
	uint8_t signature[HASH];
	struct buf b = BUF_INIT;
	size_t i;

	(void)str_split_char(&rest, ',', &part);
	(void)str_split_char(&rest, ',', &part);
	bare = rest.p ? rest : STR("");
	gs2 = str_slice(first, 0, first.len - bare.len);
	nonce = str_slice(challenge, 0, str_find_char(challenge, ','));
	buf_add_cstr(&b, "c=");
	base64_encode(&b, arena_join(a, gs2, binding));
	buf_printf(&b, ",%.*s", STR_ARG(nonce));
	without = arena_dup_str(a, buf_str(&b));
	hmac(m->scram.stored_key, arena_printf(a, "%.*s,%.*s,%.*s",
	    STR_ARG(bare), STR_ARG(challenge), STR_ARG(without)), signature);
	for (i = 0; i < HASH; i++)
		signature[i] ^= client_key[i];
	buf_add_cstr(&b, ",p=");
	base64_encode(&b, str_make(signature, HASH));
	without = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return without;
}

struct client {
	struct arena *a;
	struct mailbox mailbox;
	unsigned how;
	struct str rest;      /* lines */
	struct str first;     /* what was said first */
	struct str binding;   /* as that asked for */
	bool is_built;        /* the right final message was sent */
};

static struct str
next_line(struct client *c)
{
	return c->rest.len ? fuzz_line(&c->rest) : STR("");
}

static struct str
respond(struct client *c, unsigned turn, struct str challenge)
{
	struct str line = next_line(c);

	if (turn == 0) {
		c->first = line;
		return line;
	}
	if (turn != 1 || !(c->how & BUILD_FINAL) || !(str_starts_with(
	    challenge, STR("r="))))
		return line;
	line = build_final(c->a, &c->mailbox, c->first, challenge,
	    c->binding);
	c->is_built = true;
	if (c->how & SPOIL)
		line = str_slice(line, 0, line.len - 2);
	return line;
}

static void
talk(struct client *c, struct sasl *s)
{
	struct str challenge = STR("");
	bool is_unknown = c->how & IS_UNKNOWN;
	unsigned turn = 0;
	enum sasl_step step;

	do {
		CHECK(turn < 4);
		step = sasl_step(s, respond(c, turn++, challenge),
		    &challenge);
		if (step != SASL_LOOKUP)
			continue;
		CHECK(sasl_name(s).p != NULL);
		if (sasl_is_clear(s))
			return; /* crypt(5) is slow, and not ours */
		step = sasl_judge(s, is_unknown ? NULL : &c->mailbox,
		    STR("ann@example.org"),
		    STR("secret"), &challenge);
		CHECK(step == SASL_ASK && challenge.len > 0);
	} while (step == SASL_ASK);
	if (step == SASL_GOOD)
		CHECK(c->is_built && !is_unknown && !(c->how & SPOIL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c = { .a = arena_new(), .rest = fuzz_input(data, size) };
	struct scram_channel channel = { .exporter = STR(""),
		.end_point = STR("") };
	const char *name =
	    names[fuzz_octet(&c.rest) % (sizeof(names) / sizeof(*names))];
	struct sasl *s;

	c.how = fuzz_octet(&c.rest);
	make_mailbox(&c.mailbox);
	if (c.how & HAS_BINDING) {
		channel.exporter = STR("0123456789abcdef0123456789abcdef");
		channel.end_point = STR("point");
	}
	c.binding = STR("");
	if (str_starts_with(c.rest, STR("p=tls-exporter,")))
		c.binding = channel.exporter;
	else if (str_starts_with(c.rest, STR("p=tls-server-end-point,")))
		c.binding = channel.end_point;
	s = sasl_new(c.a, str_from_cstr(name), &channel);
	if (s)
		talk(&c, s);
	arena_free(c.a);
	return 0;
}
