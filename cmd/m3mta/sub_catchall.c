/* m3mta catchall: the aliases and mailboxes *@domain. */
#include "admin.h"

#include "db/directory.h"

#include "base/banned.h"

/* The first word is a domain: the command goes on with its catch-all. */
static void
name_catchall(struct admin *a)
{
	struct str *words = ARENA_ARRAY(a->a, a->n_words, struct str);

	memcpy(words, a->words, a->n_words * sizeof(*words));
	words[0] = arena_join(a->a, STR("*@"), words[0]);
	a->words = words;
}

int
sub_catchall_add(struct admin *a)
{
	name_catchall(a);
	return sub_alias_add(a);
}

int
sub_catchall_remove(struct admin *a)
{
	name_catchall(a);
	return sub_address_remove(a);
}

static struct str
destination_of(struct admin *a, const struct mailbox *m)
{
	struct str all = STR("");
	size_t i;

	if (m->kind == ADDRESS_MAILBOX)
		return STR("(a mailbox)");
	for (i = 0; i < m->n_destinations; i++)
		all = arena_join3(
		    a->a, all, i ? STR(" ") : STR(""), m->destinations[i]);
	return all;
}

int
sub_catchall_list(struct admin *a)
{
	static const struct column columns[] = { { "domain", false },
		{ "destinations", false } };
	struct table *t = table_new(a, columns, 2);
	struct str domain = a->n_words ? a->words[0] : STR("");
	struct mailbox *v;
	struct err err;
	size_t n, i;

	if (mailbox_list(a->p->db, a->a, address_fold_domain(a->a, domain), -1,
		&v, &n, &err) != RC_OK)
		return admin_fail(&err);
	for (i = 0; i < n; i++) {
		struct str cells[] = { str_tail(v[i].address, 2),
			destination_of(a, &v[i]) };

		if (str_starts_with(v[i].address, STR("*@")))
			table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}
