/* The same wrong password; see repeat.h. */
#include "auth/repeat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rnd.h"

#include "base/banned.h"

enum { SECRET_OCTETS = 32, MAC_OCTETS = 32 };

struct secret {
	uint8_t b[SECRET_OCTETS];
};

static bool
repeat_read(const char *path, struct secret *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) == 0 &&
	    read(fd, ret->b, SECRET_OCTETS) == SECRET_OCTETS;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Whole or not at all: others may make it at the same time. */
static bool
repeat_make(const char *path)
{
	char fresh[PATH_MAX];
	struct secret s;
	bool ok;
	int fd;

	if (snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid()) >=
	    (int)sizeof(fresh))
		return false;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	rnd_fill(&s, sizeof(s));
	/* A umask may say otherwise: programs with users of their own share it. */
	ok = write(fd, s.b, SECRET_OCTETS) == SECRET_OCTETS &&
	    fchmod(fd, S_IRUSR | S_IRGRP) == 0;
	close(fd);
	/* When another one was first, that one is read. */
	ok = ok && (link(fresh, path) == 0 || errno == EEXIST);
	unlink(fresh);
	explicit_bzero(&s, sizeof(s));
	return ok;
}

static bool
repeat_secret(struct str directory, struct secret *ret)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%.*s/login-secret",
		STR_ARG(directory)) >= (int)sizeof(path))
		return false;
	if (repeat_read(path, ret))
		return true;
	return repeat_make(path) && repeat_read(path, ret);
}

/* Of a hash of each: no octet of the one can pass for one of the other. */
static bool
repeat_mac(const struct secret *s, struct str user, struct str password,
    uint8_t mac[MAC_OCTETS])
{
	uint8_t inner[2 * MAC_OCTETS];
	unsigned n = MAC_OCTETS;
	bool ok = HMAC(EVP_sha256(), s->b, SECRET_OCTETS,
		      (const unsigned char *)user.p, user.len, inner, &n) &&
	    HMAC(EVP_sha256(), s->b, SECRET_OCTETS,
		(const unsigned char *)password.p, password.len,
		inner + MAC_OCTETS, &n) &&
	    HMAC(EVP_sha256(), s->b, SECRET_OCTETS, inner, sizeof(inner), mac,
		&n);

	explicit_bzero(inner, sizeof(inner));
	return ok;
}

uint32_t
repeat_hash(struct str directory, struct str user, struct str password)
{
	uint8_t mac[MAC_OCTETS];
	struct secret s;
	uint32_t hash = 0;

	if (repeat_secret(directory, &s) &&
	    repeat_mac(&s, user, password, mac)) {
		hash = ((uint32_t)mac[0] << 16 | (uint32_t)mac[1] << 8 |
			   mac[2]) + 1;
		explicit_bzero(mac, sizeof(mac));
	}
	explicit_bzero(&s, sizeof(s));
	return hash;
}
