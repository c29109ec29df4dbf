/* The SASL step machine; see sasl.h. */
#include "auth/sasl.h"

#include "auth/login.h"

#include "base/banned.h"

typedef enum sasl_step step_fn(
    struct sasl *s, struct str response, struct str *ret_challenge);

struct mechanism {
	struct str name;
	bool is_clear;
	bool is_plus;
	step_fn *first;
};

struct sasl {
	struct arena *a;
	const struct mechanism *mechanism;
	step_fn *next;          /* what takes the next response */
	struct scram *scram;
	struct str name;
	struct str password;
};

/* --- PLAIN and LOGIN ----------------------------------------------------------- */

/* [authzid] NUL authcid NUL passwd */
static enum sasl_step
step_plain(struct sasl *s, struct str text, struct str *ret_challenge)
{
	struct str rest = text, authzid;

	(void)ret_challenge;
	if (!str_has_char(rest, '\0') ||
	    !str_split_char(&rest, '\0', &authzid) ||
	    !str_has_char(rest, '\0') ||
	    !str_split_char(&rest, '\0', &s->name) ||
	    str_has_char(rest, '\0') || s->name.len == 0)
		return SASL_MALFORMED;
	s->password = rest;
	return authzid.len && !str_equals_nocase(authzid, s->name)
	    ? SASL_FAILED
	    : SASL_LOOKUP;
}

static enum sasl_step
step_login_password(
    struct sasl *s, struct str text, struct str *ret_challenge)
{
	(void)ret_challenge;
	s->password = text;
	return SASL_LOOKUP;
}

static enum sasl_step
step_login(struct sasl *s, struct str text, struct str *ret_challenge)
{
	s->name = text;
	s->next = step_login_password;
	*ret_challenge = STR("Password:");
	return SASL_ASK;
}

/* --- SCRAM ------------------------------------------------------------------------ */

static enum sasl_step
step_scram_end(struct sasl *s, struct str text, struct str *ret_challenge)
{
	(void)s;
	(void)ret_challenge;
	return text.len ? SASL_MALFORMED : SASL_GOOD;
}

static enum sasl_step
step_scram_final(struct sasl *s, struct str text, struct str *ret_challenge)
{
	s->next = step_scram_end;
	return scram_client_final(s->scram, text, ret_challenge)
	    ? SASL_ASK
	    : SASL_FAILED;
}

static enum sasl_step
step_scram(struct sasl *s, struct str text, struct str *ret_challenge)
{
	(void)ret_challenge;
	s->next = step_scram_final;
	return scram_client_first(s->scram, text, &s->name)
	    ? SASL_LOOKUP
	    : SASL_MALFORMED;
}

/* --- the table ----------------------------------------------------------------------- */

static const struct mechanism mechanisms[] = {
	{ STR_INIT("SCRAM-SHA-256-PLUS"), false, true, step_scram },
	{ STR_INIT("SCRAM-SHA-256"), false, false, step_scram },
	{ STR_INIT("PLAIN"), true, false, step_plain },
	{ STR_INIT("LOGIN"), true, false, step_login },
};

static bool
has_binding(const struct scram_channel *c)
{
	return c->exporter.len > 0 || c->end_point.len > 0;
}

static bool
is_offered(const struct mechanism *m, const struct scram_channel *c)
{
	return m->is_clear || (!c->is_off && (!m->is_plus || has_binding(c)));
}

void
sasl_list(struct buf *out, const char *prefix, bool is_private,
    const struct scram_channel *c)
{
	size_t i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++) {
		const struct mechanism *m = &mechanisms[i];

		if ((m->is_clear && !is_private) || !is_offered(m, c))
			continue;
		buf_add_cstr(out, prefix);
		buf_add_str(out, m->name);
	}
}

struct sasl *
sasl_new(
    struct arena *a, struct str mechanism, const struct scram_channel *c)
{
	struct scram_channel channel = *c;
	struct sasl *s;
	size_t i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++) {
		const struct mechanism *m = &mechanisms[i];

		if (!str_equals_nocase(mechanism, m->name) ||
		    !is_offered(m, c))
			continue;
		channel.is_plus = m->is_plus;
		channel.offers_plus = has_binding(c);
		s = ARENA_NEW(a, struct sasl);
		s->a = a;
		s->mechanism = m;
		s->next = m->first;
		if (!m->is_clear)
			s->scram = scram_new(a, &channel);
		return s;
	}
	return NULL;
}

bool
sasl_is_clear(const struct sasl *s)
{
	return s->mechanism->is_clear;
}

struct str
sasl_name(const struct sasl *s)
{
	return s->name;
}

struct str
sasl_password(const struct sasl *s)
{
	return s->mechanism->is_clear ? s->password : STR_NONE;
}

enum sasl_step
sasl_step(struct sasl *s, struct str response, struct str *ret_challenge)
{
	*ret_challenge = STR("");
	if (!response.p) {
		if (s->next == step_login)
			*ret_challenge = STR("Username:");
		return SASL_ASK;
	}
	return s->next(s, response, ret_challenge);
}

enum sasl_step
sasl_judge(struct sasl *s, const struct mailbox *mailbox, struct str key,
    struct str secret, struct str *ret_challenge)
{
	if (s->mechanism->is_clear)
		return login_check(mailbox, s->password) ? SASL_GOOD
							 : SASL_FAILED;
	*ret_challenge = scram_server_first(s->scram,
	    login_is_allowed(mailbox) ? &mailbox->scram : NULL, key, secret);
	return SASL_ASK;
}
