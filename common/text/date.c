/* Dates of mail; see date.h. Nothing here knows the local time zone. */
#include "text/date.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/num.h"

#include "base/banned.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* day 0: Thursday */

/* Days are counted from 1 March of year 0, so that a leap day comes last. */
int64_t
date_to_days(struct date_day d)
{
	int64_t y = d.month > 2 ? d.year : d.year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t month = d.month > 2 ? d.month - 3 : d.month + 9;
	int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
	    year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

struct date_day
date_from_days(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	struct date_day d;

	d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	d.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	d.year = (int)(yoe + era * 400 + (d.month <= 2));
	return d;
}

bool
date_is_valid(struct date_day d)
{
	struct date_day again;

	if (d.year < 1 || d.year > 9999 || d.month < 1 || d.month > 12 ||
	    d.day < 1 || d.day > 31)
		return false;
	again = date_from_days(date_to_days(d));
	return again.day == d.day && again.month == d.month;
}

int
date_month(struct str name)
{
	int i;

	for (i = 0; i < 12; i++) {
		if (str_equals_nocase(name, str_make(months + i * 3, 3)))
			return i + 1;
	}
	return 0;
}

struct clock_time {
	struct date_day day;
	int64_t days;
	int hour, minute, second;
};

static struct clock_time
split_time(int64_t s, int zone_min)
{
	struct clock_time t;
	int64_t rest;

	s += (int64_t)zone_min * 60;
	t.days = s / 86400 - (s % 86400 < 0);
	rest = s - t.days * 86400;
	t.day = date_from_days(t.days);
	t.hour = (int)(rest / 3600);
	t.minute = (int)(rest / 60 % 60);
	t.second = (int)(rest % 60);
	return t;
}

static void
print_zone(struct buf *out, int zone_min)
{
	int n = abs(zone_min);

	buf_printf(out, " %c%02d%02d", zone_min < 0 ? '-' : '+', n / 60,
	    n % 60);
}

void
date_print_rfc5322(struct buf *out, int64_t s, int zone_min)
{
	struct clock_time t = split_time(s, zone_min);
	int64_t weekday = t.days % 7 + (t.days % 7 < 0 ? 7 : 0);

	buf_printf(out, "%.3s, %02d %.3s %04d %02d:%02d:%02d",
	    weekdays + weekday * 3, t.day.day, months + (t.day.month - 1) * 3,
	    t.day.year, t.hour, t.minute, t.second);
	print_zone(out, zone_min);
}

void
date_print_imap(struct buf *out, int64_t s, int zone_min)
{
	struct clock_time t = split_time(s, zone_min);

	buf_printf(out, "%2d-%.3s-%04d %02d:%02d:%02d", t.day.day,
	    months + (t.day.month - 1) * 3, t.day.year, t.hour, t.minute,
	    t.second);
	print_zone(out, zone_min);
}

/* --- parsing ------------------------------------------------------------------ */

static bool
parse_digits(struct str s, int *ret_n)
{
	uint64_t n;

	if (!num_parse_u64(s, 9999, &n))
		return false;
	*ret_n = (int)n;
	return true;
}

/* "hh:mm:ss" or, lenient, "hh:mm". */
static bool
parse_clock(struct str s, bool is_strict, int64_t *ret_s)
{
	int hour, minute, second = 0;

	if (s.len != 8 && (is_strict || s.len != 5))
		return false;
	if (s.p[2] != ':' || !parse_digits(str_slice(s, 0, 2), &hour) ||
	    !parse_digits(str_slice(s, 3, 2), &minute))
		return false;
	if (s.len == 8 &&
	    (s.p[5] != ':' || !parse_digits(str_slice(s, 6, 2), &second)))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_s = hour * 3600 + minute * 60 + second;
	return true;
}

static bool
parse_zone(struct str s, int *ret_min)
{
	int hour, minute;

	if (s.len != 5 || (s.p[0] != '+' && s.p[0] != '-') ||
	    !parse_digits(str_slice(s, 1, 2), &hour) ||
	    !parse_digits(str_slice(s, 3, 2), &minute) || minute > 59)
		return false;
	*ret_min = (hour * 60 + minute) * (s.p[0] == '-' ? -1 : 1);
	return true;
}

static bool
make_day(struct str day, struct str month, struct str year,
    struct date_day *ret_day)
{
	struct date_day d;

	d.month = date_month(month);
	if (!parse_digits(day, &d.day) || !parse_digits(year, &d.year) ||
	    !date_is_valid(d))
		return false;
	*ret_day = d;
	return true;
}

bool
date_parse_imap(struct str s, int64_t *ret_s, int *ret_zone_min)
{
	struct str day = str_slice(s, 0, 2);
	struct date_day d;
	int64_t clock_s;
	int zone;

	if (s.len != 26 || s.p[2] != '-' || s.p[6] != '-' ||
	    s.p[11] != ' ' || s.p[20] != ' ')
		return false;
	if (day.p[0] == ' ')
		day = str_tail(day, 1);
	if (!make_day(day, str_slice(s, 3, 3), str_slice(s, 7, 4), &d) ||
	    !parse_clock(str_slice(s, 12, 8), true, &clock_s) ||
	    !parse_zone(str_slice(s, 21, 5), &zone))
		return false;
	*ret_s = date_to_days(d) * 86400 + clock_s - zone * 60;
	*ret_zone_min = zone;
	return true;
}

bool
date_parse_imap_day(struct str s, int64_t *ret_days)
{
	struct str rest = s, day, month;
	struct date_day d;

	if (!str_split_char(&rest, '-', &day) ||
	    !str_split_char(&rest, '-', &month) || rest.len != 4 ||
	    day.len == 0 || day.len > 2 || !make_day(day, month, rest, &d))
		return false;
	*ret_days = date_to_days(d);
	return true;
}

/* --- RFC 5322, leniently ---------------------------------------------------------- */

struct zone_name {
	struct str name;
	int minutes;
};

static const struct zone_name zones[] = {
	{ STR_INIT("GMT"), 0 }, { STR_INIT("UT"), 0 }, { STR_INIT("UTC"), 0 },
	{ STR_INIT("Z"), 0 }, { STR_INIT("EST"), -300 },
	{ STR_INIT("EDT"), -240 }, { STR_INIT("CST"), -360 },
	{ STR_INIT("CDT"), -300 }, { STR_INIT("MST"), -420 },
	{ STR_INIT("MDT"), -360 }, { STR_INIT("PST"), -480 },
	{ STR_INIT("PDT"), -420 },
};

/* The next word; blanks, commas and comments are passed over. */
static bool
next_word(struct str *rest, struct str *ret_word)
{
	size_t i = 0, start;
	int depth = 0;

	for (; i < rest->len; i++) {
		char c = rest->p[i];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !ascii_is_space(c) && c != ',')
			break;
	}
	for (start = i; i < rest->len; i++) {
		char c = rest->p[i];

		if (ascii_is_space(c) || c == ',' || c == '(')
			break;
	}
	*ret_word = str_slice(*rest, start, i - start);
	*rest = str_tail(*rest, i);
	return ret_word->len > 0;
}

/* Two and three digits: RFC 5322 4.3. */
static bool
parse_year(struct str s, int *ret_year)
{
	if (s.len < 2 || s.len > 4 || !parse_digits(s, ret_year))
		return false;
	if (s.len == 2)
		*ret_year += *ret_year < 50 ? 2000 : 1900;
	else if (s.len == 3)
		*ret_year += 1900;
	return true;
}

static int
zone_of(struct str s)
{
	size_t i;
	int minutes;

	if (parse_zone(s, &minutes))
		return minutes;
	for (i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		if (str_equals_nocase(s, zones[i].name))
			return zones[i].minutes;
	}
	return 0;
}

bool
date_parse_rfc5322(struct str s, int64_t *ret_s, int *ret_zone_min)
{
	struct str word, rest = s;
	struct date_day d;
	int64_t clock_s = 0;
	int zone = 0;

	if (!next_word(&rest, &word))
		return false;
	if (!ascii_is_digit(word.p[0]) && !next_word(&rest, &word))
		return false;
	if (!parse_digits(word, &d.day) || !next_word(&rest, &word) ||
	    (d.month = date_month(str_slice(word, 0, 3))) == 0 ||
	    !next_word(&rest, &word) || !parse_year(word, &d.year) ||
	    !date_is_valid(d))
		return false;
	if (next_word(&rest, &word) && !parse_clock(word, false, &clock_s))
		return false;
	if (next_word(&rest, &word))
		zone = zone_of(word);
	*ret_s = date_to_days(d) * 86400 + clock_s - zone * 60;
	*ret_zone_min = zone;
	return true;
}
