/* Numbers to text and back, without locale, sign surprises or wrap. */
#ifndef M3_BASE_NUM_H
#define M3_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { NUM_U64_DIGITS = 20 };

/* Decimal digits only, the whole slice, no sign. False: not that, or > max. */
bool num_parse_u64(struct str s, uint64_t max, uint64_t *ret_n);
bool num_parse_u32(struct str s, uint32_t *ret_n);
/* As num_parse_u64, with an optional '-'. */
bool num_parse_i64(struct str s, int64_t *ret_n);
/* "10M", "512k", "1G" (powers of 1024), or plain octets. */
bool num_parse_size(struct str s, uint64_t *ret_n);
/* "90s", "15m", "2h", "3d", "1w", or plain seconds; result in seconds. */
bool num_parse_duration(struct str s, uint64_t *ret_seconds);
/* "5", "15.3", "-2.05", further digits are cut: in hundredths. */
bool num_parse_hundredths(struct str s, int64_t *ret_n);
/* The digits lie in text, which is the caller's. */
struct str num_format_u64(uint64_t n, char text[NUM_U64_DIGITS]);

#endif
