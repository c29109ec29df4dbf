/*
 * The two kinds of identifier: struct oid, made by one process and rising
 * with time (queue, blobs, messages, folders: 12 bytes, 24 hexadecimal
 * digits), and struct uuid, random (the owner of mailboxes: RFC 9562 v4).
 */
#ifndef M3_MODEL_ID_H
#define M3_MODEL_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { OID_SIZE = 12, OID_HEX = 24, UUID_SIZE = 16, UUID_TEXT = 36 };

struct oid {
	uint8_t b[OID_SIZE];
};

struct uuid {
	uint8_t b[UUID_SIZE];
};

/*
 * Four bytes of wall clock, eight of the kernel's randomness: no counter and
 * no process id, so that a fork or a reused child can not repeat one.
 */
struct oid oid_new(void);
bool oid_equals(const struct oid *a, const struct oid *b);
int oid_compare(const struct oid *a, const struct oid *b);
bool oid_is_zero(const struct oid *id);
/* The digits (lower case) lie in text; the slice covers them, no NUL. */
struct str oid_format(const struct oid *id, char text[OID_HEX]);
bool oid_parse(struct str s, struct oid *ret_id);

/* Always the same for the same id and text: ids of reports. */
struct oid oid_derive(const struct oid *id, struct str text);

struct uuid uuid_new(void);
bool uuid_equals(const struct uuid *a, const struct uuid *b);
int uuid_compare(const struct uuid *a, const struct uuid *b);
struct str uuid_format(const struct uuid *id, char text[UUID_TEXT]);
bool uuid_parse(struct str s, struct uuid *ret_id);

#endif
