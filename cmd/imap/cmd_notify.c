/* NOTIFY (RFC 5465). */
#include "commands.h"

#include "notify.h"

#include "base/banned.h"

/*
 * Names that cannot exist are passed over, as those that do not (3.1): a
 * name may come to exist later.
 */
static void
decode_names(struct session *s, struct arena *a, struct notify_spec *spec)
{
	struct notify_group *g =
	    ARENA_ARRAY(a, spec->n_groups, struct notify_group);
	size_t i, k, n;

	for (i = 0; i < spec->n_groups; i++) {
		g[i] = spec->groups[i];
		for (k = n = 0; k < g[i].n_names; k++) {
			struct str name;

			if (command_name(s, g[i].names[k], &name) == NULL)
				g[i].names[n++] = arena_dup_str(a, name);
		}
		g[i].n_names = n;
	}
	spec->groups = g;
}

static void
begin(struct session *s, struct arena *a, struct notify_spec *spec)
{
	struct err err;
	enum rc rc;

	decode_names(s, a, spec);
	rc = notify_begin(s, a, spec, &err);
	if (rc == RC_PERM)
		chat_no(s, "[NOTIFICATIONOVERFLOW] There are too many "
			   "mailboxes");
	else if (rc != RC_OK)
		chat_failure(s, &err);
	else
		command_done(s, true, "Done");
}

void
cmd_notify(struct session *s, const struct read_command *c)
{
	struct arena *a = arena_new();
	struct notify_spec spec;
	const char *wrong = NULL;

	switch (notify_parse(a, c->text.args, c->text.n, &spec, &wrong)) {
	case NOTIFY_OK:
		begin(s, a, &spec); /* has the arena now */
		return;
	case NOTIFY_BAD:
		chat_bad(s, wrong);
		break;
	case NOTIFY_BADEVENT:
		chat_no(s, "[BADEVENT (%s)] Unknown event",
		    notify_event_names);
		break;
	case NOTIFY_OVERFLOW:
		chat_no(s, "[NOTIFICATIONOVERFLOW] Too many mailboxes");
		break;
	}
	arena_free(a);
}
