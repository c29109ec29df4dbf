/* Doorbells; see doorbell.h. */
#include "net/doorbell.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rnd.h"

#include "base/banned.h"

/* A name for the socket in another owner's folder. */
struct link {
	struct uuid owner;
	char path[256];
};

struct doorbell {
	int fd;
	char path[108];   /* bound by us: to be removed. "" = passed in */
	struct uuid owner;
	struct link *links;
	size_t n_links;
};

static bool
make_address(struct sockaddr_un *a, const char *path)
{
	size_t len = strlen(path);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(a->sun_path))
		return false;
	memcpy(a->sun_path, path, len + 1);
	return true;
}

/* One datagram, never waited for. False: nobody is there. */
static bool
ring(const char *path, const void *p, size_t len)
{
	struct sockaddr_un a;
	bool is_there;
	int fd;

	if (!make_address(&a, path))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	is_there = sendto(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		       (const struct sockaddr *)&a, sizeof(a)) >= 0 ||
	    (errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return is_there;
}

static enum rc
bind_here(const char *path, struct doorbell **ret_bell, struct err *err)
{
	struct doorbell *d;
	struct sockaddr_un a;
	int fd;

	if (!make_address(&a, path))
		return err_set(err, RC_PERM, "",
		    "runtime.dir: %s is too long for a socket", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, RC_TEMP, "", "socket: %m");
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
		err_set(err, RC_TEMP, "", "doorbell %s: %m", path);
		close(fd);
		return RC_TEMP;
	}
	d = mem_alloc(sizeof(*d));
	d->fd = fd;
	memcpy(d->path, a.sun_path, sizeof(d->path));
	*ret_bell = d;
	return RC_OK;
}

/* --- of the mda ---------------------------------------------------------------- */

void
doorbell_ring_mda(struct str runtime_dir, uint32_t bucket)
{
	unsigned char b = (unsigned char)bucket;
	char path[256];

	snprintf(path, sizeof(path), "%.*s/mda.sock", STR_ARG(runtime_dir));
	(void)ring(path, &b, 1);
}

bool
doorbell_is_passed(void)
{
	return sd_listen_fds(0) > 0 &&
	    sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_DGRAM, -1) > 0;
}

enum rc
doorbell_open_mda(
    struct str runtime_dir, struct doorbell **ret_bell, struct err *err)
{
	char path[256];

	if (doorbell_is_passed()) {
		*ret_bell = mem_alloc(sizeof(**ret_bell));
		(*ret_bell)->fd = SD_LISTEN_FDS_START;
		return RC_OK;
	}
	snprintf(path, sizeof(path), "%.*s/mda.sock", STR_ARG(runtime_dir));
	return bind_here(path, ret_bell, err);
}

bool
doorbell_read(struct doorbell *d, uint64_t *ret_buckets)
{
	unsigned char b;
	bool rang = false;
	ssize_t n;

	*ret_buckets = 0;
	while ((n = recv(d->fd, &b, 1, MSG_DONTWAIT)) >= 0) {
		rang = true;
		if (n == 1 && b < 64)
			*ret_buckets |= UINT64_C(1) << b;
	}
	return rang;
}

/* --- of waiting IMAP sessions ------------------------------------------------------ */

static void
owner_dir(char *path, size_t size, struct str runtime_dir,
    const struct uuid *owner)
{
	char text[UUID_TEXT];
	struct str name = uuid_format(owner, text);

	snprintf(path, size, "%.*s/imap/%.*s", STR_ARG(runtime_dir),
	    STR_ARG(name));
}

/* A socket that nobody reads any more was left by a session that died. */
void
doorbell_ring_owner(struct str runtime_dir, const struct uuid *owner)
{
	char dir[192], path[512];
	struct dirent *e;
	DIR *d;

	owner_dir(dir, sizeof(dir), runtime_dir, owner);
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (!ring(path, "!", 1))
			(void)unlink(path);
	}
	if (d)
		closedir(d);
}

void
doorbell_ring_all(struct str runtime_dir)
{
	struct uuid owner;
	struct dirent *e;
	char dir[192];
	DIR *d;

	snprintf(dir, sizeof(dir), "%.*s/imap", STR_ARG(runtime_dir));
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		if (uuid_parse(str_from_cstr(e->d_name), &owner))
			doorbell_ring_owner(runtime_dir, &owner);
	}
	if (d)
		closedir(d);
}

static void
make_path(char *path, size_t size, struct str runtime_dir,
    const struct uuid *owner)
{
	char dir[192];

	snprintf(dir, sizeof(dir), "%.*s/imap", STR_ARG(runtime_dir));
	(void)mkdir(dir, 0750);
	owner_dir(dir, sizeof(dir), runtime_dir, owner);
	(void)mkdir(dir, 0750);
	snprintf(path, size, "%s/%x", dir, rnd_below(UINT32_MAX));
}

enum rc
doorbell_open_owner(struct str runtime_dir, const struct uuid *owner,
    struct doorbell **ret_bell, struct err *err)
{
	char path[256];
	enum rc rc;

	make_path(path, sizeof(path), runtime_dir, owner);
	rc = bind_here(path, ret_bell, err);
	if (rc == RC_OK)
		(*ret_bell)->owner = *owner;
	return rc;
}

static bool
has_owner(const struct doorbell *d, const struct uuid *owner)
{
	size_t i;

	for (i = 0; i < d->n_links; i++) {
		if (uuid_equals(&d->links[i].owner, owner))
			return true;
	}
	return uuid_equals(&d->owner, owner);
}

/* A ring follows the link; one whose socket is gone is removed by it. */
bool
doorbell_also(
    struct doorbell *d, struct str runtime_dir, const struct uuid *owner)
{
	struct link *l;

	if (has_owner(d, owner) || d->n_links == LIMIT_DOORBELL_OWNERS)
		return true;
	d->links = mem_grow(
	    d->links, mem_product(d->n_links + 1, sizeof(*d->links)));
	l = &d->links[d->n_links];
	l->owner = *owner;
	make_path(l->path, sizeof(l->path), runtime_dir, owner);
	if (symlink(d->path, l->path) != 0)
		l->path[0] = '\0'; /* polling does it */
	d->n_links++;
	return false;
}

int
doorbell_fd(const struct doorbell *d)
{
	return d->fd;
}

void
doorbell_close(struct doorbell *d)
{
	size_t i;

	if (!d)
		return;
	for (i = 0; i < d->n_links; i++) {
		if (d->links[i].path[0])
			(void)unlink(d->links[i].path);
	}
	mem_free(d->links);
	if (d->path[0])
		(void)unlink(d->path);
	close(d->fd);
	mem_free(d);
}
