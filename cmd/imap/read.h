/*
 * Reading a command: its lines and literals, within one budget of octets
 * (RFC 3501 4.3, RFC 7888). A literal that is too big is refused before the
 * client sends it, and never read as commands.
 */
#ifndef M3_CMD_IMAP_READ_H
#define M3_CMD_IMAP_READ_H

#include "chat.h"

/* In what a message literal of APPEND stands; the lists are still open. */
enum literal_place {
	PLACE_PLAIN,         /* {n} */
	PLACE_UTF8,          /* UTF8 (~{n} (RFC 6855) */
	PLACE_CATENATE,      /* CATENATE (... TEXT {n} (RFC 4469) */
	PLACE_CATENATE_UTF8, /* CATENATE (... UTF8 (~{n} */
};

/* APPEND stops before its message: the handler reads it. */
struct pending_literal {
	bool is_there;
	enum literal_place place;
	bool is_sync;
	bool is_literal8;
	uint64_t size;
};

enum read_result {
	READ_COMMAND,
	READ_ANSWERED,  /* BAD was sent: go on with the next */
	READ_END,       /* end of the connection */
};

struct read_command {
	struct command_text text;
	struct pending_literal pending;
};

enum read_result read_command(struct session *s, struct read_command *ret);
/*
 * What follows a message literal at such a place, up to the next one. The
 * lists around it are there again, without what stood in them before:
 * "CATENATE (URL u)" for the line " URL u)".
 */
enum read_result read_more(struct session *s, enum literal_place place,
    const struct arg **ret_v, size_t *ret_n,
    struct pending_literal *ret_pending);
/*
 * The message of a refused command, if it comes without being asked for, with
 * all that belongs to the command: it must not run as commands.
 */
void read_drop(struct session *s, const struct pending_literal *p);
/* Octets of a literal, in blocks. IO_OK: all of them were read. */
enum io read_literal(struct session *s, uint64_t size,
    void (*sink)(void *ctx, struct str block), void *ctx);

#endif
