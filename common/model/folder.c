/* Keywords of a folder; see folder.h. */
#include "model/folder.h"

#include "base/limits.h"

#include "base/str.h"

#include "base/banned.h"

bool
folder_name_fits(struct str name)
{
	struct str rest = name, level;
	size_t depth = 0;

	if (name.len == 0 || name.len > LIMIT_FOLDER_NAME ||
	    name.p[name.len - 1] == '/')
		return false;
	while (str_split_char(&rest, '/', &level)) {
		if (level.len == 0 || ++depth > LIMIT_FOLDER_DEPTH)
			return false;
	}
	return true;
}

size_t
folder_keyword(const struct folder *f, struct str keyword)
{
	size_t i;

	for (i = 0; i < f->n_keywords; i++) {
		if (str_equals_nocase(f->keywords[i], keyword))
			break;
	}
	return i;
}

bool
folder_keywords_are_full(const struct folder *f)
{
	return f->n_keywords >= LIMIT_KEYWORDS &&
	    folder_keyword(f, STR("")) == f->n_keywords;
}

uint64_t
folder_keyword_bits(const struct folder *f, const struct str *keywords,
    size_t n, bool *ret_all)
{
	uint64_t bits = 0;
	size_t i, k;

	*ret_all = true;
	for (i = 0; i < n; i++) {
		k = folder_keyword(f, keywords[i]);
		if (k < f->n_keywords)
			bits |= UINT64_C(1) << (FLAG_FIRST_KEYWORD + k);
		else
			*ret_all = false;
	}
	return bits;
}

static int64_t
entry_clamp(int64_t s)
{
	const int64_t end = (INT64_C(1) << 39) - 1;

	return s > end ? end : s < -end ? -end : s;
}

/* gcc has no cast to the type of a bit-field. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
void
entry_set_times(struct entry *e, int64_t date_s, int64_t saved_s)
{
	e->date_s = entry_clamp(date_s);
	e->saved_s = entry_clamp(saved_s);
}
#pragma GCC diagnostic pop
