/*
 * IMAP URLs: a parsed one keeps its limits, and printed in full it parses to
 * itself.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "imap/url.h"
#include "text/utf8.h"
#include "base/banned.h"

static void
check(const struct imap_url *u)
{
	const struct section *s = &u->section;
	size_t i;

	CHECK(u->uid > 0);
	CHECK(utf8_is_valid(u->mailbox));
	CHECK(!str_has_char(u->mailbox, '\0'));
	CHECK(s->coding == CODING_RAW && s->n_part <= SECTION_DEPTH);
	for (i = 0; i < s->n_part; i++)
		CHECK(s->part[i] > 0);
	CHECK(s->is_partial || (s->offset == 0 && s->length == 0));
	CHECK(!s->is_partial || s->length > 0);
}

/* The parts of a URL but the section, which has no printer. */
static struct str
print(struct arena *a, const struct imap_url *u)
{
	struct buf b = BUF_INIT;
	struct str out;
	size_t i;

	if (!u->is_relative)
		buf_add_char(&b, '/');
	for (i = 0; i < u->mailbox.len; i++)
		buf_printf(&b, "%%%02X", (unsigned char)u->mailbox.p[i]);
	if (u->uidvalidity)
		buf_printf(&b, ";UIDVALIDITY=%u", u->uidvalidity);
	buf_printf(&b, "/;UID=%u", u->uid);
	if (u->section.is_partial)
		buf_printf(&b, "/;PARTIAL=%llu",
		    (unsigned long long)u->section.offset);
	if (u->section.is_partial && u->section.length != UINT64_MAX)
		buf_printf(&b, ".%llu",
		    (unsigned long long)u->section.length);
	out = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct imap_url u, again;

	if (imap_url_parse(a, fuzz_input(data, size), &u)) {
		check(&u);
		/* "/;UID=1" is printed as "//;UID=1", another server. */
		if (u.mailbox.len) {
			CHECK(imap_url_parse(a, print(a, &u), &again));
			CHECK(str_equals(u.mailbox, again.mailbox));
			CHECK(u.is_relative == again.is_relative);
			CHECK(u.uidvalidity == again.uidvalidity);
			CHECK(u.uid == again.uid);
			CHECK(u.section.offset == again.section.offset);
			CHECK(u.section.length == again.section.length);
		}
	}
	arena_free(a);
	return 0;
}
