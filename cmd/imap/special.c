/* Special uses; see special.h. */
#include "special.h"

#include "base/banned.h"

static const char *const names[] = {
	[SPECIAL_NONE] = NULL,
	[SPECIAL_ALL] = "\\All",
	[SPECIAL_ARCHIVE] = "\\Archive",
	[SPECIAL_DRAFTS] = "\\Drafts",
	[SPECIAL_FLAGGED] = "\\Flagged",
	[SPECIAL_JUNK] = "\\Junk",
	[SPECIAL_SENT] = "\\Sent",
	[SPECIAL_TRASH] = "\\Trash",
	[SPECIAL_IMPORTANT] = "\\Important",
};

const char *
special_name(enum special_use use)
{
	return use < sizeof(names) / sizeof(*names) ? names[use] : NULL;
}

enum special_use
special_of(struct str name)
{
	size_t i;

	for (i = 1; i < sizeof(names) / sizeof(*names); i++) {
		if (str_equals_nocase(name, str_from_cstr(names[i])))
			return (enum special_use)i;
	}
	return SPECIAL_NONE;
}

/* \All and \Flagged are views of other mailboxes: nothing computes them. */
bool
special_is_settable(enum special_use use)
{
	return use != SPECIAL_NONE && use != SPECIAL_ALL &&
	    use != SPECIAL_FLAGGED;
}
