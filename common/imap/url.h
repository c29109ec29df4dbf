/*
 * IMAP URLs as CATENATE takes them (RFC 4469, RFC 5092): those without a
 * server, which name a message or a part of one.
 *
 *   /folder;UIDVALIDITY=n/;UID=n/;SECTION=1.2/;PARTIAL=0.1024
 */
#ifndef M3_IMAP_URL_H
#define M3_IMAP_URL_H

#include "imap/fetch_att.h"

struct imap_url {
	struct str mailbox;      /* UTF-8; "": the one of the base */
	bool is_relative;        /* without the '/' in front */
	uint32_t uidvalidity;    /* 0: not given */
	uint32_t uid;
	struct section section;  /* whole message: SECTION_ALL; its partial
	                          * length is UINT64_MAX when none was given */
};

/*
 * False: bad syntax, another server, a mailbox or a search instead of a
 * message. The parts live in the arena or in text.
 */
bool imap_url_parse(struct arena *a, struct str text, struct imap_url *ret);

#endif
