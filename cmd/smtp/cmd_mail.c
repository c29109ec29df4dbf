/* MAIL FROM (RFC 5321 4.1.1.2). */
#include "commands.h"

#include "base/limits.h"
#include "mail/sendas.h"
#include "policy.h"
#include "smtp/params.h"
#include "smtp/path.h"

#include "base/banned.h"

/* "FROM:" in any case, blanks behind it tolerated. False: answered. */
bool
cmd_take_keyword(
    struct session *s, struct str *argument, struct str keyword)
{
	if (!str_starts_with_nocase(*argument, keyword)) {
		chat_reply(s, 501, "5.5.4", "%.*s<address> is wanted",
		    STR_ARG(keyword));
		session_count_error(s);
		return false;
	}
	*argument = str_trim(str_tail(*argument, keyword.len));
	return true;
}

/* The path at the start of *rest. False: answered. */
bool
cmd_take_path(struct session *s, struct str *rest, const char *status,
    struct address *ret, bool *ret_is_8bit)
{
	size_t used;

	switch (path_parse(s->command_arena, *rest, ret, &used, ret_is_8bit)) {
	case PATH_OK:
		*rest = str_tail(*rest, used);
		return true;
	case PATH_LENGTH:
		chat_reply(s, 501, status, "Path too long");
		break;
	case PATH_UTF8:
		chat_reply(s, 501, status, "Address is not UTF-8");
		break;
	case PATH_SYNTAX:
		chat_reply(s, 501, status, "That is no address in <>");
		break;
	}
	session_count_error(s);
	return false;
}

static bool
refuse(struct session *s, int code, const char *status, const char *text)
{
	chat_reply(s, code, status, "%s", text);
	session_count_error(s);
	return false;
}

static bool
is_too_big(const struct session *s, uint64_t size)
{
	return size > (uint64_t)config_int(s->config, CFG_SMTP_SIZE_MAXIMUM);
}

static bool
check_params(struct session *s, const struct smtp_mail_params *p,
    bool is_8bit_address)
{
	if (is_8bit_address && !p->smtputf8)
		return refuse(s, 553, "5.6.7",
		    "Address needs the SMTPUTF8 parameter");
	if (config_bool(s->config, CFG_SMTP_SIZE_CHECK_MAIL) &&
	    is_too_big(s, p->size))
		return refuse(s, 552, "5.3.4", "Message too big");
	return true;
}

static bool
is_out_of_messages(struct session *s)
{
	if (s->n_messages < config_int(s->config, CFG_SMTP_LIMIT_MESSAGES))
		return false;
	chat_close(s, 421, "4.7.0", "%.*s too many messages",
	    STR_ARG(s->p->hostname));
	return true;
}

struct str
cmd_print_address(struct session *s, const struct address *addr)
{
	struct buf b = BUF_INIT;
	struct str text;

	path_print(addr, &b);
	text = arena_dup_str(s->command_arena, buf_str(&b));
	buf_done(&b);
	return text;
}

void
cmd_mail(struct session *s, struct str argument)
{
	struct smtp_mail_params p;
	struct smtp_refusal why;
	struct address from;
	bool is_8bit;

	if (is_out_of_messages(s) || !session_check_account(s) ||
	    !cmd_take_keyword(s, &argument, STR("FROM:")) ||
	    !cmd_take_path(s, &argument, "5.1.7", &from, &is_8bit))
		return;
	if (!address_is_null(&from) && from.domain.len == 0) {
		refuse(s, 501, "5.1.7", "Sender without a domain");
		return;
	}
	if (!smtp_mail_params_parse(argument, &p, &why)) {
		refuse(s, why.code, why.status, why.text);
		return;
	}
	if (!check_params(s, &p, is_8bit) || !cmd_check_sender(s, &from))
		return;
	s->txn = (struct transaction){
		.sender = arena_dup_str(
		    s->txn_arena, cmd_print_address(s, &from)),
		.is_null_sender = address_is_null(&from),
		.size = p.size,
		.is_8bit = p.is_8bit,
		.smtputf8 = p.smtputf8,
		.ret = p.ret,
		.envid = arena_dup_str(s->txn_arena, p.envid),
	};
	if (!policy_passes(s, "mail", STR(""), NULL)) {
		session_reset(s);
		return;
	}
	session_enter(s, STATE_MAIL);
	chat_reply(s, 250, "2.1.0", "OK");
}

/*
 * A login sends as itself, or as what it is allowed to (mail/sendas.h).
 */
bool
cmd_check_sender(struct session *s, const struct address *from)
{
	struct err err;
	bool may;

	if (s->role != ROLE_SUBMISSION && !s->login)
		return true;
	if (address_is_null(from) || !s->login)
		return true;
	if (sendas_decide(s->p->db, s->command_arena, s->config, s->login,
		from, &may, &err) != RC_OK) {
		chat_temporary(s, &err);
		return false;
	}
	if (may)
		return true;
	return refuse(
	    s, 550, "5.7.1", "That sender address is not yours");
}
