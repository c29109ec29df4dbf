/* The commands: one table says what each needs, one file each does it. */
#ifndef M3_CMD_IMAP_COMMANDS_H
#define M3_CMD_IMAP_COMMANDS_H

#include "imap/fetch_att.h"
#include "read.h"
#include "view.h"

enum command_flags {
	IN_CONNECTED     = 1 << 0,
	IN_AUTHENTICATED = 1 << 1,
	IN_SELECTED      = 1 << 2,
	HAS_UID          = 1 << 3, /* "UID name" is a command too */
	NO_EXPUNGE       = 1 << 4, /* FETCH, STORE, SEARCH without UID */
	NO_SYNC          = 1 << 5, /* looks for changes itself, or not at all */
	TAKES_NUMBERS    = 1 << 6, /* without UID; refused after UIDONLY */

	IN_ANY  = IN_CONNECTED | IN_AUTHENTICATED | IN_SELECTED,
	IN_USER = IN_AUTHENTICATED | IN_SELECTED,
};

struct command {
	struct str name;
	unsigned flags;
	size_t min_args;
	size_t max_args;
	void (*run)(struct session *s, const struct read_command *c);
};

void command_run(struct session *s, const struct read_command *c);
/* What CAPABILITY says now, into an empty buffer. */
void command_capabilities(struct session *s, struct buf *b);
/* imap.capabilities.hide has it: not offered and not to be enabled. */
bool command_is_hidden(const struct session *s, struct str name);
bool command_may_log_in(const struct session *s);
bool command_offers_starttls(const struct session *s);
struct scram_channel;
/* What the channel bindings of this connection are. */
void command_scram_channel(struct session *s, struct scram_channel *ret);

/*
 * A mailbox argument as the store's name: decoded, INBOX in capitals, without
 * a trailing '/'. False: answered.
 */
bool command_mailbox(
    struct session *s, const struct arg *arg, struct str *ret_name);
/* Modified UTF-7 or UTF-8 to UTF-8. False: it is neither. */
bool command_decode(
    struct session *s, struct str text, struct str *ret_name);
/* The same, quietly: NULL, or what is wrong with the name. */
const char *command_name(
    struct session *s, struct str text, struct str *ret_name);
/* The same of a name in UTF-8; false: it is not allowed. */
bool command_mailbox_name(
    struct session *s, struct str name, struct str *ret_name);
/* *ret_folder NULL: there is no such mailbox that can be read. */
enum rc command_find(struct session *s, struct str name,
    struct folder **ret_folder, struct err *err);
struct place;
/* Whose folder a mailbox argument would be. False: answered. */
bool command_place(
    struct session *s, const struct arg *arg, struct place *ret_place);
/*
 * The folder, with all of these rights; or NULL and answered ([TRYCREATE]
 * when try_create).
 */
struct folder *command_folder(struct session *s, const struct arg *arg,
    unsigned need, bool try_create);
/* May the selected mailbox be changed so? False: answered. */
bool command_may(struct session *s, unsigned need);
/* For SELECT: as command_folder, with first_unseen for IMAP4rev1. */
struct folder *command_folder_to_open(
    struct session *s, const struct arg *arg);
/* System bits and keywords of a flag list. False: answered. */
struct flag_list {
	uint64_t bits;
	const struct str *keywords;
	size_t n;
};
bool command_flags(struct session *s, const struct arg *v, size_t n,
    struct flag_list *ret);
/*
 * "OK text", after telling what changed; NO when that fails and the command
 * itself changed nothing.
 */
void command_done(struct session *s, bool may_expunge, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * FETCH answers that no command asked for (NOTIFY); never sets \Seen. When
 * it fails inside an answer the session ends.
 */
enum rc fetch_tell(struct session *s, const struct fetch_atts *atts,
    const struct selection *sel, struct err *err);

#define CMD(name) \
	void name(struct session *s, const struct read_command *c)
CMD(cmd_capability);
CMD(cmd_noop);
CMD(cmd_notify);
CMD(cmd_logout);
CMD(cmd_login);
CMD(cmd_authenticate);
CMD(cmd_starttls);
CMD(cmd_id);
CMD(cmd_enable);
CMD(cmd_namespace);
CMD(cmd_compress);
CMD(cmd_replace);
CMD(cmd_select);
CMD(cmd_examine);
CMD(cmd_unselect);
CMD(cmd_close);
CMD(cmd_create);
CMD(cmd_delete);
CMD(cmd_rename);
CMD(cmd_subscribe);
CMD(cmd_unsubscribe);
CMD(cmd_list);
CMD(cmd_lsub);
CMD(cmd_status);
CMD(cmd_append);
CMD(cmd_deleteacl);
CMD(cmd_getacl);
CMD(cmd_getmetadata);
CMD(cmd_listrights);
CMD(cmd_myrights);
CMD(cmd_setacl);
CMD(cmd_setmetadata);
CMD(cmd_getquota);
CMD(cmd_getquotaroot);
CMD(cmd_setquota);
CMD(cmd_check);
CMD(cmd_expunge);
CMD(cmd_search);
CMD(cmd_sort);
CMD(cmd_thread);
CMD(cmd_fetch);
CMD(cmd_store);
CMD(cmd_copy);
CMD(cmd_move);
CMD(cmd_idle);
CMD(cmd_uidbatches);
#undef CMD

#endif
