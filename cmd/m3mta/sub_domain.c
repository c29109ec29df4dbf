/* m3mta domain */
#include "admin.h"

#include "base/num.h"
#include "db/directory.h"
#include "secret.h"
#include "smtp/path.h"
#include "text/idn.h"

#include "base/banned.h"

static const char *const deliveries[] = { "local", "backup", "relay" };
static const char *const policies[] = { "may", "never", "must", "verify" };

static int
index_of(const char *const *words, int n, struct str s)
{
	int i;

	for (i = 0; i < n; i++) {
		if (str_equals(s, str_from_cstr(words[i])))
			return i;
	}
	return -1;
}

static int
set_choices(struct admin *a, struct domain *d, unsigned *fields)
{
	struct str delivery = admin_option(a, "delivery");
	struct str tls = admin_option(a, "tls");
	int n;

	if (delivery.p) {
		if ((n = index_of(deliveries, 3, delivery)) < 0)
			return admin_complain(EXIT_USAGE,
			    "--delivery: local, backup or relay");
		d->delivery = (enum domain_delivery)n;
		*fields |= DOMAIN_DELIVERY;
	}
	if (tls.p) {
		if ((n = index_of(policies, 4, tls)) < 0)
			return admin_complain(EXIT_USAGE,
			    "--tls: may, never, must or verify");
		d->tls = (enum tls_policy)n;
		*fields |= DOMAIN_TLS;
	}
	return EXIT_OK;
}

static void
set_text(struct admin *a, const char *option, unsigned field, struct str *ret,
    unsigned *fields)
{
	if (!admin_has(a, option))
		return;
	*ret = admin_option(a, option);
	*fields |= field;
}

/* *fields: those that an option named. */
static int
set_options(struct admin *a, struct domain *d, unsigned *fields)
{
	struct str size = admin_option(a, "max-size");
	struct err err;

	if (size.p) {
		if (!num_parse_size(size, &d->max_size) ||
		    d->max_size > INT64_MAX)
			return admin_complain(
			    EXIT_USAGE, "--max-size: as 35M");
		*fields |= DOMAIN_MAX_SIZE;
	}
	set_text(a, "postmaster", DOMAIN_POSTMASTER, &d->postmaster, fields);
	set_text(a, "route", DOMAIN_ROUTE, &d->route, fields);
	set_text(
	    a, "route-login", DOMAIN_ROUTE_LOGIN, &d->route_login, fields);
	if (admin_has(a, "route-password-file")) {
		*fields |= DOMAIN_ROUTE_PASSWORD;
		if (secret_read(a->a, admin_option(a, "route-password-file"),
			&d->route_password, &err) != RC_OK)
			return admin_fail(&err);
	}
	if (admin_has(a, "disable") || admin_has(a, "enable")) {
		d->disabled = admin_has(a, "disable");
		*fields |= DOMAIN_DISABLED;
	}
	return set_choices(a, d, fields);
}

int
sub_domain_add(struct admin *a)
{
	struct domain d = { .name = STR("") };
	unsigned unused = 0;
	struct err err;
	int code;

	if (!idn_to_ascii(a->a, a->words[0], &d.name) ||
	    !path_is_host(d.name) || d.name.p[0] == '[')
		return admin_complain(EXIT_USAGE,
		    "%.*s is no domain name", STR_ARG(a->words[0]));
	if ((code = set_options(a, &d, &unused)) != EXIT_OK)
		return code;
	if (domain_insert(a->p->db, &d, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "added domain %.*s", STR_ARG(d.name));
	return EXIT_OK;
}

static int
find(struct admin *a, struct domain **ret)
{
	struct str name = address_fold_domain(a->a, a->words[0]);
	struct err err;

	if (domain_find(a->p->db, a->a, name, ret, &err) != RC_OK)
		return admin_fail(&err);
	if (!*ret)
		return admin_complain(EXIT_FAILED,
		    "there is no domain %.*s", STR_ARG(name));
	return EXIT_OK;
}

int
sub_domain_set(struct admin *a)
{
	unsigned fields = 0;
	struct domain *d;
	struct err err;
	int code;

	if ((code = find(a, &d)) != EXIT_OK ||
	    (code = set_options(a, d, &fields)) != EXIT_OK)
		return code;
	if (!fields)
		return admin_complain(EXIT_USAGE,
		    "domain set: no option says what to change");
	if (domain_update(a->p->db, d, fields, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "changed domain %.*s", STR_ARG(d->name));
	return EXIT_OK;
}

static const struct column columns[] = {
	{ "domain", false },
	{ "delivery", false },
	{ "route", false },
	{ "tls", false },
	{ "postmaster", false },
	{ "max_size", true },
	{ "state", false },
};

static void
add_row(struct admin *a, struct table *t, const struct domain *d)
{
	struct str cells[] = {
		d->name,
		str_from_cstr(deliveries[d->delivery]),
		d->route,
		str_from_cstr(policies[d->tls]),
		d->postmaster,
		arena_printf(a->a, "%llu", (unsigned long long)d->max_size),
		d->disabled ? STR("disabled") : STR("enabled"),
	};

	table_row(t, cells);
}

int
sub_domain_list(struct admin *a)
{
	struct table *t = table_new(a, columns, 7);
	struct domain *v;
	struct err err;
	size_t n, i;

	if (domain_list(a->p->db, a->a, &v, &n, &err) != RC_OK)
		return admin_fail(&err);
	for (i = 0; i < n; i++)
		add_row(a, t, &v[i]);
	table_print(t);
	return EXIT_OK;
}

int
sub_domain_show(struct admin *a)
{
	struct table *t = table_new(a, columns, 7);
	struct domain *d;
	int code = find(a, &d);

	if (code != EXIT_OK)
		return code;
	add_row(a, t, d);
	table_print_single(t);
	return EXIT_OK;
}

int
sub_domain_remove(struct admin *a)
{
	struct str name = address_fold_domain(a->a, a->words[0]);
	struct err err;

	if (domain_delete(a->p->db, name, &err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "removed domain %.*s", STR_ARG(name));
	return EXIT_OK;
}
