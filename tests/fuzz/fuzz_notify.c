/*
 * NOTIFY: what is accepted keeps its rules, and lies in the arena alone:
 * the command may be gone when it is asked.
 */
#include "fuzz_imap.h"

#include "base/limits.h"
#include "imap/notify.h"
#include "base/banned.h"

static void
check_pair(unsigned events)
{
	bool is_new = events & NOTIFY_MESSAGE_NEW;

	CHECK(is_new == ((events & NOTIFY_MESSAGE_EXPUNGE) != 0));
	CHECK(is_new || !(events & NOTIFY_FLAG_CHANGE));
}

static void
check_spec(const struct notify_spec *spec)
{
	size_t i, k, names = 0;
	unsigned all = 0;

	check_pair(spec->selected);
	CHECK((spec->selected & ~(unsigned)NOTIFY_MESSAGE_EVENTS) == 0);
	CHECK(spec->n_groups <= LIMIT_NOTIFY_GROUPS);
	for (i = 0; i < spec->n_groups; i++) {
		const struct notify_group *g = &spec->groups[i];
		bool has_names = g->filter == NOTIFY_SUBTREE ||
		    g->filter == NOTIFY_MAILBOXES;

		check_pair(g->events);
		CHECK(g->events && has_names == (g->n_names > 0));
		for (k = 0; k < g->n_names; k++)
			CHECK((notify_events(
				  spec, g->names[k], false, false) &
				  g->events) == g->events);
		names += g->n_names;
		all |= g->events;
	}
	CHECK(names <= LIMIT_NOTIFY_NAMES);
	CHECK(notify_all_events(spec) == all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *line = arena_new(), *a = arena_new();
	struct notify_spec spec;
	struct command_text c;
	const char *wrong = NULL;
	enum notify_verdict verdict = NOTIFY_BADEVENT;
	size_t i;

	if (fuzz_args(line, fuzz_input(data, size), &c)) {
		verdict = notify_parse(a, c.args, c.n, &spec, &wrong);
		CHECK((verdict == NOTIFY_BAD) == (wrong != NULL));
	}
	arena_free(line);
	if (verdict == NOTIFY_OK) {
		check_spec(&spec);
		for (i = 0; i < spec.atts.n_sections; i++)
			CHECK(str_has_char(spec.atts.sections[i].label, '[') ||
			    str_starts_with(
				spec.atts.sections[i].label, STR("RFC822")));
	}
	arena_free(a);
	return 0;
}
