/*
 * Passwords by yescrypt (crypt(5)). Verifying with no hash runs against a
 * fixed one, made once of a random password, so that an unknown user costs
 * what a wrong password costs.
 */
#include "auth/password.h"

#include <crypt.h>
#include <string.h>

#include "base/rnd.h"
#include "base/banned.h"

/* Cost 5 is the default that crypt(5) gives for yescrypt. */
static const char method[] = "$y$";
enum {
	COST = 5,
	SALT_OCTETS = 16,
	PASSWORD_MAX = CRYPT_MAX_PASSPHRASE_SIZE - 1, /* 511, and a NUL */
};

/* A hash of nothing anybody knows, of the method and cost above. */
static const char nobody[] =
    "$y$j9T$PU4EgYhGNTCMWYpGDTpqp/"
    "$0000000000000000000000000000000000000000000";

/* crypt(3) wants NULs; a password with one inside can not be right. */
static bool
crypt_password(struct str password, const char *setting,
    struct crypt_data *data)
{
	char text[PASSWORD_MAX + 1];
	bool is_text = password.len <= PASSWORD_MAX &&
	    !str_has_char(password, '\0');
	size_t n = is_text ? password.len : 0;
	const char *made;

	if (n)
		memcpy(text, password.p, n);
	text[n] = '\0';
	made = crypt_r(text, setting, data);
	explicit_bzero(text, sizeof(text));
	return made && made[0] == '$' && is_text;
}

enum rc
password_hash(struct arena *a, struct str password, struct str *ret_hash,
    struct err *err)
{
	struct crypt_data *data = mem_alloc(sizeof(*data));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	char salt[SALT_OCTETS];
	enum rc rc = RC_OK;

	rnd_fill(salt, sizeof(salt));
	if (!crypt_gensalt_rn(method, COST, salt, sizeof(salt), setting,
		sizeof(setting)))
		rc = err_set(err, RC_BUG, "4.3.0",
		    "this system's crypt(3) has no yescrypt");
	else if (!crypt_password(password, setting, data))
		rc = err_set(err, RC_PERM, "5.7.0",
		    "a password has at most %d octets and no NUL",
		    PASSWORD_MAX);
	else
		*ret_hash = arena_dup_str(a, str_from_cstr(data->output));
	explicit_bzero(data, sizeof(*data));
	mem_free(data);
	return rc;
}

bool
password_verify(struct str password, struct str hash)
{
	struct crypt_data *data = mem_alloc(sizeof(*data));
	char setting[CRYPT_OUTPUT_SIZE];
	bool is_known = hash.len > 0 && hash.len < sizeof(setting);
	bool is_right;

	if (!is_known)
		hash = str_from_cstr(nobody);
	memcpy(setting, hash.p, hash.len);
	setting[hash.len] = '\0';
	is_right = crypt_password(password, setting, data) &&
	    str_equals_secret(str_from_cstr(data->output), hash);
	explicit_bzero(data, sizeof(*data));
	mem_free(data);
	return is_right && is_known;
}

/* No letters or digits that look alike. */
struct str
password_random(struct arena *a, size_t len)
{
	static const char letters[] =
	    "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	char *p = arena_alloc(a, len);
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = letters[rnd_below(sizeof(letters) - 1)];
	return str_make(p, len);
}
