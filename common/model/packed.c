/* Facts with an index; see packed.h. */
#include "model/packed.h"

#include <assert.h>

#include "base/banned.h"

enum { WITH_GRAMS = 2, HEAD = 3 };

void
packed_begin(struct buf *out, struct str grams)
{
	assert(grams.len <= UINT16_MAX);
	buf_add_char(out, WITH_GRAMS);
	buf_add_char(out, (char)(grams.len & 0xff));
	buf_add_char(out, (char)(grams.len >> 8));
	buf_add_str(out, grams);
}

void
packed_split(struct str packed, struct str *ret_facts, struct str *ret_grams)
{
	size_t n;

	*ret_facts = packed;
	*ret_grams = STR_NONE;
	if (packed.len == 0 || packed.p[0] != WITH_GRAMS)
		return;
	*ret_facts = STR("");
	if (packed.len < HEAD)
		return;
	n = (unsigned char)packed.p[1] |
	    (size_t)(unsigned char)packed.p[2] << 8;
	if (n > packed.len - HEAD)
		return;
	*ret_grams = str_slice(packed, HEAD, n);
	*ret_facts = str_tail(packed, HEAD + n);
}
