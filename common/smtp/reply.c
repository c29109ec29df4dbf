/* Replies of another SMTP server; see reply.h. */
#include "smtp/reply.h"

#include <stdio.h>

#include "base/ascii.h"
#include "base/num.h"

#include "base/banned.h"

/* "5.1.10": class, subject and detail (RFC 3463 2), the class that of code. */
static bool
is_status(struct str s, uint64_t code)
{
	struct str class, subject;
	uint64_t n;

	return str_has_char(s, '.') && str_split_char(&s, '.', &class) &&
	    str_has_char(s, '.') && str_split_char(&s, '.', &subject) &&
	    subject.len <= 3 && s.len <= 3 && class.len == 1 &&
	    num_parse_u64(class, 9, &n) && n == code / 100 &&
	    num_parse_u64(subject, 999, &n) && num_parse_u64(s, 999, &n);
}

/* Behind what the lines before it said, cut where there is no more room. */
static void
add_text(struct smtp_reply *r, struct str text)
{
	size_t at = strlen(r->text), room = sizeof(r->text) - 1 - at, i;

	text = str_trim(text);
	if (at && text.len && room) {
		r->text[at++] = ' ';
		room--;
	}
	text = str_slice(text, 0, room);
	for (i = 0; i < text.len; i++)
		r->text[at + i] = ascii_is_cntl(text.p[i]) ? '?' : text.p[i];
	r->text[at + i] = '\0';
}

bool
smtp_reply_parse(struct str line, bool is_first,
    struct smtp_reply *ret_reply, bool *ret_is_last)
{
	struct str text = str_tail(line, 4), word;
	struct smtp_reply *r = ret_reply;
	uint64_t code;

	if (line.len < 3 || !num_parse_u64(str_slice(line, 0, 3), 599, &code) ||
	    code < 200 || (line.len > 3 && line.p[3] != ' ' &&
			      line.p[3] != '-'))
		return false;
	*ret_is_last = line.len == 3 || line.p[3] == ' ';
	if (is_first)
		*r = (struct smtp_reply){ .status = "" };
	word = str_slice(text, 0, str_find_char(text, ' '));
	if (is_status(word, code)) {
		snprintf(r->status, sizeof(r->status), "%.*s", STR_ARG(word));
		text = str_tail(text, word.len);
	} else if (r->code != code) {
		snprintf(r->status, sizeof(r->status), "%u.0.0",
		    (unsigned)code / 100);
	}
	r->code = (uint32_t)code;
	add_text(r, text);
	return true;
}

/* --- EHLO --------------------------------------------------------------------- */

struct extension_row {
	struct str name;
	unsigned bit;
};

static const struct extension_row extensions[] = {
	{ STR_INIT("STARTTLS"), EXT_STARTTLS },
	{ STR_INIT("SIZE"), EXT_SIZE },
	{ STR_INIT("8BITMIME"), EXT_8BITMIME },
	{ STR_INIT("SMTPUTF8"), EXT_SMTPUTF8 },
	{ STR_INIT("DSN"), EXT_DSN },
	{ STR_INIT("PIPELINING"), EXT_PIPELINING },
};

static const struct extension_row mechanisms[] = {
	{ STR_INIT("PLAIN"), EXT_PLAIN },
	{ STR_INIT("LOGIN"), EXT_LOGIN },
};

static unsigned
find_bit(const struct extension_row *rows, size_t n, struct str word)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (str_equals_nocase(word, rows[i].name))
			return rows[i].bit;
	}
	return 0;
}

#define FIND_BIT(rows, word) \
	find_bit(rows, sizeof(rows) / sizeof(*(rows)), word)

unsigned
smtp_reply_extensions(struct str line)
{
	struct str rest = str_tail(line, 4), word;
	unsigned bits;

	if (!str_split_char(&rest, ' ', &word))
		return 0;
	bits = FIND_BIT(extensions, word);
	if (!str_equals_nocase(word, STR("AUTH")))
		return bits;
	while (str_split_char(&rest, ' ', &word))
		bits |= FIND_BIT(mechanisms, word);
	return bits;
}
