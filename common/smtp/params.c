/* Parameters of MAIL and RCPT; see params.h. One table row a keyword. */
#include "smtp/params.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "base/num.h"

#include "base/banned.h"

static bool
refuse(struct smtp_refusal *r, int code, const char *status, const char *text)
{
	*r = (struct smtp_refusal){ code, status, text };
	return false;
}

bool
xtext_is_valid(struct str s)
{
	size_t i;
	int hi, lo;

	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!ascii_is_graph(c) || c == '=')
			return false;
		if (c != '+')
			continue;
		if (s.len - i < 3 || (hi = ascii_hex_value(s.p[i + 1])) < 0 ||
		    (lo = ascii_hex_value(s.p[i + 2])) < 0 ||
		    ascii_is_lower(s.p[i + 1]) || ascii_is_lower(s.p[i + 2]) ||
		    ascii_is_cntl((char)(hi * 16 + lo)))
			return false;
		i += 2;
	}
	return true;
}

struct str
xtext_decode(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.len + 1);
	size_t i, n = 0;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '+' && s.len - i >= 3) {
			out[n++] = (char)(ascii_hex_value(s.p[i + 1]) * 16 +
			    ascii_hex_value(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return str_make(out, n);
}

/* --- one handler a keyword ------------------------------------------------------ */

/* value: STR_NONE (p == NULL) when there is no "=". */
typedef bool param_fn(void *params, struct str value, struct smtp_refusal *r);

struct param_row {
	struct str name;
	param_fn *set;
};

#define SIZE_MOST (UINT64_MAX / 2)

/* 1*20DIGIT (RFC 1870 3): more than 64 bits hold. */
static bool
params_is_number(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
	}
	return s.len > 0 && s.len <= 20;
}

static bool
set_size(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_mail_params *p = params;

	if (!params_is_number(value))
		return refuse(r, 501, "5.5.4", "SIZE takes a number of octets");
	if (!num_parse_u64(value, SIZE_MOST, &p->size))
		p->size = SIZE_MOST; /* legal, and too big for everybody */
	p->has_size = true;
	return true;
}

static bool
set_body(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_mail_params *p = params;

	p->is_8bit = str_equals_nocase(value, STR("8BITMIME"));
	if (!p->is_8bit && !str_equals_nocase(value, STR("7BIT")))
		return refuse(
		    r, 501, "5.5.4", "BODY takes 7BIT or 8BITMIME");
	return true;
}

static bool
set_smtputf8(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_mail_params *p = params;

	if (value.p)
		return refuse(r, 501, "5.5.4", "SMTPUTF8 takes no value");
	p->smtputf8 = true;
	return true;
}

static bool
set_ret(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_mail_params *p = params;

	if (str_equals_nocase(value, STR("FULL")))
		p->ret = RET_FULL;
	else if (str_equals_nocase(value, STR("HDRS")))
		p->ret = RET_HDRS;
	else
		return refuse(r, 501, "5.5.4", "RET takes FULL or HDRS");
	return true;
}

static bool
set_envid(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_mail_params *p = params;

	if (!value.p || value.len > LIMIT_SMTP_ENVID ||
	    !xtext_is_valid(value))
		return refuse(r, 501, "5.5.4",
		    "ENVID takes xtext of at most 100 octets");
	p->envid = value;
	return true;
}

static bool
set_auth(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_mail_params *p = params;

	if (!str_equals(value, STR("<>")) &&
	    (value.len == 0 || !xtext_is_valid(value)))
		return refuse(r, 501, "5.5.4", "AUTH takes <> or xtext");
	p->auth = value;
	return true;
}

static bool
notify_word(struct str word, uint32_t *notify)
{
	static const struct {
		struct str name;
		uint32_t bit;
	} words[] = {
		{ STR_INIT("NEVER"), NOTIFY_NEVER },
		{ STR_INIT("SUCCESS"), NOTIFY_SUCCESS },
		{ STR_INIT("FAILURE"), NOTIFY_FAILURE },
		{ STR_INIT("DELAY"), NOTIFY_DELAY },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (str_equals_nocase(word, words[i].name)) {
			*notify |= words[i].bit;
			return true;
		}
	}
	return false;
}

static bool
set_notify(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_rcpt_params *p = params;
	struct str rest = value, word;
	bool ok = value.len > 0;

	while (ok && str_split_char(&rest, ',', &word))
		ok = notify_word(word, &p->notify);
	if (!ok || (p->notify & NOTIFY_NEVER && p->notify != NOTIFY_NEVER))
		return refuse(r, 501, "5.5.4",
		    "NOTIFY takes NEVER, or of SUCCESS,FAILURE,DELAY");
	return true;
}

static bool
set_orcpt(void *params, struct str value, struct smtp_refusal *r)
{
	struct smtp_rcpt_params *p = params;
	size_t at = str_find_char(value, ';');

	if (value.len > LIMIT_SMTP_ORCPT || at == 0 || at == value.len ||
	    !xtext_is_valid(str_slice(value, 0, at)) ||
	    !xtext_is_valid(str_tail(value, at + 1)))
		return refuse(r, 501, "5.5.4",
		    "ORCPT takes type;xtext of at most 500 octets");
	/* An address of no octets, which is legal, tells nothing. */
	p->orcpt = at + 1 < value.len ? value : STR("");
	return true;
}

static const struct param_row mail_rows[] = {
	{ STR_INIT("SIZE"), set_size },
	{ STR_INIT("BODY"), set_body },
	{ STR_INIT("SMTPUTF8"), set_smtputf8 },
	{ STR_INIT("RET"), set_ret },
	{ STR_INIT("ENVID"), set_envid },
	{ STR_INIT("AUTH"), set_auth },
	{ STR_NONE, NULL },
};

static const struct param_row rcpt_rows[] = {
	{ STR_INIT("NOTIFY"), set_notify },
	{ STR_INIT("ORCPT"), set_orcpt },
	{ STR_NONE, NULL },
};

/* *seen: one bit a row, so that nothing is given twice. */
static bool
parse_one(const struct param_row *rows, struct str word, void *params,
    uint32_t *seen, struct smtp_refusal *r)
{
	size_t eq = str_find_char(word, '=');
	struct str name = str_slice(word, 0, eq);
	struct str value =
	    eq < word.len ? str_make(word.p + eq + 1, word.len - eq - 1)
			  : STR_NONE;
	unsigned i;

	for (i = 0; rows[i].set; i++) {
		if (!str_equals_nocase(name, rows[i].name))
			continue;
		if (*seen & 1u << i)
			return refuse(
			    r, 501, "5.5.4", "a parameter is given twice");
		*seen |= 1u << i;
		return rows[i].set(params, value, r);
	}
	return refuse(r, 555, "5.5.4", "unknown parameter");
}

static bool
parse(const struct param_row *rows, struct str text, void *params,
    struct smtp_refusal *r)
{
	uint32_t seen = 0;
	struct str rest, word;

	if (text.len && text.p[0] != ' ')
		return refuse(
		    r, 501, "5.5.2", "a blank belongs behind the path");
	rest = str_trim(text);
	while (rest.len && str_split_char(&rest, ' ', &word)) {
		if (word.len && !parse_one(rows, word, params, &seen, r))
			return false;
	}
	return true;
}

bool
smtp_mail_params_parse(struct str text, struct smtp_mail_params *ret,
    struct smtp_refusal *ret_refusal)
{
	struct smtp_mail_params p = { 0 };

	if (!parse(mail_rows, text, &p, ret_refusal))
		return false;
	*ret = p;
	return true;
}

bool
smtp_rcpt_params_parse(struct str text, struct smtp_rcpt_params *ret,
    struct smtp_refusal *ret_refusal)
{
	struct smtp_rcpt_params p = { 0 };

	if (!parse(rcpt_rows, text, &p, ret_refusal))
		return false;
	*ret = p;
	return true;
}
