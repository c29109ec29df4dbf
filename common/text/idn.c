/*
 * U-labels to A-labels; see idn.h. Non-transitional: "ß" and "ς" are letters
 * of their own, as IDNA2008 and all browsers have it.
 */
#include "text/idn.h"

#include <unicode/uidna.h>

#include "base/limits.h"
#include "text/utf8.h"

#include "base/banned.h"

enum {
	FLAGS = UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
	    UIDNA_NONTRANSITIONAL_TO_ASCII,
	/* "a--b" is in use, and is nobody's A-label. */
	TOLERATED = UIDNA_ERROR_HYPHEN_3_4,
	OCTETS_MAX = 1024, /* of a name in UTF-8 */
};

static bool
idn_convert(struct arena *a, UIDNA *idna, struct str name,
    struct str *ret_name)
{
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UErrorCode status = U_ZERO_ERROR;
	char text[OCTETS_MAX];
	int32_t n = uidna_nameToASCII_UTF8(idna, name.p, (int32_t)name.len,
	    text, (int32_t)sizeof(text), &info, &status);

	if (U_FAILURE(status) || n <= 0 || n > LIMIT_SMTP_DOMAIN ||
	    (info.errors & ~(uint32_t)TOLERATED) != 0)
		return false;
	*ret_name = arena_dup_lower(a, str_make(text, (size_t)n));
	return true;
}

bool
idn_to_ascii(struct arena *a, struct str name, struct str *ret_name)
{
	UErrorCode status = U_ZERO_ERROR;
	UIDNA *idna;
	bool ok;

	if (str_is_ascii(name)) {
		*ret_name = arena_dup_lower(a, name);
		return true;
	}
	if (name.len > OCTETS_MAX || !utf8_is_valid(name))
		return false;
	idna = uidna_openUTS46(FLAGS, &status);
	if (U_FAILURE(status))
		return false;
	ok = idn_convert(a, idna, name, ret_name);
	uidna_close(idna);
	return ok;
}
