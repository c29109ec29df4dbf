/*
 * One SMTP, submission or LMTP session. The session's arena lives as long as
 * the connection; the transaction's is freed whole by RSET, EHLO and the end
 * of DATA (RFC 5321 4.1.1.5) and holds what was accepted, nothing else; what
 * it takes to decide lives in the command's, which the next command empties.
 */
#ifndef M3_CMD_SMTP_SESSION_H
#define M3_CMD_SMTP_SESSION_H

#include "base/vec.h"
#include "mail/guard.h"
#include "mail/rcpt.h"
#include "mail/vigil.h"
#include "model/queue.h"
#include "net/reader.h"
#include "net/serve.h"
#include "net/writer.h"
#include "program/server.h"

enum role { ROLE_MX, ROLE_SUBMISSION, ROLE_LMTP };

/* The order of commands: what is allowed is in the command table. */
enum state {
	STATE_CONNECTED, /* no EHLO yet */
	STATE_HELLO,
	STATE_MAIL,      /* a sender */
	STATE_RCPT,      /* at least one recipient was accepted */
};

/* What the end of data showed about one, where it has a reply of its own. */
enum last_look { LOOK_PASSES, LOOK_LOOP, LOOK_FULL };

struct recipient {
	struct address to;
	struct str text;      /* printed, without <>, as it was spelled */
	struct str key;       /* of the directory: one recipient is one key */
	struct str mailbox;   /* the one here that it is for, or "" */
	bool has_quota;       /* that mailbox has a limit */
	uint32_t notify;
	struct str orcpt;
	enum last_look look;  /* LMTP only */
};

struct transaction {
	struct str sender;    /* printed, without <> */
	bool is_null_sender;
	uint64_t size;        /* declared, 0 = not */
	bool is_8bit;
	bool smtputf8;
	enum dsn_ret ret;
	struct str envid;
	VEC(struct recipient) recipients; /* each once */
	VEC(size_t) accepted; /* whom the RCPT commands that got 250 named, in
	                       * their order: LMTP's replies */
	struct str headers;   /* fields that hooks put before it */
	struct str redirect;  /* a hook's address for all, or "" */
	bool is_held;         /* by a hook */
	bool is_discarded;
	unsigned n_asked;     /* RCPT commands, good or bad */
};

/* What main found out, the same for every session of the process. */
struct handler {
	struct program program;
	enum role role;       /* of all connections, when it was given */
	bool is_role_given;
	bool is_tls;          /* from the first byte, all of them */
	struct tls_server *tls;
};

struct hooks;

struct session {
	struct handler *h;
	struct program *p;
	const struct config *config;
	const struct connection *c;
	struct stream *stream;
	struct reader *reader;
	struct writer *writer;
	struct arena *arena;
	struct arena *txn_arena;
	struct arena *command_arena;
	enum role role;       /* by the socket: another one may differ */
	bool is_tls;          /* from the first byte */
	enum state state;
	bool is_esmtp;        /* EHLO or LHLO: enhanced codes */
	bool is_ending;       /* after the reply that is being written */
	bool is_counted;      /* against the connections of its address */
	struct str helo;
	struct mailbox *login;
	struct account account;  /* of the login */
	struct vigil vigil;
	struct str login_name;
	struct transaction txn;
	struct hooks *hooks;  /* NULL: not asked yet */
	int64_t deadline_ms;  /* of the whole session */
	unsigned n_errors;
	unsigned n_commands;
	unsigned n_messages;
	unsigned n_bare_lf;
	char id[16];
};

/* The sockets by name; the numbers are of enum role. */
extern const struct server_listener session_listeners[];
/* One connection; true: the process may serve another one. */
bool session_run(struct handler *h, struct connection *c);
void session_enter(struct session *s, enum state state);
/* Ends the transaction; the session goes back to STATE_HELLO. */
void session_reset(struct session *s);
/*
 * Connects lazily, reads the `config` documents and counts the connection
 * (limit.connections.source). RC_PERM: one too many.
 */
enum rc session_open_db(struct session *s, struct err *err);
/* Somebody has logged in: what they may do holds while their account does. */
void session_login(struct session *s, struct mailbox *m);
/*
 * Looks at the account of who logged in. False: answered; the session ends,
 * or (database away) the command does.
 */
bool session_check_account(struct session *s);
/* A read was stopped: 421, by the account or by the server's end. */
void session_stopped(struct session *s);
/* The limits of this client; pieces live in the command's arena. */
struct guard session_guard(const struct session *s);
/* A deadline ms from now, or the end of the session when that is earlier. */
int64_t session_deadline(const struct session *s, enum config_key timeout);
/*
 * A line of at most max octets from the client. False: the session ends, or
 * the line was refused; both are answered.
 */
bool session_line(struct session *s, size_t max, struct line *ret_line);
/* Counts a bad command or unknown recipient: 421 over the limit. */
void session_count_error(struct session *s);

#endif
