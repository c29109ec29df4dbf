/* Keys and certificates; see tlsconf.h. */
#include "net/tlsconf.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tls.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/vec.h"
#include "mime/decode.h"

#include "base/banned.h"

/* A certificate and its key, and what the files were when they were read. */
struct pair {
	struct str name;        /* of SNI; "" = the main one */
	char *certificate;
	char *key;
	struct stat seen[2];
	struct str der;
};

struct tls_server {
	struct tls_server_options o;
	struct arena *a;
	struct tls *context;
	VEC(struct pair) pairs;
	struct stat dir_seen;
};

struct tls_client {
	struct tls_config *config;
};

/* --- files ------------------------------------------------------------------------ */

static bool
is_same_file(const struct stat *x, const struct stat *y)
{
	return x->st_dev == y->st_dev && x->st_ino == y->st_ino &&
	    x->st_size == y->st_size &&
	    x->st_mtim.tv_sec == y->st_mtim.tv_sec &&
	    x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
}

static bool
has_changed(const char *path, const struct stat *seen)
{
	struct stat now;

	return stat(path, &now) != 0 || !is_same_file(&now, seen);
}

static enum rc
add_pair(struct tls_server *t, struct tls_config *config, struct str name,
    const char *certificate, const char *key, struct err *err)
{
	struct pair p = { .name = arena_dup_str(t->a, name),
		.certificate = arena_dup_cstr(t->a, str_from_cstr(certificate)),
		.key = arena_dup_cstr(t->a, str_from_cstr(key)) };
	int done;

	if (stat(certificate, &p.seen[0]) != 0 || stat(key, &p.seen[1]) != 0)
		return err_set(
		    err, RC_PERM, "", "%s or %s: %m", certificate, key);
	done = name.len
	    ? tls_config_add_keypair_file(config, certificate, key)
	    : tls_config_set_keypair_file(config, certificate, key);
	if (done != 0)
		return err_set(err, RC_PERM, "", "%s, %s: %s", certificate,
		    key, tls_config_error(config));
	VEC_PUSH(t->a, &t->pairs, p);
	return RC_OK;
}

/* NAME.pem with NAME.key. */
static enum rc
add_sni(struct tls_server *t, struct tls_config *config, struct err *err)
{
	char certificate[4400], key[4400];
	struct dirent *e;
	DIR *d = opendir(t->o.sni_dir);
	enum rc rc = RC_OK;

	if (!d || stat(t->o.sni_dir, &t->dir_seen) != 0) {
		if (d)
			closedir(d);
		return err_set(
		    err, RC_PERM, "", "tls.sni.dir: %s: %m", t->o.sni_dir);
	}
	while (rc == RC_OK && (e = readdir(d)) != NULL) {
		struct str name = str_from_cstr(e->d_name);

		if (!str_ends_with(name, STR(".pem")) || name.len < 5)
			continue;
		name = str_slice(name, 0, name.len - 4);
		snprintf(certificate, sizeof(certificate), "%s/%.*s.pem",
		    t->o.sni_dir, STR_ARG(name));
		snprintf(key, sizeof(key), "%s/%.*s.key", t->o.sni_dir,
		    STR_ARG(name));
		rc = add_pair(t, config, name, certificate, key, err);
	}
	closedir(d);
	return rc;
}

static bool
has_sni(const struct tls_server *t)
{
	return t->o.sni_dir && t->o.sni_dir[0];
}

static enum rc
configure(struct tls_server *t, struct err *err)
{
	struct tls_config *config = tls_config_new();
	enum rc rc;

	if (!config)
		return err_set(err, RC_TEMP, "", "TLS: no memory");
	tls_config_set_protocols(config, t->o.only_tls13
		? TLS_PROTOCOL_TLSv1_3
		: TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3);
	rc = add_pair(t, config, STR(""), t->o.certificate, t->o.key, err);
	if (rc == RC_OK && has_sni(t))
		rc = add_sni(t, config, err);
	if (rc == RC_OK) {
		t->context = tls_server();
		if (!t->context || tls_configure(t->context, config) != 0)
			rc = err_set(err, RC_PERM, "", "%s: %s",
			    t->o.certificate,
			    t->context ? tls_error(t->context) : "no memory");
	}
	tls_config_free(config);
	return rc;
}

enum rc
tls_server_new(const struct tls_server_options *o,
    struct tls_server **ret_tls, struct err *err)
{
	struct tls_server *t = mem_alloc(sizeof(*t));
	enum rc rc;

	t->o = *o;
	t->a = arena_new();
	rc = configure(t, err);
	if (rc == RC_OK)
		*ret_tls = t;
	else
		tls_server_free(t);
	return rc;
}

void
tls_server_free(struct tls_server *t)
{
	if (!t)
		return;
	tls_free(t->context);
	arena_free(t->a);
	mem_free(t);
}

static bool
is_stale(const struct tls_server *t)
{
	size_t i;

	for (i = 0; i < t->pairs.n; i++) {
		if (has_changed(t->pairs.v[i].certificate,
			&t->pairs.v[i].seen[0]) ||
		    has_changed(t->pairs.v[i].key, &t->pairs.v[i].seen[1]))
			return true;
	}
	return has_sni(t) && has_changed(t->o.sni_dir, &t->dir_seen);
}

bool
tls_server_refresh(struct tls_server *t, struct err *err)
{
	struct tls_server *fresh, old = *t;

	if (!is_stale(t))
		return true;
	if (tls_server_new(&t->o, &fresh, err) != RC_OK)
		return false;
	*t = *fresh;
	*fresh = old;
	tls_server_free(fresh);
	return true;
}

struct tls *
tls_server_context(struct tls_server *t)
{
	return t->context;
}

/* --- the client side ---------------------------------------------------------------- */

enum rc
tls_client_new(bool verify, const char *ca_file,
    struct tls_client **ret_tls, struct err *err)
{
	struct tls_client *t = mem_alloc(sizeof(*t));

	t->config = tls_config_new();
	if (!t->config) {
		mem_free(t);
		return err_set(err, RC_TEMP, "", "TLS: no memory");
	}
	if (!verify) {
		tls_config_insecure_noverifycert(t->config);
		tls_config_insecure_noverifyname(t->config);
	} else if (ca_file &&
	    tls_config_set_ca_file(t->config, ca_file) != 0) {
		err_set(err, RC_PERM, "", "%s: %s", ca_file,
		    tls_config_error(t->config));
		tls_client_free(t);
		return RC_PERM;
	}
	*ret_tls = t;
	return RC_OK;
}

/* A context serves one connection; the stream frees it. */
struct tls *
tls_client_context(struct tls_client *t)
{
	struct tls *context = tls_client();

	if (context)
		tls_configure(context, t->config);
	return context;
}

void
tls_client_free(struct tls_client *t)
{
	if (!t)
		return;
	tls_config_free(t->config);
	mem_free(t);
}
