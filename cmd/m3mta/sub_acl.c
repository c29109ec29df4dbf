/* m3mta acl: who else may do what with a folder (RFC 4314) */
#include "admin.h"

#include "db/acl.h"
#include "db/directory.h"
#include "db/store.h"
#include "net/doorbell.h"

#include "base/banned.h"

/* The folders of the first word, or the one that the second word names. */
static int
find(struct admin *a, struct folder **ret_v, size_t *ret_n)
{
	struct str key = address_key_of(a->a, a->words[0]);
	struct str name = a->n_words > 1 ? a->words[1] : STR("");
	struct mailbox *m;
	struct folder *f;
	struct err err;

	if (mailbox_find(a->p->db, a->a, key, &m, &err) != RC_OK)
		return admin_fail(&err);
	if (!m || m->kind != ADDRESS_MAILBOX)
		return admin_complain(
		    EXIT_FAILED, "there is no mailbox %.*s", STR_ARG(key));
	if (a->n_words == 1)
		return folder_list(a->p->db, a->a, &m->owner, ret_v, ret_n,
			   &err) == RC_OK
		    ? EXIT_OK
		    : admin_fail(&err);
	if (str_equals_nocase(name, STR("INBOX")))
		name = STR("INBOX");
	if (folder_find(a->p->db, a->a, &m->owner, name, &f, &err) != RC_OK)
		return admin_fail(&err);
	if (!f || f->no_select)
		return admin_complain(EXIT_FAILED, "%.*s has no folder %.*s",
		    STR_ARG(key), STR_ARG(name));
	*ret_v = f;
	*ret_n = 1;
	return EXIT_OK;
}

int
sub_acl_list(struct admin *a)
{
	static const struct column columns[] = { { "folder", false },
		{ "identifier", false }, { "rights", false } };
	struct table *t = table_new(a, columns, 3);
	struct folder *v = NULL;
	size_t n = 0, i, k;
	int code = find(a, &v, &n);

	if (code != EXIT_OK)
		return code;
	for (i = 0; i < n; i++) {
		for (k = 0; k < v[i].n_acl; k++) {
			char letters[ACL_TEXT];
			struct str cells[] = { v[i].name,
				v[i].acl[k].identifier,
				acl_format(v[i].acl[k].rights, false,
				    letters) };

			cells[2] = arena_dup_str(a->a, cells[2]);
			table_row(t, cells);
		}
	}
	table_print(t);
	return EXIT_OK;
}

static int
change(struct admin *a, enum acl_op op, unsigned rights)
{
	struct str identifier = address_key_of(a->a, a->words[2]);
	struct folder *f = NULL;
	struct err err;
	size_t n;
	int code = find(a, &f, &n);

	if (!f)
		return code;
	if (acl_change(a->p->db, &f->owner, &f->id, identifier, op, rights,
		&err) != RC_OK)
		return admin_fail(&err);
	/* A session that idles in it looks at once. */
	doorbell_ring_owner(
	    config_str(&a->p->config, CFG_RUNTIME_DIR), &f->owner);
	admin_say(a, "changed the list of %.*s of %.*s", STR_ARG(f->name),
	    STR_ARG(f->address));
	return EXIT_OK;
}

int
sub_acl_set(struct admin *a)
{
	struct str letters = a->words[3];
	enum acl_op op = ACL_REPLACE;
	unsigned rights;

	if (str_starts_with(letters, STR("+")) ||
	    str_starts_with(letters, STR("-"))) {
		op = letters.p[0] == '+' ? ACL_ADD : ACL_REMOVE;
		letters = str_tail(letters, 1);
	}
	if (!acl_parse(letters, &rights))
		return admin_complain(EXIT_USAGE,
		    "%.*s: rights are letters of lrswipkxtea",
		    STR_ARG(a->words[3]));
	return change(a, op, rights);
}

int
sub_acl_delete(struct admin *a)
{
	return change(a, ACL_REPLACE, 0);
}
