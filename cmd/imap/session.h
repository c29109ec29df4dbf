/*
 * One IMAP session (RFC 3501). The session's arena lives as long as the
 * connection, the command's until its tagged answer.
 */
#ifndef M3_CMD_IMAP_SESSION_H
#define M3_CMD_IMAP_SESSION_H

#include "base/buf.h"
#include "base/vec.h"
#include "db/directory.h"
#include "db/store.h"
#include "imap/args.h"
#include "imap/seqset.h"
#include "mail/vigil.h"
#include "net/reader.h"
#include "net/serve.h"
#include "net/turn.h"
#include "net/writer.h"
#include "program/server.h"

enum state {
	STATE_CONNECTED,     /* not authenticated */
	STATE_AUTHENTICATED,
	STATE_SELECTED,
	STATE_LOGOUT,
};

/* A message as this client sees it. */
struct seen {
	struct entry e;
	bool is_gone;   /* expunged (with e.modseq), and the client was not
	                 * told yet */
	bool is_dirty;  /* flags changed, and the client was not told yet */
};

/*
 * The selected mailbox. Until the map is needed only the folder is known.
 * Invariant once loaded: v is sorted by uid; the client knows of the first
 * n_announced, in exactly this order.
 */
struct view {
	struct arena *a;         /* keywords */
	struct folder folder;
	struct seen *v;
	size_t n;
	size_t cap;
	size_t n_announced;
	uint64_t modseq;         /* up to which v is true */
	uint64_t newest;         /* of an entry: above modseq when it was read
	                          * behind a change that the folder lacked */
	size_t n_keywords_told;
	VEC(struct uid_range) recent; /* \Recent here and nowhere else; rising */
	bool may_be_untold;      /* something is gone, dirty or new, perhaps */
	bool owes_modseq;        /* the next tagged answer says how far it is */
	struct uid_range own;    /* appended by the running command */
	bool has_own_expunge;    /* the running command expunges */
	bool is_loaded;
	bool is_read_only;       /* EXAMINE */
	uint32_t owed_fetch;     /* uid from which on NOTIFY's FETCH failed */
	unsigned rights;         /* of the user, as last read */
	bool is_rev2;            /* the session's: \Recent is not shown */
	struct {
		unsigned n;      /* UIDBATCHES since so much changed: */
		uint32_t uidnext, exists;
	} batches;
};

struct handler {
	struct program program;
	bool is_tls;             /* from the first byte, all connections */
	const char *preauth;     /* address, or NULL */
	struct tls_server *tls;
};

struct session {
	struct handler *h;
	struct program *p;
	const struct config *config;
	const struct connection *c;
	struct stream *stream;
	struct reader *reader;
	struct writer *writer;
	struct arena *arena;
	struct arena *command_arena;
	enum state state;
	bool is_tls;             /* from the first byte */
	struct str tag;          /* of the running command */
	bool is_uid;
	struct mailbox *user;
	struct account account;  /* of the user */
	struct vigil vigil;
	struct view *view;
	bool has_condstore;      /* FETCH answers carry MODSEQ */
	bool has_qresync;
	bool has_utf8;
	bool has_uidonly;        /* no sequence numbers (RFC 9586) */
	bool is_rev2;            /* ENABLE IMAP4rev2 (RFC 9051) */
	struct deflate *deflate; /* COMPRESS is on, or NULL */
	struct notify *notify;   /* since the first NOTIFY, or NULL */
	bool has_changed;        /* the running command changed the store */
	int64_t next_look_ms;    /* wait.c: not before */
	unsigned n_failed_looks; /* ... since the last good one */
	struct turn turn;        /* ... to look */
	bool has_waited_turn;
	VEC(uint32_t) saved;     /* SEARCH RETURN (SAVE), uids */
	int64_t next_progress_ms; /* progress.c: of the running command */
	int64_t next_check_ms;
	int64_t cpu_from_ms;     /* the process's CPU time at its start */
	const char *cut;         /* why it has to end now, or NULL */
	int64_t login_deadline_ms;
	unsigned n_bad;
	bool speaks_imap;        /* something was answered OK or NO */
	unsigned n_failed_logins;
	unsigned n_commands;
	char id[16];
};

extern const struct server_listener session_listeners[];
bool session_run(struct handler *h, struct connection *c);
void session_enter(struct session *s, enum state state);
/* Deadline of the next input by state. */
int64_t session_deadline(const struct session *s);
enum rc session_open_db(struct session *s, struct err *err);
/*
 * MODSEQ is told from now on; in a selected mailbox also how far the client
 * is (RFC 7162 3.1).
 */
void session_use_condstore(struct session *s);
/* Leaves the selected mailbox. */
void session_unselect(struct session *s);
/* The address of the user is set: from here on AUTHENTICATED. */
void session_login(struct session *s, struct mailbox *m);
/*
 * Looks at the user's account, when its last look is too old or, with
 * must_be_fresh, in any case. False: it is over and BYE was said. What cannot
 * be known, since the database is away, ends nothing: nor can the session do
 * anything then.
 */
bool session_check_account(struct session *s, bool must_be_fresh);
/* A read was stopped: BYE, by the account or by the server's end. */
void session_stopped(struct session *s);
/* The running command changed something: tells other sessions. */
void session_ring(struct session *s, const struct uuid *owner);

#endif
