/* The looks of a session at its own mailbox; see account.h. */
#include "mail/account.h"

#include "base/clock.h"
#include "base/rnd.h"

#include "base/banned.h"

/* Who waits looks within a minute, in any case: 34 s and up to 6/10 more. */
enum { WAIT_MIN_MS = 3000, WAIT_MAX_MS = 34000 };

/* Thousands may have logged in at the same time, after a restart. */
static int64_t
account_wait_ms(const struct account *a)
{
	int64_t ms = a->max_age_ms;

	if (ms < WAIT_MIN_MS)
		ms = WAIT_MIN_MS;
	if (ms > WAIT_MAX_MS)
		ms = WAIT_MAX_MS;
	return ms + rnd_below((uint32_t)ms * 6 / 10);
}

void
account_open(struct account *a, struct mailbox *m, int64_t max_age_ms)
{
	int64_t read_ms = a->read_ms;

	account_close(a);
	*a = (struct account){
		.mailbox = m,
		.credentials = m->credentials,
		.max_age_ms = max_age_ms,
		.read_ms = read_ms,
		.next_ms = read_ms + max_age_ms,
	};
	a->wait_ms = read_ms + account_wait_ms(a);
}

void
account_close(struct account *a)
{
	arena_free(a->arena);
	*a = (struct account){ .mailbox = NULL };
}

bool
account_is_due(const struct account *a)
{
	int64_t now = clock_mono_ms();

	return now >= a->next_ms || now >= a->wait_ms;
}

/* What was read before is let go: the mailbox points nowhere else. */
static void
account_take(
    struct account *a, struct arena *arena, const struct mailbox_state *now)
{
	struct mailbox *m = a->mailbox;

	m->may_relay = now->may_relay;
	m->route = now->route;
	m->senders = now->senders;
	m->n_senders = now->n_senders;
	arena_free(a->arena);
	a->arena = arena;
}

static const char *
account_judge(const struct account *a, const struct mailbox_state *now)
{
	if (!now->is_there)
		return "Your mailbox was removed";
	if (a->is_by_hand)
		return NULL;
	if (now->disabled)
		return "Your mailbox was disabled";
	return now->credentials != a->credentials
	    ? "Your password was changed: log in again"
	    : NULL;
}

enum rc
account_look(struct account *a, struct db *db, const char **ret_why,
    struct err *err)
{
	struct arena *arena = arena_new();
	struct mailbox_state now;
	enum rc rc;

	a->wait_ms = clock_deadline(account_wait_ms(a));
	rc = mailbox_look(db, arena, a->mailbox->address, &a->mailbox->owner,
	    &now, err);
	if (rc != RC_OK) {
		arena_free(arena);
		return rc;
	}
	a->next_ms = clock_deadline(a->max_age_ms);
	*ret_why = account_judge(a, &now);
	if (now.is_there)
		account_take(a, arena, &now);
	else
		arena_free(arena);
	return RC_OK;
}
