/* NOOP, CHECK, ID, ENABLE, NAMESPACE. */
#include "commands.h"

#include "base/limits.h"
#include "log/log.h"

#include "base/banned.h"

void
cmd_noop(struct session *s, const struct read_command *c)
{
	(void)c;
	command_done(s, true, "Done");
}

void
cmd_check(struct session *s, const struct read_command *c)
{
	(void)c;
	command_done(s, true, "Done");
}

/* RFC 2971. What the client says of itself goes to the log. */
void
cmd_id(struct session *s, const struct read_command *c)
{
	const struct arg *a = &c->text.args[0];
	size_t i;

	if (!arg_is_nil(a) &&
	    (a->type != ARG_LIST || a->n % 2 ||
		a->n > 2 * LIMIT_IMAP_ID_PAIRS)) {
		chat_bad(s, "ID takes NIL or a list of pairs");
		return;
	}
	for (i = 0; a->type == ARG_LIST && i < a->n; i++) {
		if (!arg_is_text(&a->v[i])) {
			chat_bad(s, "ID takes strings");
			return;
		}
	}
	if (a->type == ARG_LIST && a->n) {
		log_begin(LOG_AT_INFO, "client");
		for (i = 0; i + 1 < a->n; i += 2) {
			if (str_equals_nocase(a->v[i].s, STR("name")))
				log_str("name", a->v[i + 1].s);
			if (str_equals_nocase(a->v[i].s, STR("version")))
				log_str("version", a->v[i + 1].s);
		}
		log_end();
	}
	chat_untagged(s, "ID (\"name\" \"M3MTA\" \"version\" \"%s\")",
	    M3_VERSION);
	command_done(s, true, "Done");
}

/* RFC 5161, 7162 3.1.8, 6855 3. */
void
cmd_enable(struct session *s, const struct read_command *c)
{
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < c->text.n; i++) {
		const struct arg *a = &c->text.args[i];

		if (arg_is_atom(a, STR("CONDSTORE"))) {
			s->has_condstore = true;
			buf_add_cstr(&b, " CONDSTORE");
		} else if (arg_is_atom(a, STR("UTF8=ACCEPT"))) {
			s->has_utf8 = true;
			buf_add_cstr(&b, " UTF8=ACCEPT");
		}
	}
	chat_untagged(s, "ENABLED%.*s", STR_ARG(buf_str(&b)));
	buf_done(&b);
	command_done(s, true, "Done");
}

void
cmd_namespace(struct session *s, const struct read_command *c)
{
	(void)c;
	chat_untagged(s, "NAMESPACE ((\"\" \"/\")) NIL NIL");
	command_done(s, true, "Done");
}
