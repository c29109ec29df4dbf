/* IMAP URLs; see url.h. */
#include "imap/url.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/num.h"
#include "text/utf8.h"

#include "base/banned.h"

/* bchar without pct-encoded (RFC 5092 11). */
static bool
is_bchar(char c)
{
	return ascii_is_alnum(c) || str_has_char(STR("-._~!$'()*+,&=:@/"), c);
}

/* %41 is 'A'. False: a character that must be encoded, a bad %xx, NUL. */
static bool
decode(struct arena *a, struct str text, struct str *ret)
{
	char *out = arena_alloc(a, text.len + 1);
	size_t i, n = 0;

	for (i = 0; i < text.len; i++) {
		int hi, lo;

		if (text.p[i] != '%') {
			if (!is_bchar(text.p[i]))
				return false;
			out[n++] = text.p[i];
			continue;
		}
		if (text.len - i < 3)
			return false;
		hi = ascii_hex_value(text.p[i + 1]);
		lo = ascii_hex_value(text.p[i + 2]);
		if (hi < 0 || lo < 0 || hi + lo == 0)
			return false;
		out[n++] = (char)(hi * 16 + lo);
		i += 2;
	}
	*ret = str_make(out, n);
	return true;
}

static bool
parse_nz(struct str text, uint32_t *ret)
{
	return num_parse_u32(text, ret) && *ret > 0;
}

typedef bool key_fn(struct arena *a, struct str value, struct imap_url *url);

static bool
take_uidvalidity(struct arena *a, struct str value, struct imap_url *url)
{
	(void)a;
	return parse_nz(value, &url->uidvalidity);
}

static bool
take_uid(struct arena *a, struct str value, struct imap_url *url)
{
	(void)a;
	return parse_nz(value, &url->uid);
}

static bool
take_section(struct arena *a, struct str value, struct imap_url *url)
{
	struct str spec;

	return decode(a, value, &spec) && spec.len > 0 &&
	    fetch_section_parse(a, spec, &url->section);
}

/* "0.1024", or "512": from there to the end. */
static bool
take_partial(struct arena *a, struct str value, struct imap_url *url)
{
	struct section *s = &url->section;
	struct str rest = value, first;

	(void)a;
	s->is_partial = true;
	s->length = UINT64_MAX;
	if (!str_has_char(value, '.'))
		return num_parse_u64(value, UINT32_MAX, &s->offset);
	return str_split_char(&rest, '.', &first) &&
	    num_parse_u64(first, UINT32_MAX, &s->offset) &&
	    num_parse_u64(rest, UINT32_MAX, &s->length) && s->length > 0;
}

/* In the order in which they stand. */
static const struct {
	struct str name;
	key_fn *take;
} keys[] = {
	{ STR_INIT(";UIDVALIDITY="), take_uidvalidity },
	{ STR_INIT(";UID="), take_uid },
	{ STR_INIT(";SECTION="), take_section },
	{ STR_INIT(";PARTIAL="), take_partial },
};

enum { KEY_UIDVALIDITY, KEY_UID, N_KEYS = sizeof(keys) / sizeof(*keys) };

/*
 * ";KEY=value/;KEY=value": the '/' between them, which old clients leave out,
 * was part of the name before the first.
 */
static bool
take_keys(struct arena *a, struct str rest, struct imap_url *url)
{
	size_t i = 0, end;
	struct str value;

	while (rest.len) {
		while (i < N_KEYS &&
		    !str_starts_with_nocase(rest, keys[i].name))
			i++;
		if (i == N_KEYS)
			return false;
		rest = str_tail(rest, keys[i].name.len);
		end = str_find_char(rest, ';');
		value = str_slice(rest, 0, end);
		if (end < rest.len && str_ends_with(value, STR("/")))
			value.len--;
		if (!keys[i++].take(a, value, url))
			return false;
		rest = str_tail(rest, end);
	}
	return url->uid > 0;
}

bool
imap_url_parse(struct arena *a, struct str text, struct imap_url *ret)
{
	struct imap_url url = { .is_relative = true };
	size_t end = str_find_char(text, ';');
	struct str path = str_slice(text, 0, end);

	if (str_starts_with(path, STR("//")))
		return false;
	if (str_starts_with(path, STR("/"))) {
		url.is_relative = false;
		path = str_tail(path, 1);
	}
	/* A scheme is no name: "imap://host/...". */
	if (str_find(path, STR("://")) < path.len)
		return false;
	if (str_ends_with(path, STR("/")) &&
	    str_starts_with_nocase(str_tail(text, end), keys[KEY_UID].name))
		path.len--;
	if (!decode(a, path, &url.mailbox) || !utf8_is_valid(url.mailbox) ||
	    !take_keys(a, str_tail(text, end), &url))
		return false;
	*ret = url;
	return true;
}
