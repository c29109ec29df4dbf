/* What a FETCH asks for (RFC 3501 6.4.5, RFC 7162 3.1, RFC 8474, 8514). */
#ifndef M3_IMAP_FETCH_ATT_H
#define M3_IMAP_FETCH_ATT_H

#include "imap/args.h"

enum fetch_item {
	FETCH_FLAGS         = 1 << 0,
	FETCH_UID           = 1 << 1,
	FETCH_INTERNALDATE  = 1 << 2,
	FETCH_SIZE          = 1 << 3,
	FETCH_ENVELOPE      = 1 << 4,
	FETCH_BODY          = 1 << 5,
	FETCH_BODYSTRUCTURE = 1 << 6,
	FETCH_MODSEQ        = 1 << 7,
	FETCH_EMAILID       = 1 << 8,
	FETCH_SAVEDATE      = 1 << 9,
	FETCH_PREVIEW       = 1 << 10,
	FETCH_THREADID      = 1 << 11,
};

enum section_text {
	SECTION_ALL,            /* BODY[], BODY[1] */
	SECTION_HEADER,
	SECTION_HEADER_FIELDS,
	SECTION_HEADER_NOT,
	SECTION_TEXT,
	SECTION_MIME,
};

enum { SECTION_DEPTH = 64 };

enum section_coding {
	CODING_RAW,             /* BODY */
	CODING_BINARY,          /* BINARY (RFC 3516): decoded */
	CODING_BINARY_SIZE,
};

struct section {
	enum section_coding coding;
	enum section_text text;
	uint32_t part[SECTION_DEPTH];
	size_t n_part;
	const struct str *fields;
	size_t n_fields;
	bool is_partial;
	uint64_t offset;
	uint64_t length;
	bool is_peek;
	struct str label;       /* as it stands in the answer: BODY[...]<0> */
};

struct fetch_atts {
	unsigned items;
	const struct section *sections;
	size_t n_sections;
};

/* "", "1.2.MIME", "HEADER.FIELDS (To)": what stands in BODY[...]. */
bool fetch_section_parse(
    struct arena *a, struct str spec, struct section *ret);

/* "(LAZY)", which may stand behind PREVIEW (RFC 8970). */
bool fetch_is_lazy(const struct arg *arg);

/* An atom or a list of them. NULL, or what is wrong. */
const char *fetch_atts_parse(
    struct arena *a, const struct arg *arg, struct fetch_atts *ret);

#endif
