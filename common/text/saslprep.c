/* SASLprep; see saslprep.h. */
#include "text/saslprep.h"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "base/ascii.h"

#include "base/banned.h"

enum { MAX_OCTETS = 1024 };

static bool
is_plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (ascii_is_8bit(s.p[i]) || ascii_is_cntl(s.p[i]))
			return false;
	}
	return true;
}

static bool
prepare(UStringPrepProfile *profile, struct arena *a, struct str s,
    struct str *ret_prepared)
{
	UChar in[MAX_OCTETS], out[MAX_OCTETS * 2];
	char text[MAX_OCTETS * 6];
	UErrorCode status = U_ZERO_ERROR;
	int32_t n, len = 0;

	u_strFromUTF8(in, MAX_OCTETS, &n, s.p, (int32_t)s.len, &status);
	n = usprep_prepare(profile, in, n, out, MAX_OCTETS * 2,
	    USPREP_ALLOW_UNASSIGNED, NULL, &status);
	u_strToUTF8(text, sizeof(text), &len, out, n, &status);
	if (U_FAILURE(status))
		return false;
	*ret_prepared = arena_dup_str(a, str_make(text, (size_t)len));
	explicit_bzero(in, sizeof(in));
	explicit_bzero(out, sizeof(out));
	explicit_bzero(text, sizeof(text));
	return true;
}

bool
saslprep(struct arena *a, struct str s, struct str *ret_prepared)
{
	UErrorCode status = U_ZERO_ERROR;
	UStringPrepProfile *profile;
	bool ok;

	if (is_plain(s)) {
		*ret_prepared = s;
		return true;
	}
	if (s.len > MAX_OCTETS)
		return false;
	profile = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
	if (U_FAILURE(status))
		return false;
	ok = prepare(profile, a, s, ret_prepared);
	usprep_close(profile);
	return ok;
}
