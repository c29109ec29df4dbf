/* Parameters of MAIL and RCPT, and xtext. */
#include "fuzz.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "smtp/params.h"
#include "base/banned.h"

static void
check_refusal(const struct smtp_refusal *r)
{
	CHECK(r->code == 501 || r->code == 555);
	CHECK(r->status && r->text);
}

/* Every octet as "+XX" is xtext of the same octets. */
static void
check_xtext(struct arena *a, struct str s)
{
	struct str plain = xtext_decode(a, s);
	struct buf out = BUF_INIT;
	size_t i;

	CHECK(plain.len <= s.len);
	for (i = 0; i < plain.len; i++) {
		CHECK(!ascii_is_cntl(plain.p[i]));
		buf_printf(&out, "+%02X", (unsigned char)plain.p[i]);
	}
	CHECK(xtext_is_valid(buf_str(&out)));
	CHECK(str_equals(xtext_decode(a, buf_str(&out)), plain));
	buf_done(&out);
}

static void
check_mail(struct arena *a, struct str text)
{
	struct smtp_mail_params p;
	struct smtp_refusal r = { 0 };

	if (!smtp_mail_params_parse(text, &p, &r)) {
		check_refusal(&r);
		return;
	}
	CHECK(p.has_size || p.size == 0);
	CHECK(p.size <= INT64_MAX);
	CHECK(fuzz_is_inside(p.envid, text) && fuzz_is_inside(p.auth, text));
	CHECK(p.envid.len <= LIMIT_SMTP_ENVID);
	if (p.envid.len)
		check_xtext(a, p.envid);
	if (p.auth.len && !str_equals(p.auth, STR("<>")))
		check_xtext(a, p.auth);
}

static void
check_rcpt(struct arena *a, struct str text)
{
	struct smtp_rcpt_params p;
	struct smtp_refusal r = { 0 };
	size_t at;

	if (!smtp_rcpt_params_parse(text, &p, &r)) {
		check_refusal(&r);
		return;
	}
	CHECK(!(p.notify & NOTIFY_NEVER) || p.notify == NOTIFY_NEVER);
	CHECK(fuzz_is_inside(p.orcpt, text));
	CHECK(p.orcpt.len <= LIMIT_SMTP_ORCPT);
	at = str_find_char(p.orcpt, ';');
	if (p.orcpt.len)
		check_xtext(a, str_tail(p.orcpt, at + 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str s = fuzz_input(data, size);

	check_mail(a, s);
	check_rcpt(a, s);
	if (xtext_is_valid(s))
		check_xtext(a, s);
	arena_free(a);
	return 0;
}
