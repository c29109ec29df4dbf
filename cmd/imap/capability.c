/* CAPABILITY, and what of it the configuration hides. */
#include "commands.h"

#include "auth/sasl.h"

#include "base/banned.h"

static void
capability_add_all(struct session *s, struct buf *b)
{
	struct scram_channel channel;

	buf_add_cstr(b, "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE");
	if (s->state == STATE_CONNECTED) {
		if (command_offers_starttls(s))
			buf_add_cstr(b, " STARTTLS");
		command_scram_channel(s, &channel);
		sasl_list(b, " AUTH=", command_may_log_in(s), &channel);
		if (!command_may_log_in(s))
			buf_add_cstr(b, " LOGINDISABLED");
		return;
	}
	buf_add_cstr(b,
	    " NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE IDLE CONDSTORE QRESYNC "
	    "ESEARCH SEARCHRES WITHIN SPECIAL-USE LIST-EXTENDED LIST-STATUS "
	    "STATUS=SIZE OBJECTID SAVEDATE PREVIEW MULTIAPPEND CATENATE "
	    "REPLACE BINARY UTF8=ACCEPT UIDONLY UIDBATCHES INPROGRESS PARTIAL "
	    "SORT SORT=DISPLAY ESORT "
	    "THREAD=ORDEREDSUBJECT THREAD=REFERENCES QUOTA "
	    "QUOTA=RES-STORAGE ACL RIGHTS=texk LIST-MYRIGHTS "
	    "CREATE-SPECIAL-USE METADATA METADATA-SERVER NOTIFY");
	if (!s->deflate)
		buf_add_cstr(b, " COMPRESS=DEFLATE");
	buf_printf(b, " APPENDLIMIT=%lld",
	    (long long)config_int(s->config, CFG_IMAP_APPEND_MAXIMUM));
}

/* "UIDONLY" for all, "ann@example.org:UIDONLY" for one mailbox. */
bool
command_is_hidden(const struct session *s, struct str name)
{
	const struct config_value *v =
	    &s->config->v[CFG_IMAP_CAPABILITIES_HIDE];
	size_t i;

	for (i = 0; i < v->count; i++) {
		struct str hidden = v->list[i];
		size_t colon = str_find_last_char(hidden, ':');

		if (colon < hidden.len) {
			if (!s->user ||
			    !str_equals_nocase(str_slice(hidden, 0, colon),
				s->user->address))
				continue;
			hidden = str_tail(hidden, colon + 1);
		}
		if (str_equals_nocase(hidden, name))
			return true;
	}
	return false;
}

void
command_capabilities(struct session *s, struct buf *b)
{
	struct buf all = BUF_INIT;
	struct str rest, word;

	capability_add_all(s, &all);
	rest = buf_str(&all);
	while (rest.len && str_split_char(&rest, ' ', &word)) {
		if (command_is_hidden(s, word))
			continue;
		if (b->len)
			buf_add_char(b, ' ');
		buf_add_str(b, word);
	}
	buf_done(&all);
}

void
cmd_capability(struct session *s, const struct read_command *c)
{
	struct buf b = BUF_INIT;

	(void)c;
	command_capabilities(s, &b);
	chat_untagged(s, "CAPABILITY %.*s", STR_ARG(buf_str(&b)));
	command_done(s, true, "Done");
	buf_done(&b);
}
