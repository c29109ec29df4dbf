/* NOOP, CHECK, ID, ENABLE, NAMESPACE, COMPRESS. */
#include "commands.h"

#include "base/limits.h"
#include "log/log.h"
#include "net/deflate.h"
#include "place.h"

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

/* What ENABLE turns on (RFC 5161); a later one may bring others with it. */
struct extension {
	struct str name;
	void (*enable)(struct session *s);
};

static void
enable_condstore(struct session *s)
{
	session_use_condstore(s);
}

static void
enable_qresync(struct session *s)
{
	session_use_condstore(s);
	s->has_qresync = true;
}

static void
enable_utf8(struct session *s)
{
	s->has_utf8 = true;
}

static void
enable_uidonly(struct session *s)
{
	s->has_uidonly = true;
}

static void
enable_rev2(struct session *s)
{
	s->is_rev2 = s->has_utf8 = true;
}

static const struct extension extensions[] = {
	{ STR_INIT("CONDSTORE"), enable_condstore },
	{ STR_INIT("IMAP4rev2"), enable_rev2 },
	{ STR_INIT("QRESYNC"), enable_qresync },
	{ STR_INIT("UIDONLY"), enable_uidonly },
	{ STR_INIT("UTF8=ACCEPT"), enable_utf8 },
};

void
cmd_enable(struct session *s, const struct read_command *c)
{
	struct buf b = BUF_INIT;
	size_t i, k;

	for (i = 0; i < c->text.n; i++) {
		if (c->text.args[i].type == ARG_ATOM)
			continue;
		chat_bad(s, "ENABLE takes names of capabilities");
		return;
	}
	for (i = 0; i < c->text.n; i++) {
		for (k = 0; k < sizeof(extensions) / sizeof(*extensions);
		     k++) {
			const struct extension *x = &extensions[k];

			if (!arg_is_atom(&c->text.args[i], x->name) ||
			    command_is_hidden(s, x->name))
				continue;
			x->enable(s);
			buf_add_char(&b, ' ');
			buf_add_str(&b, x->name);
		}
	}
	chat_untagged(s, "ENABLED%.*s", STR_ARG(buf_str(&b)));
	buf_done(&b);
	command_done(s, true, "Done");
}

/* RFC 4978. What follows our answer is compressed, both ways. */
void
cmd_compress(struct session *s, const struct read_command *c)
{
	if (!arg_is_atom(&c->text.args[0], STR("DEFLATE"))) {
		chat_bad(s, "DEFLATE is wanted");
		return;
	}
	if (s->deflate) {
		chat_no(s, "[COMPRESSIONACTIVE] It is on already");
		return;
	}
	command_done(s, true, "DEFLATE from here on");
	chat_flush(s);
	s->deflate = deflate_attach(s->reader, s->writer);
}

void
cmd_namespace(struct session *s, const struct read_command *c)
{
	(void)c;
	chat_untagged(s, "NAMESPACE ((\"\" \"/\")) ((\"" PLACE_OTHERS
			 "/\" \"/\")) NIL");
	command_done(s, true, "Done");
}
