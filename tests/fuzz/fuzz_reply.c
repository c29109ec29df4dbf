/*
 * Replies of another SMTP server: a line is refused and nothing is changed,
 * or code, status and text are clean, and print to a line that reads the
 * same.
 */
#include "fuzz.h"

#include "base/ascii.h"
#include "smtp/reply.h"
#include "base/banned.h"

static void
check_reply(const struct smtp_reply *r, bool is_last, struct str line)
{
	struct smtp_reply again = { 0 };
	struct buf b = BUF_INIT;
	bool is_last_again;
	size_t i;

	CHECK(r->code >= 200 && r->code <= 599);
	CHECK(r->status[0] == (char)('0' + r->code / 100));
	CHECK(r->status[1] == '.');
	CHECK(strlen(r->status) >= 5 && strlen(r->status) <= 9);
	CHECK(strlen(r->text) <= line.len);
	for (i = 0; r->text[i]; i++)
		CHECK(!ascii_is_cntl(r->text[i]));
	buf_printf(&b, "%u%c%s %s", r->code, is_last ? ' ' : '-', r->status,
	    r->text);
	CHECK(smtp_reply_parse(buf_str(&b), true, &again, &is_last_again));
	CHECK(again.code == r->code && is_last_again == is_last);
	CHECK(strcmp(again.status, r->status) == 0);
	CHECK(str_equals(str_trim(str_from_cstr(again.text)),
	    str_trim(str_from_cstr(r->text))));
	buf_done(&b);
}

static void
check_line(struct str line)
{
	const struct smtp_reply before = { .code = 7, .status = "x",
		.text = "y" };
	struct smtp_reply r = before;
	bool is_last = false;
	int i;

	if (smtp_reply_parse(line, true, &r, &is_last)) {
		check_reply(&r, is_last, line);
		/* A reply of many lines stays within its room. */
		for (i = 0; i < 256; i++)
			CHECK(smtp_reply_parse(line, false, &r, &is_last));
		CHECK(strlen(r.text) < sizeof(r.text));
	} else
		CHECK(r.code == 7 && strcmp(r.status, "x") == 0 &&
		    strcmp(r.text, "y") == 0);
	CHECK(smtp_reply_extensions(line) < EXT_LOGIN * 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = fuzz_input(data, size);

	while (rest.len)
		check_line(fuzz_line(&rest));
	return 0;
}
