/* Names of annotations; see entry_name.h. */
#include "imap/entry_name.h"

#include <stdint.h>

#include "base/ascii.h"
#include "imap/render.h"

#include "base/banned.h"

static const struct str roots[] = {
	STR_INIT("/private"),
	STR_INIT("/shared"),
};

enum { N_ROOTS = sizeof(roots) / sizeof(*roots) };

bool
entry_name_is_root(struct str name)
{
	size_t i;

	for (i = 0; i < N_ROOTS; i++) {
		if (str_equals(name, roots[i]))
			return true;
	}
	return false;
}

bool
entry_name_is_below(struct str name, struct str parent, size_t depth)
{
	size_t i, levels = 0;

	if (name.len <= parent.len || !str_starts_with(name, parent) ||
	    name.p[parent.len] != '/')
		return false;
	for (i = parent.len; i < name.len; i++)
		levels += name.p[i] == '/';
	return levels <= depth;
}

bool
entry_name_is_valid(struct str name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.p[i];

		if ((!ascii_is_graph(c) && c != ' ') || c == '*' || c == '%')
			return false;
		if (c == '/' && (i + 1 == name.len || name.p[i + 1] == '/'))
			return false;
	}
	for (i = 0; i < N_ROOTS; i++) {
		if (str_equals(name, roots[i]) ||
		    entry_name_is_below(name, roots[i], SIZE_MAX))
			return true;
	}
	return false;
}

static bool
is_plain(struct str name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		if (!ascii_is_alnum(name.p[i]) &&
		    !str_has_char(STR("/-_.:"), name.p[i]))
			return false;
	}
	return true;
}

void
entry_name_add(struct buf *b, struct str name)
{
	if (is_plain(name))
		buf_add_str(b, name);
	else
		render_nstring(b, name, false);
}
