/* What the user may do with a folder (RFC 4314). */
#ifndef M3_CMD_IMAP_RIGHTS_H
#define M3_CMD_IMAP_RIGHTS_H

#include "chat.h"

/* All of his own; of another user's what its list gives. */
unsigned rights_of(const struct session *s, const struct folder *f);
bool rights_is_owner(const struct session *s, const struct uuid *owner);
/*
 * Are all of `need` there? False: answered. Who may not see the folder gets
 * the answer of one that is not there ([TRYCREATE] when try_create).
 */
bool rights_check(struct session *s, unsigned rights, unsigned need,
    bool try_create);
/* The answer for no folder. */
void rights_say_missing(struct session *s, bool try_create);
/* "* MYRIGHTS name lrs" */
void rights_tell(struct session *s, const struct folder *f);
/* The flags that may be set and taken, keywords among them. */
uint64_t rights_flags(unsigned rights);

/*
 * The folders of others whose lists name the user (acl_list_shared). Lists name
 * addresses, so the account is looked at behind it: after BYE there are none.
 */
enum rc rights_list_shared(struct session *s, struct arena *a,
    struct folder **ret_v, size_t *ret_n, struct err *err);

#endif
