/* The wording of reports; see report_text.h. */
#include "mail/report_text.h"

#include <stdio.h>

#include "base/ascii.h"
#include "text/utf8.h"

#include "base/banned.h"

enum { TEMPLATE_MAX = 65536 };

const char *const report_actions[REPORT_ACTIONS] = {
	[REPORT_FAILED] = "failed",
	[REPORT_DELAYED] = "delayed",
	[REPORT_DELIVERED] = "delivered",
	[REPORT_RELAYED] = "relayed",
	[REPORT_EXPANDED] = "expanded",
};

static const struct report_texts built_in = { {
	[REPORT_FAILED] = { STR_INIT("Undelivered mail: returned to sender"),
	    STR_INIT("This is the mail system at {hostname}.\n\n"
		     "Your message could not be delivered to the recipients "
		     "below, and will\nnot be tried again.\n") },
	[REPORT_DELAYED] = { STR_INIT("Delayed mail: still being tried"),
	    STR_INIT("This is the mail system at {hostname}.\n\n"
		     "Your message has not been delivered yet to the "
		     "recipients below.\nIt will be tried again; you need "
		     "not send it again.\n") },
	[REPORT_DELIVERED] = { STR_INIT("Delivered mail"),
	    STR_INIT("This is the mail system at {hostname}.\n\n"
		     "Your message was delivered to the recipients "
		     "below.\n") },
	[REPORT_RELAYED] = { STR_INIT("Relayed mail"),
	    STR_INIT("This is the mail system at {hostname}.\n\n"
		     "Your message was handed to a mail system that sends no "
		     "reports.\n") },
	[REPORT_EXPANDED] = { STR_INIT("Delivered mail"),
	    STR_INIT("This is the mail system at {hostname}.\n\n"
		     "Your message was delivered to a group of "
		     "recipients.\n") },
} };

/* --- values -------------------------------------------------------------------- */

static const struct str value_names[] = { STR_INIT("hostname"),
	STR_INIT("queue"), STR_INIT("sender") };

static const struct str *
value_of(const struct report_values *v, struct str name)
{
	const struct str *all[] = { &v->hostname, &v->queue, &v->sender };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (str_equals(name, value_names[i]))
			return all[i];
	}
	return NULL;
}

void
report_text_add(
    struct buf *b, struct str text, const struct report_values *v)
{
	size_t i, end;

	for (i = 0; i < text.len; i++) {
		const struct str *value = NULL;
		struct str name = str_tail(text, i + 1);

		end = str_find_char(name, '}');
		if (text.p[i] == '{')
			value = value_of(v, str_slice(name, 0, end));
		if (value) {
			buf_add_str(b, *value);
			i += end + 1;
		} else if (text.p[i] == '\n') {
			buf_add_cstr(b, "\r\n");
		} else {
			buf_add_char(b, text.p[i]);
		}
	}
}

/* --- the file ---------------------------------------------------------------------- */

struct reading {
	const char *path;
	struct str rest;
	unsigned line;
	struct err *err;
};

static enum rc
complain(const struct reading *r, const char *what)
{
	return err_set(r->err, RC_PERM, "", "report.template: %s:%u: %s",
	    r->path, r->line, what);
}

static bool
next_line(struct reading *r, struct str *ret)
{
	if (r->rest.len == 0 || !str_split_char(&r->rest, '\n', ret))
		return false;
	if (str_ends_with(*ret, STR("\r")))
		ret->len--;
	r->line++;
	return true;
}

static int
section_of(struct str line)
{
	int i;

	for (i = 0; i < REPORT_ACTIONS; i++) {
		struct str name = str_from_cstr(report_actions[i]);

		if (line.len == name.len + 2 && line.p[0] == '[' &&
		    str_ends_with(line, STR("]")) &&
		    str_equals(str_slice(line, 1, name.len), name))
			return i;
	}
	return -1;
}

static enum rc
check_values(const struct reading *r, struct str line)
{
	static const struct report_values none = { { "", 0 }, { "", 0 },
		{ "", 0 } };
	size_t i;

	for (i = 0; i < line.len; i++) {
		struct str name = str_tail(line, i + 1);

		name = str_slice(name, 0, str_find_char(name, '}'));
		if (line.p[i] == '{' && !value_of(&none, name))
			return complain(r,
			    "there are {hostname}, {queue} and {sender}");
	}
	return RC_OK;
}

static enum rc
take_subject(struct arena *a, const struct reading *r, struct str line,
    struct report_wording *w)
{
	size_t i;

	w->subject = arena_dup_str(a, str_trim(str_tail(line, 8)));
	for (i = 0; i < w->subject.len; i++) {
		if (ascii_is_8bit(w->subject.p[i]) ||
		    ascii_is_cntl(w->subject.p[i]))
			return complain(r, "the subject must be ASCII");
	}
	return RC_OK;
}

/* One line of a section: its subject, the empty line behind it, text. */
static enum rc
take_line(struct arena *a, const struct reading *r, struct str line,
    struct report_wording *w)
{
	if (w->text.len == 0 &&
	    str_starts_with_nocase(line, STR("Subject:")))
		return take_subject(a, r, line, w);
	if (w->text.len == 0 && line.len == 0)
		return RC_OK;
	w->text = arena_join3(a, w->text, line, STR("\n"));
	return check_values(r, line);
}

static enum rc
parse(struct arena *a, struct reading *r, struct report_texts *texts)
{
	struct report_wording *w = NULL;
	enum rc rc = RC_OK;
	struct str line;
	int section;

	while (rc == RC_OK && next_line(r, &line)) {
		section = section_of(line);
		if (section >= 0) {
			w = &texts->v[section];
			w->text = STR("");
		} else if (w) {
			rc = take_line(a, r, line, w);
		} else if (line.len && line.p[0] != '#') {
			rc = complain(r, "[failed], [delayed], [delivered], "
					 "[relayed] or [expanded] is wanted");
		}
	}
	return rc;
}

enum rc
report_texts_read(struct arena *a, struct str path,
    struct report_texts *ret_texts, struct err *err)
{
	struct reading r = { arena_dup_cstr(a, path), STR_NONE, 0, err };
	struct report_texts texts = built_in;
	char *text;
	FILE *f;
	enum rc rc;

	if (path.len == 0) {
		*ret_texts = texts;
		return RC_OK;
	}
	f = fopen(r.path, "re");
	if (!f)
		return err_set(
		    err, RC_PERM, "", "report.template: %s: %m", r.path);
	text = arena_alloc(a, TEMPLATE_MAX);
	r.rest = str_make(text, fread(text, 1, TEMPLATE_MAX, f));
	fclose(f);
	if (!utf8_is_valid(r.rest))
		return complain(&r, "it is not UTF-8");
	rc = parse(a, &r, &texts);
	if (rc == RC_OK)
		*ret_texts = texts;
	return rc;
}
