/* SEARCH (RFC 3501 6.4.4, RFC 4731, RFC 5182). */
#include "commands.h"
#include "match.h"
#include "result.h"

#include "base/banned.h"

void
cmd_search(struct session *s, const struct read_command *c)
{
	struct search_program p;
	struct selection hits;
	const char *wrong;
	struct err err;

	wrong = search_parse(
	    s->command_arena, c->text.args, c->text.n,
	    s->has_utf8 && !s->is_rev2, &p);
	if (wrong) {
		chat_bad(s, wrong);
		return;
	}
	if (p.is_bad_charset) {
		result_save_nothing(s, &p);
		chat_no(s, "[BADCHARSET (UTF-8 US-ASCII)] Unknown charset");
		return;
	}
	if (s->has_uidonly && search_uses_numbers(&p.root)) {
		chat_bad(s, "[UIDREQUIRED] Sequence numbers are off");
		return;
	}
	if (view_load(s, &err) != RC_OK ||
	    match_program(s, &p, &hits, &err) != RC_OK) {
		result_save_nothing(s, &p);
		chat_failure(s, &err);
	} else {
		result_tell(s, "SEARCH", &p, &hits);
		/* Numbers must not move while they are asked for (RFC 7162
		 * 3.2.10.2). */
		command_done(s, s->is_uid && !search_uses_numbers(&p.root),
		    "Searched");
	}
}
