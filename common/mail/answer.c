/* Automatic answers; see answer.h. */
#include "mail/answer.h"

#include "mime/header.h"
#include "text/date.h"

#include "base/banned.h"

static bool
answer_is_from_program(struct str sender)
{
	static const struct str whole[] = { STR_INIT("mailer-daemon"),
		STR_INIT("noreply"), STR_INIT("no-reply"),
		STR_INIT("listserv"), STR_INIT("majordomo") };
	struct str local =
	    str_slice(sender, 0, str_find_last_char(sender, '@'));
	size_t i;

	for (i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		if (str_equals_nocase(local, whole[i]))
			return true;
	}
	return str_starts_with_nocase(local, STR("owner-")) ||
	    str_ends_with_nocase(local, STR("-request")) ||
	    str_ends_with_nocase(local, STR("-owner")) ||
	    str_ends_with_nocase(local, STR("-bounces"));
}

/* The first word: "no (said so)" is "no". */
static struct str
answer_word(struct arena *a, struct str value)
{
	struct str s = header_unfold(a, value);
	size_t n;

	for (n = 0; n < s.len; n++) {
		if (str_has_char(STR(" \t;("), s.p[n]))
			break;
	}
	return str_slice(s, 0, n);
}

static bool
answer_field_forbids(struct arena *a, const struct header_field *f)
{
	struct str word = answer_word(a, f->value);

	if (str_equals_nocase(f->name, STR("Auto-Submitted")))
		return !str_equals_nocase(word, STR("no"));
	if (str_equals_nocase(f->name, STR("Precedence")))
		return str_equals_nocase(word, STR("bulk")) ||
		    str_equals_nocase(word, STR("junk")) ||
		    str_equals_nocase(word, STR("list"));
	return str_starts_with_nocase(f->name, STR("List-"));
}

bool
answer_is_allowed(
    struct arena *a, const struct queue_item *item, struct str header)
{
	struct header_field f;

	if (item->sender.len == 0 || answer_is_from_program(item->sender))
		return false;
	while (header_next(&header, &f)) {
		if (answer_field_forbids(a, &f))
			return false;
	}
	return true;
}

/* --- the header ------------------------------------------------------------------ */

/* A text that only begins with a line which has no colon has none. */
static bool
answer_has_header(struct str text)
{
	struct header_field f;

	return header_next(&text, &f) && f.value.p != NULL &&
	    !str_has_char(f.name, ' ');
}

struct heading {
	struct buf b;
	struct str text;
};

static void
answer_add(struct heading *h, struct str name, struct str value)
{
	struct header_field f;

	if (!answer_has_header(h->text) ||
	    !header_find(h->text, name, &f))
		buf_printf(&h->b, "%.*s: %.*s\r\n", STR_ARG(name),
		    STR_ARG(value));
}

static struct str
answer_date(struct arena *a, int64_t now_s)
{
	struct buf b = BUF_INIT;
	struct str date;

	date_print_rfc5322(&b, now_s, 0);
	date = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return date;
}

struct str
answer_head(struct arena *a, const struct queue_item *item, struct str from,
    struct str hostname, struct str text, int64_t now_s)
{
	struct heading h = { BUF_INIT, text };
	struct oid id = oid_new();
	char digits[OID_HEX];
	struct str head;

	answer_add(&h, STR("From"), arena_join3(a, STR("<"), from, STR(">")));
	answer_add(&h, STR("To"),
	    arena_join3(a, STR("<"), item->sender, STR(">")));
	answer_add(&h, STR("Date"), answer_date(a, now_s));
	answer_add(&h, STR("Message-ID"),
	    arena_printf(a, "<%.*s@%.*s>", STR_ARG(oid_format(&id, digits)),
		STR_ARG(hostname)));
	answer_add(&h, STR("Auto-Submitted"), STR("auto-replied"));
	if (!answer_has_header(text))
		buf_add_cstr(&h.b, "\r\n");
	head = arena_dup_str(a, buf_str(&h.b));
	buf_done(&h.b);
	return head;
}
