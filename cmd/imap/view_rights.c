/*
 * What the user may do in the selected mailbox, when it is another user's:
 * read again at each poll, so that a change of its list holds from the next
 * command on (RFC 4314 5.1.1).
 */
#include "view.h"

#include "db/acl.h"
#include "rights.h"

#include "base/banned.h"

bool
view_is_writable(const struct view *v)
{
	return !v->is_read_only && v->rights & RIGHTS_CHANGE;
}

static void
take_rights(struct session *s, unsigned rights)
{
	struct view *v = s->view;
	bool was_writable = view_is_writable(v), is_writable;

	if (rights == v->rights)
		return;
	v->rights = rights;
	if (!(rights & RIGHT_READ)) {
		chat_bye(s, "The selected mailbox is not yours to read "
			    "any more");
		return;
	}
	is_writable = view_is_writable(v);
	view_tell_flags(s, true);
	if (is_writable != was_writable)
		chat_untagged(s, "OK [READ-%s] Your rights were changed",
		    is_writable ? "WRITE" : "ONLY");
}

/* The owner's own session has nothing to ask but the modseq. */
enum rc
view_poll(struct session *s, uint64_t *ret_modseq, struct err *err)
{
	const struct folder *f = &s->view->folder;
	const struct acl_entry *acl = NULL;
	size_t n = 0;
	enum rc rc;

	if (rights_is_owner(s, &f->owner))
		return folder_poll(
		    s->p->db, &f->owner, &f->id, ret_modseq, err);
	rc = acl_poll(s->p->db, s->command_arena, &f->owner, &f->id,
	    ret_modseq, &acl, &n, err);
	/* The list names addresses: ours must still be ours. */
	if (rc == RC_OK && *ret_modseq && session_check_account(s, true))
		take_rights(s, acl_rights(acl, n, s->user->address));
	return rc;
}

enum rc
view_check_rights(struct session *s, struct err *err)
{
	uint64_t modseq = 1;
	enum rc rc = RC_OK;

	if (!rights_is_owner(s, &s->view->folder.owner))
		rc = view_poll(s, &modseq, err);
	if (rc == RC_OK && modseq == 0)
		chat_bye(s, "The selected mailbox was deleted");
	return rc;
}
