/*
 * The one-pass push parser: octets in blocks of any size, out comes struct
 * facts (RFC 2045, 2046, 5322). Never fails: broken input gives the best
 * structure and is_cut when a limit was reached. Memory is bounded by
 * LIMIT_MIME_FACTS and LIMIT_MIME_FIELD, time is linear.
 */
#ifndef M3_MIME_PARSE_H
#define M3_MIME_PARSE_H

#include "base/mem.h"
#include "model/facts.h"

struct mime_parser;

struct mime_parser *mime_parser_new(struct arena *a);
void mime_parser_push(struct mime_parser *p, struct str bytes);
/* The result lives in the arena. */
const struct facts *mime_parser_finish(struct mime_parser *p);

#endif
