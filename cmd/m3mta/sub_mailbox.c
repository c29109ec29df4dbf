/* m3mta mailbox, alias, list */
#include "admin.h"

#include "auth/login.h"
#include "auth/password.h"
#include "base/num.h"
#include "db/directory.h"
#include "db/store.h"
#include "expansions.h"
#include "secret.h"
#include "senders.h"
#include "smtp/path.h"

#include "base/banned.h"

enum { RANDOM_LENGTH = 16 };

/* --- addresses ---------------------------------------------------------------------- */

/* The key of "a@b" or of the catch-all "*@b". */
static int
parse_key(struct admin *a, struct str text, struct str *ret_key)
{
	struct address addr;

	if (str_starts_with(text, STR("*@")) &&
	    path_is_host(str_tail(text, 2))) {
		*ret_key = address_key_of(a->a, text);
		return EXIT_OK;
	}
	if (path_parse_bare(a->a, text, &addr) != PATH_OK ||
	    addr.domain.len == 0)
		return admin_complain(EXIT_USAGE,
		    "%.*s is no address (user@domain, or *@domain for the "
		    "catch-all)", STR_ARG(text));
	*ret_key = address_key(a->a, &addr);
	return EXIT_OK;
}

static int
find(struct admin *a, struct mailbox **ret)
{
	struct str key;
	struct err err;
	int code = parse_key(a, a->words[0], &key);

	if (code != EXIT_OK)
		return code;
	if (mailbox_find_first(a->p->db, a->a, &key, 1, true, ret, &err) != RC_OK)
		return admin_fail(&err);
	if (!*ret)
		return admin_complain(EXIT_FAILED,
		    "there is no address %.*s", STR_ARG(key));
	return EXIT_OK;
}

static struct str
number(struct admin *a, uint64_t n)
{
	return arena_printf(a->a, "%llu", (unsigned long long)n);
}

/* --- passwords -------------------------------------------------------------------------- */

/* From the file, else a random one. The hash goes into m. */
static int
set_password(struct admin *a, struct mailbox *m, struct str *ret_random)
{
	struct str file = admin_option(a, "password-file"), password;
	struct err err;

	*ret_random = STR_NONE;
	if (file.p) {
		if (secret_read(a->a, file, &password, &err) != RC_OK)
			return admin_fail(&err);
	} else {
		password = *ret_random = password_random(a->a, RANDOM_LENGTH);
	}
	if (login_set_password(a->a, m, password, &err) != RC_OK)
		return admin_fail(&err);
	if (!config_bool(&a->p->config, CFG_AUTH_SCRAM))
		m->scram = (struct scram_keys){ .iterations = 0 };
	return EXIT_OK;
}

static void
tell_password(struct admin *a, struct str key, struct str fresh)
{
	static const struct column columns[] = { { "address", false },
		{ "password", false } };
	struct table *t = table_new(a, columns, 2);
	struct str cells[] = { key, fresh };

	if (!fresh.p)
		return;
	table_row(t, cells);
	table_print_single(t);
}

int
sub_mailbox_passwd(struct admin *a)
{
	struct mailbox *m;
	struct str fresh;
	struct err err;
	int code;

	if ((code = find(a, &m)) != EXIT_OK)
		return code;
	if (m->kind != ADDRESS_MAILBOX)
		return admin_complain(EXIT_FAILED, "%.*s is no mailbox",
		    STR_ARG(m->address));
	if ((code = set_password(a, m, &fresh)) != EXIT_OK)
		return code;
	if (mailbox_update(a->p->db, m, MAILBOX_PASSWORD, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "changed the password of %.*s", STR_ARG(m->address));
	tell_password(a, m->address, fresh);
	return EXIT_OK;
}

/* --- mailboxes ---------------------------------------------------------------------------- */

/* "--x" or "--y": true and false. */
static void
set_bool(struct admin *a, const char *yes, const char *no, unsigned field,
    bool *ret, unsigned *fields)
{
	if (!admin_has(a, yes) && !admin_has(a, no))
		return;
	*ret = admin_has(a, yes);
	*fields |= field;
}

/* *fields: those that an option named. */
static int
set_flags(struct admin *a, struct mailbox *m, unsigned *fields)
{
	struct str quota = admin_option(a, "quota");

	if (quota.p) {
		if (!num_parse_size(quota, &m->size_maximum) ||
		    m->size_maximum > INT64_MAX)
			return admin_complain(EXIT_USAGE,
			    "--quota: octets, as 10G; 0 for no limit");
		*fields |= MAILBOX_QUOTA;
	}
	set_bool(a, "disable", "enable", MAILBOX_DISABLED, &m->disabled,
	    fields);
	set_bool(a, "may-relay", "no-relay", MAILBOX_RELAY, &m->may_relay,
	    fields);
	set_bool(a, "admin", "no-admin", MAILBOX_ADMIN, &m->admin, fields);
	return EXIT_OK;
}

static int
set_route(struct admin *a, struct mailbox *m, unsigned *fields)
{
	struct err err;

	if (admin_has(a, "route")) {
		m->route = admin_option(a, "route");
		*fields |= MAILBOX_ROUTE;
	}
	if (admin_has(a, "route-login")) {
		m->route_login = admin_option(a, "route-login");
		*fields |= MAILBOX_ROUTE_LOGIN;
	}
	if (!admin_has(a, "route-password-file"))
		return EXIT_OK;
	*fields |= MAILBOX_ROUTE_PASSWORD;
	return secret_read(a->a, admin_option(a, "route-password-file"),
		   &m->route_password, &err) == RC_OK
	    ? EXIT_OK
	    : admin_fail(&err);
}

int
sub_mailbox_add(struct admin *a)
{
	struct mailbox m = { .kind = ADDRESS_MAILBOX, .owner = uuid_new() };
	struct str fresh = STR_NONE;
	unsigned unused = 0;
	struct err err;
	int code;

	if ((code = parse_key(a, a->words[0], &m.address)) != EXIT_OK ||
	    (code = set_flags(a, &m, &unused)) != EXIT_OK)
		return code;
	if (!admin_has(a, "no-password") &&
	    (code = set_password(a, &m, &fresh)) != EXIT_OK)
		return code;
	if (mailbox_insert(a->p->db, &m, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "added mailbox %.*s", STR_ARG(m.address));
	tell_password(a, m.address, fresh);
	return EXIT_OK;
}

int
sub_mailbox_set(struct admin *a)
{
	unsigned fields = 0;
	struct mailbox *m;
	struct err err;
	int code;

	if ((code = find(a, &m)) != EXIT_OK ||
	    (code = set_flags(a, m, &fields)) != EXIT_OK ||
	    (code = set_route(a, m, &fields)) != EXIT_OK ||
	    (code = sub_senders_set(a, m, &fields)) != EXIT_OK)
		return code;
	if (!fields)
		return admin_complain(EXIT_USAGE,
		    "mailbox set: no option says what to change");
	if (mailbox_update(a->p->db, m, fields, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "changed mailbox %.*s", STR_ARG(m->address));
	return EXIT_OK;
}

int
sub_mailbox_list(struct admin *a)
{
	static const struct column columns[] = { { "address", false },
		{ "size", true }, { "quota", true }, { "state", false },
		{ "relay", false } };
	struct table *t = table_new(a, columns, 5);
	struct str domain = a->n_words ? a->words[0] : STR("");
	struct mailbox *v;
	struct err err;
	size_t n, i;

	if (mailbox_list(a->p->db, a->a, address_fold_domain(a->a, domain),
		ADDRESS_MAILBOX, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	for (i = 0; i < n; i++) {
		struct str cells[] = { v[i].address,
			number(a, v[i].size_current),
			number(a, v[i].size_maximum),
			v[i].disabled ? STR("disabled")
			    : v[i].password.len ? STR("enabled")
						: STR("no password"),
			v[i].may_relay ? STR("yes") : STR("no") };

		table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}

static int
show_folders(struct admin *a, const struct mailbox *m)
{
	static const struct column columns[] = { { "folder", false },
		{ "messages", true }, { "unseen", true }, { "size", true },
		{ "uidvalidity", true }, { "uidnext", true } };
	struct table *t = table_new(a, columns, 6);
	struct folder *v;
	struct err err;
	size_t n, i;

	if (folder_list(a->p->db, a->a, &m->owner, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	for (i = 0; i < n; i++) {
		struct str cells[] = { v[i].name, number(a, v[i].exists),
			number(a, v[i].unseen), number(a, v[i].size),
			number(a, v[i].uidvalidity),
			number(a, v[i].uidnext) };

		if (!v[i].no_select)
			table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}

static struct str
join(struct admin *a, const struct str *v, size_t n)
{
	struct str all = STR("");
	size_t i;

	for (i = 0; i < n; i++)
		all = i ? arena_join3(a->a, all, STR(" "), v[i]) : v[i];
	return all;
}

int
sub_mailbox_show(struct admin *a)
{
	static const struct column columns[] = { { "address", false },
		{ "owner", false }, { "size", true }, { "quota", true },
		{ "state", false }, { "relay", false }, { "route", false },
		{ "senders", false } };
	struct table *t = table_new(a, columns, 8);
	char text[UUID_TEXT];
	struct mailbox *m;
	int code = find(a, &m);

	if (code != EXIT_OK)
		return code;
	{
		struct str cells[] = { m->address,
			uuid_format(&m->owner, text),
			number(a, m->size_current),
			number(a, m->size_maximum),
			m->disabled ? STR("disabled") : STR("enabled"),
			m->may_relay ? STR("yes") : STR("no"), m->route,
			join(a, m->senders, m->n_senders) };

		table_row(t, cells);
	}
	table_print_single(t);
	return a->is_json ? EXIT_OK : show_folders(a, m);
}

/* Whose mail has nowhere to go now. */
static int
tell_leading(struct admin *a, struct str key)
{
	static const char *const kinds[] = { "mailbox", "alias", "list" };
	struct mailbox *v;
	struct err err;
	size_t n, i;

	if (mailbox_list_leading(a->p->db, a->a, key, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	for (i = 0; i < n; i++)
		fprintf(stderr,
		    "m3mta: %s %.*s still leads to %.*s\n", kinds[v[i].kind],
		    STR_ARG(v[i].address), STR_ARG(key));
	return EXIT_OK;
}

int
sub_address_remove(struct admin *a)
{
	struct mailbox *m;
	struct err err;
	int code = find(a, &m);

	if (code != EXIT_OK)
		return code;
	if (m->kind == ADDRESS_MAILBOX && !admin_has(a, "yes"))
		return admin_complain(EXIT_USAGE,
		    "%.*s is a mailbox: all its mail would be gone. Say "
		    "m3mta mailbox remove %.*s --yes", STR_ARG(m->address),
		    STR_ARG(m->address));
	if (mailbox_delete(a->p->db, m->address, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "removed %.*s", STR_ARG(m->address));
	return tell_leading(a, m->address);
}

/* --- aliases and lists ---------------------------------------------------------------------- */

/* As RFC 5321 writes it, quoted where needed: a key is not. */
static int
parse_destination(struct admin *a, struct str text, struct str *ret)
{
	struct buf b = BUF_INIT;
	struct address address;
	struct str key = { 0 };
	int code = parse_key(a, text, &key);

	if (code != EXIT_OK)
		return code;
	*ret = key;
	if (address_from_key(key, &address)) {
		path_print(&address, &b);
		*ret = arena_dup_str(a->a, buf_str(&b));
	}
	buf_done(&b);
	return EXIT_OK;
}

static int
add_group(struct admin *a, enum address_kind kind)
{
	struct mailbox m = { .kind = kind };
	struct str *v = ARENA_ARRAY(a->a, a->n_words, struct str);
	struct err err;
	size_t i;
	int code;

	if ((code = parse_key(a, a->words[0], &m.address)) != EXIT_OK)
		return code;
	for (i = 1; i < a->n_words; i++) {
		if ((code = parse_destination(a, a->words[i], &v[i - 1])) !=
		    EXIT_OK)
			return code;
	}
	m.destinations = v;
	m.n_destinations = a->n_words - 1;
	if (kind == ADDRESS_LIST) {
		if ((code = parse_destination(a, admin_option(a, "owner"),
			 &m.list_owner)) != EXIT_OK)
			return code;
		m.list_id = admin_option(a, "id");
	}
	if (expansions_check(a, &m, &err) != RC_OK ||
	    mailbox_insert(a->p->db, &m, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "added %.*s", STR_ARG(m.address));
	return EXIT_OK;
}

int
sub_alias_add(struct admin *a)
{
	return add_group(a, ADDRESS_ALIAS);
}

int
sub_list_add(struct admin *a)
{
	return add_group(a, ADDRESS_LIST);
}

static int
list_groups(struct admin *a, enum address_kind kind)
{
	static const struct column columns[] = { { "address", false },
		{ "owner", false }, { "destinations", false } };
	struct table *t = table_new(a, columns, 3);
	struct str domain = a->n_words ? a->words[0] : STR("");
	struct mailbox *v;
	struct err err;
	size_t n, i;

	if (mailbox_list(a->p->db, a->a, address_fold_domain(a->a, domain),
		(int)kind, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	for (i = 0; i < n; i++) {
		struct str cells[] = { v[i].address, v[i].list_owner,
			join(a, v[i].destinations, v[i].n_destinations) };

		table_row(t, cells);
	}
	table_print(t);
	return EXIT_OK;
}

int
sub_alias_list(struct admin *a)
{
	return list_groups(a, ADDRESS_ALIAS);
}

int
sub_list_list(struct admin *a)
{
	return list_groups(a, ADDRESS_LIST);
}
