/* The base subject; see subject.h. The numbers are the steps of the RFC. */
#include "imap/subject.h"

#include "base/banned.h"

/* 1: blanks become one blank. */
static struct str
fold_blanks(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);
	size_t i, n = 0;

	for (i = 0; i < s.len; i++) {
		bool is_blank = s.p[i] == ' ' || s.p[i] == '\t';

		if (is_blank && n && p[n - 1] == ' ')
			continue;
		p[n++] = is_blank ? ' ' : s.p[i];
	}
	return str_make(p, n);
}

/* 2: "(fwd)" and blanks at the end. */
static bool
strip_trailer(struct str *s, bool *is_reply)
{
	size_t before = s->len;

	while (s->len && s->p[s->len - 1] == ' ')
		s->len--;
	if (str_ends_with_nocase(*s, STR("(fwd)"))) {
		s->len -= 5;
		*is_reply = true;
	}
	return s->len != before;
}

/* "[...]" and the blanks behind it; 0: there is none. */
static size_t
blob_length(struct str s)
{
	size_t i;

	if (s.len == 0 || s.p[0] != '[')
		return 0;
	for (i = 1; i < s.len && s.p[i] != ']' && s.p[i] != '['; i++)
		;
	if (i == s.len || s.p[i] != ']')
		return 0;
	for (i++; i < s.len && s.p[i] == ' '; i++)
		;
	return i;
}

/* "re:", "fw:", "fwd:", with blanks and a blob before the colon. */
static size_t
refwd_length(struct str s)
{
	static const struct str words[] = { STR_INIT("re"), STR_INIT("fwd"),
		STR_INIT("fw") };
	size_t i, at;

	for (i = 0; i < 3; i++) {
		if (!str_starts_with_nocase(s, words[i]))
			continue;
		at = words[i].len;
		while (at < s.len && s.p[at] == ' ')
			at++;
		at += blob_length(str_tail(s, at));
		if (at < s.len && s.p[at] == ':')
			return at + 1;
	}
	return 0;
}

/* 3: blanks, or any blobs and then a reply's mark. */
static bool
strip_leader(struct str *s, bool *is_reply)
{
	size_t at = 0, n;

	if (s->len && s->p[0] == ' ') {
		*s = str_tail(*s, 1);
		return true;
	}
	while ((n = blob_length(str_tail(*s, at))) > 0)
		at += n;
	n = refwd_length(str_tail(*s, at));
	if (n == 0)
		return false;
	*is_reply = true;
	*s = str_tail(*s, at + n);
	return true;
}

/*
 * 4: blobs, unless nothing would be left. All of them at once: no reply's mark
 * stood behind the first of them, so none stands behind the others.
 */
static bool
strip_blobs(struct str *s)
{
	size_t before = s->len, n;

	while ((n = blob_length(*s)) > 0 && n != s->len)
		*s = str_tail(*s, n);
	return s->len != before;
}

struct str
base_subject(struct arena *a, struct str subject, bool *ret_is_reply)
{
	struct str s = fold_blanks(a, subject);
	bool is_reply = false;

	for (;;) {
		while (strip_trailer(&s, &is_reply))
			;
		while (strip_leader(&s, &is_reply) || strip_blobs(&s))
			;
		/* 6: "[fwd: ...]" around all of it. */
		if (!str_starts_with_nocase(s, STR("[fwd:")) ||
		    !str_ends_with(s, STR("]")))
			break;
		s = str_slice(s, 5, s.len - 6);
		is_reply = true;
	}
	*ret_is_reply = is_reply;
	return s;
}
