/*
 * Paths (RFC 5321 4.1.2, 4.1.3, RFC 6531 3.3); see path.h.
 *
 *	Path           = "<" [ A-d-l ":" ] Mailbox ">"
 *	Mailbox        = Local-part "@" ( Domain / address-literal )
 *	Local-part     = Dot-string / Quoted-string
 *	                 ; and dots in any place of a Dot-string
 *	Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
 */
#include "smtp/path.h"

#include <arpa/inet.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "text/utf8.h"
#include "base/banned.h"

/* RFC 5322 atext, and every octet of a UTF-8 character. */
static bool
is_atext(char c)
{
	return ascii_is_alnum(c) || ascii_is_8bit(c) ||
	    (ascii_is_graph(c) && str_has_char(STR("!#$%&'*+-/=?^_`{|}~"), c));
}

static bool
is_dot_string(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		bool is_inner_dot = s.p[i] == '.' && i && i + 1 < s.len &&
		    s.p[i - 1] != '.';

		if (!is_atext(s.p[i]) && !is_inner_dot)
			return false;
	}
	return s.len > 0;
}

/*
 * Dots in any place: addresses of telephone operators and of some others have
 * two of them, or one at an end. Most systems take those and send them on as
 * they came, so that they get answers.
 */
static bool
path_is_loose(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!is_atext(s.p[i]) && s.p[i] != '.')
			return false;
	}
	return s.len > 0;
}

/* One label of a domain: letters, digits, inner hyphens, UTF-8. */
static bool
is_label(struct str s)
{
	size_t i;

	if (s.len == 0 || s.len > 63 || s.p[0] == '-' || s.p[s.len - 1] == '-')
		return false;
	for (i = 0; i < s.len; i++) {
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' &&
		    s.p[i] != '_' && !ascii_is_8bit(s.p[i]))
			return false;
	}
	return true;
}

static bool
is_domain(struct str s)
{
	struct str rest = s.len ? s : STR_NONE;
	struct str label;

	while (str_split_char(&rest, '.', &label)) {
		if (!is_label(label))
			return false;
	}
	return s.len > 0;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", with the brackets. */
static bool
is_address_literal(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	struct str inner;
	int family = AF_INET;

	if (s.len < 3 || s.p[0] != '[' || s.p[s.len - 1] != ']')
		return false;
	inner = str_slice(s, 1, s.len - 2);
	if (str_starts_with_nocase(inner, STR("IPv6:"))) {
		inner = str_tail(inner, 5);
		family = AF_INET6;
	}
	if (!inner.len || inner.len >= sizeof(text) ||
	    str_has_char(inner, '\0'))
		return false;
	memcpy(text, inner.p, inner.len);
	text[inner.len] = '\0';
	return inet_pton(family, text, address) == 1;
}

bool
path_is_host(struct str s)
{
	return s.len <= LIMIT_SMTP_DOMAIN &&
	    (is_domain(s) || is_address_literal(s));
}

/*
 * The quoted string at the start of s, unquoted into the arena; octets that
 * it takes with its quotes, or 0.
 */
static size_t
parse_quoted(struct arena *a, struct str s, struct str *ret_local)
{
	char *out = arena_alloc(a, s.len);
	size_t n = 0;
	size_t i;

	for (i = 1; i < s.len && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\' && ++i == s.len)
			return 0;
		if (ascii_is_cntl(s.p[i]))
			return 0;
		out[n++] = s.p[i];
	}
	if (i >= s.len)
		return 0;
	*ret_local = str_make(out, n);
	return i + 1;
}

static size_t
parse_local(struct arena *a, struct str s, struct address *addr)
{
	size_t n;

	addr->is_quoted = s.len && s.p[0] == '"';
	if (addr->is_quoted)
		return parse_quoted(a, s, &addr->local);
	for (n = 0; n < s.len && (is_atext(s.p[n]) || s.p[n] == '.'); n++)
		;
	addr->local = arena_dup_str(a, str_slice(s, 0, n));
	return n;
}

enum path_result
path_parse_bare(struct arena *a, struct str s, struct address *ret_address)
{
	struct address addr = { STR_INIT(""), STR_INIT(""), false };
	size_t n = parse_local(a, s, &addr);

	if (!n || addr.local.len == 0 || (n < s.len && s.p[n] != '@'))
		return PATH_SYNTAX;
	if (n < s.len)
		addr.domain = arena_dup_str(a, str_tail(s, n + 1));
	else if (!str_equals_nocase(addr.local, STR("postmaster")))
		return PATH_SYNTAX;
	if (s.len + 2 > LIMIT_SMTP_PATH)
		return PATH_LENGTH;
	if (n < s.len && !path_is_host(addr.domain))
		return PATH_SYNTAX;
	if (!utf8_is_valid(addr.local) || !utf8_is_valid(addr.domain))
		return PATH_UTF8;
	*ret_address = addr;
	return PATH_OK;
}

/* Offset of the '>' that ends the path at the start of s, or s.len. */
static size_t
find_end(struct str s)
{
	bool is_quoted = false;
	size_t i;

	for (i = 1; i < s.len; i++) {
		if (is_quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			is_quoted = !is_quoted;
		else if (s.p[i] == '>' && !is_quoted)
			return i;
	}
	return s.len;
}

/* "@a,@b:" (RFC 5321 4.1.2 A-d-l, to be ignored); false when it is bad. */
static bool
drop_route(struct str *inner)
{
	struct str route, host;
	size_t colon = str_find_char(*inner, ':');

	if (!inner->len || inner->p[0] != '@')
		return true;
	if (colon == inner->len)
		return false;
	route = str_slice(*inner, 0, colon);
	while (str_split_char(&route, ',', &host)) {
		if (!host.len || host.p[0] != '@' ||
		    !is_domain(str_tail(host, 1)))
			return false;
	}
	*inner = str_tail(*inner, colon + 1);
	return inner->len > 0;
}

enum path_result
path_parse(struct arena *a, struct str s, struct address *ret_address,
    size_t *ret_used, bool *ret_is_8bit)
{
	struct address addr = { STR_INIT(""), STR_INIT(""), false };
	enum path_result result = PATH_OK;
	struct str inner;
	size_t end;

	if (!s.len || s.p[0] != '<')
		return PATH_SYNTAX;
	end = find_end(s);
	if (end == s.len)
		return PATH_SYNTAX;
	if (end + 1 > LIMIT_SMTP_PATH)
		return PATH_LENGTH;
	inner = str_slice(s, 1, end - 1);
	if (!drop_route(&inner))
		return PATH_SYNTAX;
	if (inner.len)
		result = path_parse_bare(a, inner, &addr);
	if (result != PATH_OK)
		return result;
	*ret_address = addr;
	*ret_used = end + 1;
	*ret_is_8bit = !str_is_ascii(addr.local) || !str_is_ascii(addr.domain);
	return PATH_OK;
}

void
path_print(const struct address *addr, struct buf *out)
{
	size_t i;

	if (addr->is_quoted ? is_dot_string(addr->local)
			    : path_is_loose(addr->local)) {
		buf_add_str(out, addr->local);
	} else if (addr->local.len) {
		buf_add_char(out, '"');
		for (i = 0; i < addr->local.len; i++) {
			if (addr->local.p[i] == '"' ||
			    addr->local.p[i] == '\\')
				buf_add_char(out, '\\');
			buf_add_char(out, addr->local.p[i]);
		}
		buf_add_char(out, '"');
	}
	if (addr->domain.len) {
		buf_add_char(out, '@');
		buf_add_str(out, addr->domain);
	}
}
