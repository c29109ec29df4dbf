/* The commands: one table says what each needs, one file each does it. */
#ifndef M3_CMD_SMTP_COMMANDS_H
#define M3_CMD_SMTP_COMMANDS_H

#include "auth/sasl.h"
#include "chat.h"

enum command_flags {
	CMD_NO_ARGUMENT   = 1 << 0, /* 501 when there is one */
	CMD_NEEDS_HELLO   = 1 << 1,
	CMD_NEEDS_MAIL    = 1 << 2,
	CMD_NO_MAIL       = 1 << 3, /* 503 inside a transaction */
	CMD_TAKES_8BIT    = 1 << 4, /* its argument may be UTF-8 */
	CMD_LMTP_ONLY     = 1 << 5,
	CMD_NOT_LMTP      = 1 << 6,
	CMD_IN_CLEAR      = 1 << 7, /* allowed when TLS is required */
	CMD_NEEDS_LOGIN   = 1 << 8, /* on submission */
	CMD_CLOSES        = 1 << 9, /* an unsafe peer: close after the reply */
	CMD_NEEDS_RCPT    = 1 << 10,
	CMD_IS_LAST       = 1 << 11, /* of a pipelined group (RFC 2920 3.1) */
};

struct command {
	struct str verb;
	unsigned flags;
	void (*run)(struct session *s, struct str argument);
};

/* Parses the line, checks the preconditions, runs it. */
void command_run(struct session *s, struct str line);

/* --- shared by MAIL and RCPT: false when they have answered --------------- */

/* "FROM:" or "TO:", in any case, off the start. */
bool cmd_take_keyword(
    struct session *s, struct str *argument, struct str keyword);
/* "<...>" off the start of *rest; status: the enhanced code of a refusal. */
bool cmd_take_path(struct session *s, struct str *rest, const char *status,
    struct address *ret, bool *ret_is_8bit);
bool cmd_check_sender(struct session *s, const struct address *from);
/* An address as text in the transaction's arena. */
struct str cmd_print_address(struct session *s, const struct address *addr);

/*
 * Gives <postmaster>, which has no domain, one (RFC 5321 4.5.1); another
 * address stays as it is. RC_TEMP: the database.
 */
enum rc cmd_complete_postmaster(
    struct session *s, struct address *to, struct err *err);
/*
 * The reply to the end of data: by LMTP one for each RCPT that was accepted,
 * in their order (RFC 2033 4.2), else one.
 */
void cmd_answer_data(
    struct session *s, int code, const char *status, struct str text);

/* What ties SCRAM to this TLS session; in the transaction's arena. */
void cmd_scram_channel(struct session *s, struct scram_channel *ret);
/* A password may cross the wire as it is. */
bool cmd_is_private(const struct session *s);

/* --- the commands ------------------------------------------------------------ */

void cmd_ehlo(struct session *s, struct str argument);
void cmd_helo(struct session *s, struct str argument);
void cmd_mail(struct session *s, struct str argument);
void cmd_rcpt(struct session *s, struct str argument);
void cmd_data(struct session *s, struct str argument);
void cmd_auth(struct session *s, struct str argument);
void cmd_starttls(struct session *s, struct str argument);
void cmd_rset(struct session *s, struct str argument);
void cmd_noop(struct session *s, struct str argument);
void cmd_help(struct session *s, struct str argument);
void cmd_quit(struct session *s, struct str argument);
void cmd_vrfy(struct session *s, struct str argument);
void cmd_expn(struct session *s, struct str argument);
void cmd_obsolete(struct session *s, struct str argument);
void cmd_foreign(struct session *s, struct str argument);

#endif
