/* The last look at the recipients; see last_look.h. */
#include "last_look.h"

#include "commands.h"
#include "db/directory.h"

#include "base/banned.h"

typedef void last_look_reply(
    struct session *s, int code, const char *status, struct str text);

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

/* One is enough, or the report would go to whom a stranger names. */
static bool
last_look_any_was_here(const struct session *s, struct str delivered_to)
{
	size_t i;

	for (i = 0; i < s->txn.recipients.n; i++) {
		if (last_look_was_here(
			&s->txn.recipients.v[i], delivered_to))
			return true;
	}
	return false;
}

static void
last_look_say(
    struct session *s, enum last_look look, last_look_reply *reply)
{
	if (look == LOOK_LOOP)
		reply(s, 554, "5.4.6", STR("Delivered here before: a loop"));
	else if (str_equals(config_str(s->config, CFG_QUOTA_FULL),
		     STR("permanent")))
		reply(s, 552, "5.2.2", STR("Mailbox full"));
	else
		reply(s, 452, "4.2.2", STR("Mailbox full"));
}

static void
last_look_reply_one(
    struct session *s, int code, const char *status, struct str text)
{
	chat_reply(s, code, status, "%.*s", STR_ARG(text));
}

bool
last_look_answers(struct session *s, size_t recipient)
{
	enum last_look look = s->txn.recipients.v[recipient].look;

	if (look != LOOK_PASSES)
		last_look_say(s, look, last_look_reply_one);
	return look != LOOK_PASSES;
}

/*
 * LMTP knows a reply for each (RFC 2033 4.2). By it the peer has accepted
 * the message already: it reports the one, and the others get it.
 */
static bool
last_look_at_each(struct session *s, struct str delivered_to, uint64_t size,
    bool wants_room)
{
	size_t i, n_passed = 0;

	for (i = 0; i < s->txn.recipients.n; i++) {
		struct recipient *r = &s->txn.recipients.v[i];

		if (last_look_was_here(r, delivered_to))
			r->look = LOOK_LOOP;
		else if (wants_room && !last_look_has_room(s, r, size))
			r->look = LOOK_FULL;
		else
			n_passed++;
	}
	return n_passed > 0;
}

bool
last_look_passes(struct session *s, struct str delivered_to, uint64_t size)
{
	bool wants_room = config_bool(s->config, CFG_SMTP_SIZE_CHECK_RCPT) &&
	    s->txn.size < size;

	if (s->role == ROLE_LMTP) {
		if (last_look_at_each(s, delivered_to, size, wants_room))
			return true;
		cmd_answer_data(s, 554, "5.4.6", STR("")); /* each its own */
	} else if (last_look_any_was_here(s, delivered_to)) {
		last_look_say(s, LOOK_LOOP, cmd_answer_data);
	} else if (wants_room && !last_look_any_has_room(s, size)) {
		last_look_say(s, LOOK_FULL, cmd_answer_data);
	} else {
		return true;
	}
	return false;
}
