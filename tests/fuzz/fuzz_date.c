/* Dates: what parses prints as something that parses to the same. */
#include "fuzz.h"

#include "text/date.h"
#include "base/banned.h"

static void
check_imap(int64_t s, int zone)
{
	struct buf out = BUF_INIT;
	int64_t again = 0;
	int again_zone = 0;

	date_print_imap(&out, s, zone);
	CHECK(out.len == 26);
	CHECK(date_parse_imap(buf_str(&out), &again, &again_zone));
	CHECK(again == s && again_zone == zone);
	buf_done(&out);
}

static void
check_rfc5322(int64_t s, int zone)
{
	struct buf out = BUF_INIT;
	int64_t again = 0;
	int again_zone = 0;

	date_print_rfc5322(&out, s, zone);
	CHECK(out.len == 31);
	CHECK(date_parse_rfc5322(buf_str(&out), &again, &again_zone));
	CHECK(again == s && again_zone == zone);
	buf_done(&out);
}

static void
check_day(int64_t days)
{
	struct date_day d = date_from_days(days);

	CHECK(date_is_valid(d));
	CHECK(date_to_days(d) == days);
}

/* A leap second at the end of the year 9999 has no printed form. */
static bool
is_printable(int64_t s, int zone)
{
	return date_from_days((s + zone * 60) / 86400).year <= 9999;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = fuzz_input(data, size);
	int64_t seconds, days;
	int zone;

	if ((date_parse_imap(s, &seconds, &zone) ||
		date_parse_rfc5322(s, &seconds, &zone)) &&
	    is_printable(seconds, zone)) {
		check_imap(seconds, zone);
		check_rfc5322(seconds, zone);
	}
	if (date_parse_imap_day(s, &days))
		check_day(days);
	return 0;
}
