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

#include "base/mem.h"
#include "base/rnd.h"

#include "base/banned.h"

struct doorbell {
	int fd;
	char path[108];   /* bound by us: to be removed. "" = passed in */
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
	    errno != ECONNREFUSED;
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

enum rc
doorbell_open_owner(struct str runtime_dir, const struct uuid *owner,
    struct doorbell **ret_bell, struct err *err)
{
	char dir[192], path[256];

	snprintf(dir, sizeof(dir), "%.*s/imap", STR_ARG(runtime_dir));
	(void)mkdir(dir, 0750);
	owner_dir(dir, sizeof(dir), runtime_dir, owner);
	(void)mkdir(dir, 0750);
	snprintf(path, sizeof(path), "%s/%x", dir, rnd_below(UINT32_MAX));
	return bind_here(path, ret_bell, err);
}

int
doorbell_fd(const struct doorbell *d)
{
	return d->fd;
}

void
doorbell_close(struct doorbell *d)
{
	if (!d)
		return;
	if (d->path[0])
		(void)unlink(d->path);
	close(d->fd);
	mem_free(d);
}
