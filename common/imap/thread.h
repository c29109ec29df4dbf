/* THREAD (RFC 5256 3): ORDEREDSUBJECT and REFERENCES. */
#ifndef M3_IMAP_THREAD_H
#define M3_IMAP_THREAD_H

#include "base/buf.h"
#include "base/mem.h"

struct thread_message {
	uint32_t number;         /* as it is shown */
	int64_t date;            /* sent, UTC; else when it arrived */
	struct str subject;      /* base subject, case folded */
	bool is_reply;           /* "re:", "fwd:" ... was taken off */
	struct str id;           /* Message-ID as it stands, or "" */
	struct str references;   /* References, else In-Reply-To, or "" */
};

/* Asked again and again while there is work; false: it is to end. */
struct thread_watch {
	bool (*go_on)(void *ctx);
	void *ctx;
};

/*
 * "(2)(3 6 (4 23)(44 7 96))"; v is sorted by number. False: the watch, which
 * may be NULL, ended it. The time is n log n, n the ids that messages name.
 */
bool thread_by_subject(struct arena *a, const struct thread_message *v,
    size_t n, const struct thread_watch *watch, struct buf *out);
bool thread_by_references(struct arena *a, const struct thread_message *v,
    size_t n, const struct thread_watch *watch, struct buf *out);

#endif
