/* SORT (RFC 5256 3, RFC 5957): the criteria, and the order they make. */
#ifndef M3_IMAP_SORT_H
#define M3_IMAP_SORT_H

#include "imap/args.h"

enum sort_field {
	SORT_ARRIVAL,
	SORT_CC,
	SORT_DATE,
	SORT_DISPLAYFROM,
	SORT_DISPLAYTO,
	SORT_FROM,
	SORT_SIZE,
	SORT_SUBJECT,
	SORT_TO,
};

struct sort_criterion {
	enum sort_field field;
	bool is_reverse;
};

enum { SORT_CRITERIA_MAX = 32 };

struct sort_program {
	struct sort_criterion v[SORT_CRITERIA_MAX];
	size_t n;
	bool needs_envelope;
};

/* NULL, or what is wrong. */
const char *sort_parse(const struct arg *list, struct sort_program *ret);

/* Texts are folded already (text/charset.h, casemap), "" for none. */
struct sort_key {
	uint32_t number;   /* the sequence number: breaks ties */
	int64_t arrival;
	int64_t date;
	uint64_t size;
	struct str subject;
	struct str from, to, cc;
	struct str display_from, display_to;
};

void sort_keys(
    const struct sort_program *p, struct sort_key *v, size_t n);

#endif
