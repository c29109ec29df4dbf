/* The last look at the recipients; see last_look.h. */
#include "last_look.h"

#include "commands.h"
#include "db/directory.h"

#include "base/banned.h"

/* What Delivered-To of this copy would say (cmd/mda/local.c). */
static struct str
last_look_address(const struct recipient *r)
{
	return str_starts_with(r->mailbox, STR("*@")) ? r->text : r->mailbox;
}

static bool
last_look_was_here(const struct recipient *r, struct str delivered_to)
{
	struct str line;

	while (r->mailbox.len && delivered_to.len &&
	    str_split_char(&delivered_to, '\n', &line)) {
		if (str_equals_nocase(line, last_look_address(r)))
			return true;
	}
	return false;
}

/* Unsure is yes: the delivery has the last word. */
static bool
last_look_has_room(
    struct session *s, const struct recipient *r, uint64_t size)
{
	struct mailbox *m = NULL;
	struct err err;

	if (!r->has_quota)
		return true;
	if (mailbox_find(s->p->db, s->command_arena, r->mailbox, &m, &err) !=
		RC_OK ||
	    !m || m->size_maximum == 0)
		return true;
	return m->size_current <= m->size_maximum &&
	    size <= m->size_maximum - m->size_current;
}

static bool
last_look_any_has_room(struct session *s, uint64_t size)
{
	size_t i;

	for (i = 0; i < s->txn.recipients.n; i++) {
		if (last_look_has_room(s, &s->txn.recipients.v[i], size))
			return true;
	}
	return false;
}

/*
 * One is enough, or the report would go to whom a stranger names. By LMTP
 * the peer has accepted it already, and all of them must be: the mda reports
 * the one to whom the others got it.
 */
static bool
last_look_is_loop(const struct session *s, struct str delivered_to)
{
	size_t i, n = 0;

	for (i = 0; i < s->txn.recipients.n; i++)
		n += last_look_was_here(
		    &s->txn.recipients.v[i], delivered_to);
	return s->role == ROLE_LMTP ? n == s->txn.recipients.n : n > 0;
}

bool
last_look_passes(struct session *s, struct str delivered_to, uint64_t size)
{
	if (last_look_is_loop(s, delivered_to)) {
		cmd_answer_data(s, 554, "5.4.6",
		    STR("Delivered here before: a loop"));
		return false;
	}
	if (!config_bool(s->config, CFG_SMTP_SIZE_CHECK_RCPT) ||
	    s->txn.size >= size || last_look_any_has_room(s, size))
		return true;
	if (str_equals(
		config_str(s->config, CFG_QUOTA_FULL), STR("permanent")))
		cmd_answer_data(s, 552, "5.2.2", STR("Mailbox full"));
	else
		cmd_answer_data(s, 452, "4.2.2", STR("Mailbox full"));
	return false;
}
