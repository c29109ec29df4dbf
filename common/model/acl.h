/*
 * Access control lists of folders (RFC 4314): who may do what. The owner of
 * a folder has every right always and is in no list.
 */
#ifndef M3_MODEL_ACL_H
#define M3_MODEL_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum right {
	RIGHT_LOOKUP  = 1 << 0,  /* l: the folder is seen */
	RIGHT_READ    = 1 << 1,  /* r */
	RIGHT_SEEN    = 1 << 2,  /* s: \Seen */
	RIGHT_WRITE   = 1 << 3,  /* w: other flags */
	RIGHT_INSERT  = 1 << 4,  /* i */
	RIGHT_POST    = 1 << 5,  /* p: kept, nothing asks for it */
	RIGHT_CREATE  = 1 << 6,  /* k: folders below */
	RIGHT_REMOVE  = 1 << 7,  /* x: the folder itself */
	RIGHT_DELETE  = 1 << 8,  /* t: \Deleted */
	RIGHT_EXPUNGE = 1 << 9,  /* e */
	RIGHT_ADMIN   = 1 << 10, /* a: the list itself */

	RIGHTS_ALL    = (1 << 11) - 1,
	RIGHTS_CHANGE = RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT |
	    RIGHT_DELETE | RIGHT_EXPUNGE, /* any: READ-WRITE (5.2) */
};

enum { ACL_TEXT = 16 }; /* room for all letters */

/*
 * identifier: the address of a mailbox or "anyone"; with a '-' before it the
 * rights are taken away, whatever gives them.
 */
struct acl_entry {
	struct str identifier;
	unsigned rights;
};

enum acl_op { ACL_REPLACE, ACL_ADD, ACL_REMOVE };

/*
 * Letters to rights; the obsolete "c" is "kx" and "d" is "te" (2.1.1). False:
 * a letter that is no right.
 */
bool acl_parse(struct str letters, unsigned *ret_rights);
/*
 * The letters, in `text`. with_obsolete: as clients are told them, with "c"
 * and "d" when a part of them is there; such text is not to be parsed.
 */
struct str acl_format(
    unsigned rights, bool with_obsolete, char text[ACL_TEXT]);
/* What the list gives to a user: all that gives, less all that takes. */
unsigned acl_rights(
    const struct acl_entry *v, size_t n, struct str address);
/* Without the '-' before it. */
struct str acl_bare(struct str identifier);
bool acl_is_anyone(struct str identifier);

#endif
