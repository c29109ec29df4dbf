/* Expiry of Trash and Junk; see expire.h. */
#include "expire.h"

#include "base/clock.h"
#include "db/limits.h"
#include "db/store.h"
#include "log/log.h"
#include "net/doorbell.h"

#include "base/banned.h"

enum { EVERY_MS = 3600000 };

struct rule {
	enum special_use use;
	enum config_key key;
	const char *name;
};

static const struct rule rules[] = {
	{ SPECIAL_TRASH, CFG_EXPIRE_TRASH, "Trash" },
	{ SPECIAL_JUNK, CFG_EXPIRE_JUNK, "Junk" },
};

/* By when it came into the folder, not by when it was sent. */
static struct uid_set
find_old(struct arena *a, const struct folder_changes *c, int64_t before_s)
{
	VEC(struct uid_range) v = { 0 };
	size_t i;

	for (i = 0; i < c->n_entries; i++) {
		const struct entry *e = &c->entries[i];
		struct uid_range r = { e->uid, e->uid };

		if (e->saved_s == 0 || e->saved_s >= before_s)
			continue;
		if (v.n && v.v[v.n - 1].hi + 1 == e->uid)
			v.v[v.n - 1].hi = e->uid;
		else
			VEC_PUSH(a, &v, r);
	}
	return (struct uid_set){ v.v, v.n };
}

static enum rc
expire_folder(struct mda *m, const struct rule *r, const struct folder *f,
    int64_t before_s, struct err *err)
{
	struct arena *a = arena_new();
	struct folder_changes c;
	struct uid_set uids;
	uint64_t modseq = 0;
	enum rc rc =
	    store_changes(m->db, a, &f->owner, &f->id, 0, &c, err);

	if (rc == RC_OK && !c.is_gone) {
		uids = find_old(a, &c, before_s);
		if (uids.n)
			rc = store_expunge(m->db, &f->owner, &f->id, uids,
			    true, &modseq, err);
	}
	if (rc == RC_OK && modseq) {
		char owner[UUID_TEXT];

		log_begin(LOG_AT_INFO, "expired");
		log_cstr("folder", r->name);
		log_str("owner", uuid_format(&f->owner, owner));
		log_end();
		doorbell_ring_owner(
		    config_str(m->config, CFG_RUNTIME_DIR), &f->owner);
	}
	arena_free(a);
	return rc;
}

static enum rc
expire_rule(struct mda *m, const struct rule *r, struct err *err)
{
	int64_t age_ms = config_int(m->config, r->key);
	struct folder *v;
	size_t n, i;
	enum rc rc;

	if (age_ms == 0)
		return RC_OK;
	rc = folder_list_special(m->db, m->a, r->use,
	    str_from_cstr(r->name), &v, &n, err);
	for (i = 0; rc == RC_OK && i < n && !mda_is_stopping(m); i++)
		rc = expire_folder(m, r, &v[i],
		    (db_time(m->db) - age_ms) / 1000, err);
	return rc;
}

enum rc
expire_run(struct mda *m, struct err *err)
{
	struct limit_state state;
	enum rc rc;
	size_t i;

	if (clock_mono_ms() < m->next_expiry_ms ||
	    (config_int(m->config, CFG_EXPIRE_TRASH) == 0 &&
		config_int(m->config, CFG_EXPIRE_JUNK) == 0))
		return RC_OK;
	m->next_expiry_ms = clock_deadline(EVERY_MS);
	rc = limit_take(
	    m->db, STR("expiry"), 1, EVERY_MS, &state, err);
	if (rc != RC_OK || state.n > 1)
		return rc;
	arena_reset(m->a);
	for (i = 0; rc == RC_OK && i < sizeof(rules) / sizeof(*rules); i++)
		rc = expire_rule(m, &rules[i], err);
	return rc;
}
