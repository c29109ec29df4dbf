/*
 * Dates of mail: RFC 5322 3.3 and IMAP's date-time (RFC 3501 9). Seconds
 * are since 1970-01-01 UTC; the zone is minutes east of it.
 */
#ifndef M3_TEXT_DATE_H
#define M3_TEXT_DATE_H

#include <stdint.h>

#include "base/buf.h"

/* A day of the proleptic Gregorian calendar. */
struct date_day {
	int year;
	int month; /* 1 to 12 */
	int day;   /* 1 to 31 */
};

/* Days since 1970-01-01, and back. */
int64_t date_to_days(struct date_day d);
struct date_day date_from_days(int64_t days);
/* The date exists and its year has four digits. */
bool date_is_valid(struct date_day d);
/* 1 to 12 for "Jan" in any case, 0: none. */
int date_month(struct str name);

/* "Tue, 24 Nov 2026 08:45:14 +0000" */
void date_print_rfc5322(struct buf *out, int64_t s, int zone_min);
/* "24-Nov-2026 08:45:14 +0000", the day with a blank below 10. */
void date_print_imap(struct buf *out, int64_t s, int zone_min);
/* Exactly that form; false: it is not, or no such time. */
bool date_parse_imap(struct str s, int64_t *ret_s, int *ret_zone_min);
/* "1-Feb-1994" or "01-Feb-1994" (RFC 3501 date-text), as days. */
bool date_parse_imap_day(struct str s, int64_t *ret_days);
/*
 * RFC 5322 with the obsolete forms: day name, comments, two-digit years and
 * zone names are accepted.
 */
bool date_parse_rfc5322(struct str s, int64_t *ret_s, int *ret_zone_min);

#endif
