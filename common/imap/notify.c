/*
 * NOTIFY's grammar (RFC 5465 8):
 *   notify      = "NOTIFY" SP ("SET" [SP "STATUS"] 1*(SP event-group) / "NONE")
 *   event-group = "(" filter-mailboxes SP events ")"
 *   events      = "(" event *(SP event) ")" / "NONE"
 */
#include "imap/notify.h"

#include "base/limits.h"
#include "base/vec.h"

#include "base/banned.h"

const char notify_event_names[] =
    "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
    "MailboxMetadataChange ServerMetadataChange";

struct word {
	struct str name;
	unsigned value;
};

static const struct word events[] = {
	{ STR_INIT("MessageNew"), NOTIFY_MESSAGE_NEW },
	{ STR_INIT("MessageExpunge"), NOTIFY_MESSAGE_EXPUNGE },
	{ STR_INIT("FlagChange"), NOTIFY_FLAG_CHANGE },
	{ STR_INIT("MailboxName"), NOTIFY_MAILBOX_NAME },
	{ STR_INIT("SubscriptionChange"), NOTIFY_SUBSCRIPTION_CHANGE },
	{ STR_INIT("MailboxMetadataChange"), NOTIFY_MAILBOX_METADATA },
	{ STR_INIT("ServerMetadataChange"), NOTIFY_SERVER_METADATA },
};

static const struct word filters[] = {
	{ STR_INIT("selected"), NOTIFY_SELECTED },
	{ STR_INIT("selected-delayed"), NOTIFY_SELECTED_DELAYED },
	{ STR_INIT("inboxes"), NOTIFY_INBOXES },
	{ STR_INIT("personal"), NOTIFY_PERSONAL },
	{ STR_INIT("subscribed"), NOTIFY_SUBSCRIBED },
	{ STR_INIT("subtree"), NOTIFY_SUBTREE },
	{ STR_INIT("mailboxes"), NOTIFY_MAILBOXES },
};

#define N_EVENTS  (sizeof(events) / sizeof(*events))
#define N_FILTERS (sizeof(filters) / sizeof(*filters))

struct parse {
	struct arena *a;
	struct notify_spec spec;
	VEC(struct notify_group) groups;
	size_t n_names;
	bool has_selected;
	bool has_bad_event;
	const char *wrong;
};

static bool
look_up(const struct word *words, size_t n, const struct arg *arg,
    unsigned *ret_value)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (arg_is_atom(arg, words[i].name)) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

static bool
bad(struct parse *p, const char *wrong)
{
	p->wrong = wrong;
	return false;
}

/* --- events ----------------------------------------------------------------------- */

/* The slices of a FETCH list are the command's: they are copied. */
static void
keep_atts(struct parse *p, const struct fetch_atts *atts)
{
	struct section *v =
	    ARENA_ARRAY(p->a, atts->n_sections, struct section);
	size_t i, k;

	for (i = 0; i < atts->n_sections; i++) {
		struct str *fields = ARENA_ARRAY(
		    p->a, atts->sections[i].n_fields, struct str);

		v[i] = atts->sections[i];
		v[i].label = arena_dup_str(p->a, v[i].label);
		for (k = 0; k < v[i].n_fields; k++)
			fields[k] = arena_dup_str(p->a, v[i].fields[k]);
		v[i].fields = fields;
	}
	p->spec.atts = *atts;
	p->spec.atts.sections = v;
}

static bool
take_atts(struct parse *p, const struct arg *list, bool is_selected)
{
	struct fetch_atts atts;

	if (!is_selected)
		return bad(p, "FETCH items are for the selected mailbox");
	p->wrong = fetch_atts_parse(p->a, list, &atts);
	if (p->wrong)
		return false;
	keep_atts(p, &atts);
	return true;
}

/* What goes together (RFC 5465 5), and what only some filters can have. */
static bool
check_events(struct parse *p, unsigned set, bool is_selected)
{
	unsigned pair = set & (NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE);

	if (pair && pair != (NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE))
		return bad(p, "MessageNew and MessageExpunge go together");
	if (set & NOTIFY_FLAG_CHANGE && !pair)
		return bad(p, "FlagChange needs MessageNew, MessageExpunge");
	if (is_selected && set & ~(unsigned)NOTIFY_MESSAGE_EVENTS)
		return bad(p, "That is no event of the selected mailbox");
	return true;
}

static bool
take_events(struct parse *p, const struct arg *list, bool is_selected,
    unsigned *ret_events)
{
	unsigned set = 0, one;
	size_t i;

	*ret_events = 0;
	if (arg_is_atom(list, STR("NONE")))
		return true;
	if (list->type != ARG_LIST || list->n == 0)
		return bad(p, "A list of events or NONE is wanted");
	for (i = 0; i < list->n; i++) {
		if (list->v[i].type != ARG_ATOM)
			return bad(p, "An event is an atom");
		if (!look_up(events, N_EVENTS, &list->v[i], &one)) {
			p->has_bad_event = true;
			continue;
		}
		set |= one;
		if (one != NOTIFY_MESSAGE_NEW || i + 1 == list->n ||
		    list->v[i + 1].type != ARG_LIST)
			continue;
		if (!take_atts(p, &list->v[++i], is_selected))
			return false;
	}
	*ret_events = set;
	return p->has_bad_event || check_events(p, set, is_selected);
}

/* --- groups ----------------------------------------------------------------------- */

static bool
take_names(struct parse *p, const struct arg *arg, struct notify_group *g)
{
	const struct arg *v = arg->type == ARG_LIST ? arg->v : arg;
	size_t n = arg->type == ARG_LIST ? arg->n : 1, i;

	if (n == 0)
		return bad(p, "The name of a mailbox is missing");
	g->names = ARENA_ARRAY(p->a, n, struct str);
	for (i = 0; i < n; i++) {
		if (!arg_is_text(&v[i]))
			return bad(p, "The name of a mailbox is missing");
		g->names[g->n_names++] = arena_dup_str(p->a, v[i].s);
	}
	p->n_names += n;
	return true;
}

static bool
take_selected(struct parse *p, const struct notify_group *g)
{
	if (p->has_selected)
		return bad(p, "There is one selected mailbox");
	p->has_selected = true;
	p->spec.is_delayed = g->filter == NOTIFY_SELECTED_DELAYED;
	p->spec.selected = g->events;
	return true;
}

static bool
take_group(struct parse *p, const struct arg *arg)
{
	struct notify_group g = { .filter = NOTIFY_SELECTED };
	bool is_selected, has_names;
	unsigned filter;
	size_t i = 1;

	if (arg->type != ARG_LIST || arg->n < 2 ||
	    !look_up(filters, N_FILTERS, &arg->v[0], &filter))
		return bad(p, "Groups are (filter events)");
	g.filter = (enum notify_filter)filter;
	is_selected = g.filter == NOTIFY_SELECTED ||
	    g.filter == NOTIFY_SELECTED_DELAYED;
	has_names =
	    g.filter == NOTIFY_SUBTREE || g.filter == NOTIFY_MAILBOXES;
	if (has_names && !take_names(p, &arg->v[i++], &g))
		return false;
	if (i + 1 != arg->n)
		return bad(p, "Groups are (filter events)");
	if (!take_events(p, &arg->v[i], is_selected, &g.events))
		return false;
	if (is_selected)
		return take_selected(p, &g);
	if (g.events)
		VEC_PUSH(p->a, &p->groups, g);
	return true;
}

static bool
take_set(struct parse *p, const struct arg *v, size_t n)
{
	size_t i = 0;

	if (n && arg_is_atom(&v[0], STR("STATUS"))) {
		p->spec.wants_status = true;
		i++;
	}
	if (i == n)
		return bad(p, "Groups of events are missing");
	for (; i < n; i++) {
		if (!take_group(p, &v[i]))
			return false;
	}
	return true;
}

enum notify_verdict
notify_parse(struct arena *a, const struct arg *v, size_t n,
    struct notify_spec *ret, const char **ret_wrong)
{
	struct parse p = { .a = a };
	bool ok = n == 1 && arg_is_atom(&v[0], STR("NONE"));

	if (!ok && n && arg_is_atom(&v[0], STR("SET")))
		ok = take_set(&p, v + 1, n - 1);
	if (!ok) {
		*ret_wrong = p.wrong ? p.wrong : "SET or NONE is wanted";
		return NOTIFY_BAD;
	}
	if (p.has_bad_event)
		return NOTIFY_BADEVENT;
	if (p.n_names > LIMIT_NOTIFY_NAMES ||
	    p.groups.n > LIMIT_NOTIFY_GROUPS)
		return NOTIFY_OVERFLOW;
	p.spec.groups = p.groups.v;
	p.spec.n_groups = p.groups.n;
	*ret = p.spec;
	return NOTIFY_OK;
}

/* --- questions -------------------------------------------------------------------- */

static bool
is_below(struct str name, struct str top)
{
	return str_starts_with(name, top) &&
	    (name.len == top.len || name.p[top.len] == '/');
}

static bool
is_named(const struct notify_group *g, struct str name)
{
	size_t i;

	for (i = 0; i < g->n_names; i++) {
		if (g->filter == NOTIFY_SUBTREE
			? is_below(name, g->names[i])
			: str_equals(name, g->names[i]))
			return true;
	}
	return false;
}

/* Filters may file mail into any folder: inboxes are all (RFC 5465 6.3). */
static bool
covers(const struct notify_group *g, struct str name, bool is_subscribed,
    bool is_personal)
{
	switch (g->filter) {
	case NOTIFY_INBOXES:
	case NOTIFY_PERSONAL:
		return is_personal;
	case NOTIFY_SUBSCRIBED:
		return is_subscribed;
	case NOTIFY_SUBTREE:
	case NOTIFY_MAILBOXES:
		return is_named(g, name);
	case NOTIFY_SELECTED:
	case NOTIFY_SELECTED_DELAYED:
		break;
	}
	return false;
}

unsigned
notify_events(const struct notify_spec *s, struct str name,
    bool is_subscribed, bool is_personal)
{
	unsigned set = 0;
	size_t i;

	for (i = 0; i < s->n_groups; i++) {
		if (covers(&s->groups[i], name, is_subscribed, is_personal))
			set |= s->groups[i].events;
	}
	return set;
}

unsigned
notify_all_events(const struct notify_spec *s)
{
	unsigned set = 0;
	size_t i;

	for (i = 0; i < s->n_groups; i++)
		set |= s->groups[i].events;
	return set;
}
