/* What SEARCH compares with; see texts.h. */
#include "mime/texts.h"

#include "mime/decode.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "mime/params.h"
#include "text/charset.h"

#include "base/banned.h"

struct str
text_fold_field(struct arena *a, struct str field)
{
	return casemap(a, encoded_words_decode(a, header_unfold(a, field)));
}

bool
text_is_searched(const struct facts_part *p)
{
	if (p->is_multipart || p->is_message ||
	    decode_kind_of(p->encoding) == DECODE_UNKNOWN)
		return false;
	return str_equals_nocase(p->type, STR("text")) ||
	    str_equals_nocase(p->type, STR("message"));
}

struct str
text_fold_body(struct arena *a, const struct facts_part *p, struct str plain)
{
	struct buf text = BUF_INIT;
	struct str folded;

	charset_to_utf8(
	    &text, params_find(p->params, STR("charset")), plain);
	folded = casemap(a, buf_str(&text));
	buf_done(&text);
	return folded;
}
