/* Identifiers; see id.h. */
#include "model/id.h"

#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/rnd.h"
#include "base/banned.h"

static const char hex_digits[] = "0123456789abcdef";

static void
format_hex(const uint8_t *b, size_t n, char *text)
{
	size_t i;

	for (i = 0; i < n; i++) {
		text[2 * i] = hex_digits[b[i] >> 4];
		text[2 * i + 1] = hex_digits[b[i] & 15];
	}
}

/* Exactly 2 * n digits, of any case. */
static bool
parse_hex(const char *p, size_t n, uint8_t *ret_b)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int hi = ascii_hex_value(p[2 * i]);
		int lo = ascii_hex_value(p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		ret_b[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

struct oid
oid_new(void)
{
	struct oid id;
	uint32_t seconds = (uint32_t)(clock_wall_ms() / 1000);

	id.b[0] = (uint8_t)(seconds >> 24);
	id.b[1] = (uint8_t)(seconds >> 16);
	id.b[2] = (uint8_t)(seconds >> 8);
	id.b[3] = (uint8_t)seconds;
	rnd_fill(id.b + 4, OID_SIZE - 4);
	return id;
}

bool
oid_equals(const struct oid *a, const struct oid *b)
{
	return memcmp(a->b, b->b, OID_SIZE) == 0;
}

int
oid_compare(const struct oid *a, const struct oid *b)
{
	return memcmp(a->b, b->b, OID_SIZE);
}

bool
oid_is_zero(const struct oid *id)
{
	static const struct oid zero;

	return oid_equals(id, &zero);
}

struct str
oid_format(const struct oid *id, char text[OID_HEX])
{
	format_hex(id->b, OID_SIZE, text);
	return str_make(text, OID_HEX);
}

bool
oid_parse(struct str s, struct oid *ret_id)
{
	struct oid id = { { 0 } };

	if (s.len != OID_HEX || !parse_hex(s.p, OID_SIZE, id.b))
		return false;
	*ret_id = id;
	return true;
}

/* The time stays; FNV-1a of the text is mixed into the random octets. */
struct oid
oid_derive(const struct oid *id, struct str text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	struct oid made = *id;
	size_t i;

	for (i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.p[i]) *
		    UINT64_C(1099511628211);
	for (i = 0; i < 8; i++)
		made.b[4 + i] ^= (uint8_t)(hash >> (8 * i));
	return made;
}

struct uuid
uuid_new(void)
{
	struct uuid id;

	rnd_fill(id.b, UUID_SIZE);
	id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x40); /* version 4 */
	id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80); /* variant 10 */
	return id;
}

bool
uuid_equals(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, UUID_SIZE) == 0;
}

int
uuid_compare(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, UUID_SIZE);
}

/* The five groups of the text form: octets from `at`, digits from `to`. */
static const struct {
	size_t at;
	size_t n;
	size_t to;
} uuid_groups[] = {
	{ 0, 4, 0 },
	{ 4, 2, 9 },
	{ 6, 2, 14 },
	{ 8, 2, 19 },
	{ 10, 6, 24 },
};

enum { UUID_GROUPS = sizeof(uuid_groups) / sizeof(uuid_groups[0]) };

struct str
uuid_format(const struct uuid *id, char text[UUID_TEXT])
{
	size_t i;

	memset(text, '-', UUID_TEXT);
	for (i = 0; i < UUID_GROUPS; i++)
		format_hex(id->b + uuid_groups[i].at, uuid_groups[i].n,
		    text + uuid_groups[i].to);
	return str_make(text, UUID_TEXT);
}

bool
uuid_parse(struct str s, struct uuid *ret_id)
{
	struct uuid id;
	size_t i;

	if (s.len != UUID_TEXT)
		return false;
	for (i = 0; i < UUID_GROUPS; i++) {
		if (i && s.p[uuid_groups[i].to - 1] != '-')
			return false;
		if (!parse_hex(s.p + uuid_groups[i].to, uuid_groups[i].n,
			id.b + uuid_groups[i].at))
			return false;
	}
	*ret_id = id;
	return true;
}
