/*
 * The configuration file: any JSON is read or refused with a reason, and
 * what was read keeps the bounds of the table of keys.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "db/config_db.h"
#include "model/config.h"
#include "base/banned.h"

static void
check_value(const struct config *c, enum config_key key)
{
	const struct config_key_info *k = &config_keys[key];
	const struct config_value *v = &c->v[key];
	size_t i;

	CHECK(v->origin == CONFIG_FROM_DEFAULT ||
	    v->origin == CONFIG_FROM_FILE);
	if (k->type == CONFIG_BOOL)
		CHECK(v->n == 0 || v->n == 1);
	if (k->type == CONFIG_INT || k->type == CONFIG_SIZE)
		CHECK(v->n >= k->min && v->n <= k->max);
	if (k->type == CONFIG_DURATION)
		CHECK(v->n / 1000 >= k->min && v->n / 1000 <= k->max);
	if (k->type == CONFIG_STRING || k->type == CONFIG_SECRET ||
	    k->type == CONFIG_URI)
		CHECK(v->s.p[v->s.len] == '\0' && !str_has_char(v->s, '\0'));
	if (k->type == CONFIG_LIST || k->type == CONFIG_RECORDS)
		CHECK((int64_t)v->count >= k->min &&
		    (int64_t)v->count <= k->max);
	for (i = 0; k->type == CONFIG_LIST && i < v->count; i++)
		CHECK(v->list[i].len > 0);
}

static void
read_file(struct arena *a, const char *path)
{
	struct config *c = ARENA_NEW(a, struct config);
	struct err err = { 0 };
	enum config_key key;
	enum rc rc;

	config_init(c, a);
	rc = config_read_file(c, a, path, true, &err);
	CHECK(rc == RC_OK || rc == RC_PERM);
	if (rc != RC_OK) {
		CHECK(err.rc == rc && err.text[0] != '\0');
		CHECK(memchr(err.text, '\0', sizeof(err.text)));
		return;
	}
	for (key = 0; key < CFG_COUNT; key++)
		check_value(c, key);
	rc = config_check(c, &err);
	CHECK(rc == RC_OK || err.text[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, data, size) == (ssize_t)size);
	read_file(a, arena_printf(a, "/proc/self/fd/%d", fd).p);
	close(fd);
	arena_free(a);
	return 0;
}
