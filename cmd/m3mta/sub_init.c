/* m3mta init: collections, indexes, migrations, and the users of MongoDB. */
#include "admin.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rnd.h"
#include "db/migrate.h"
#include "db/roles.h"

#include "base/banned.h"

/* Where systemd looks for the credentials of units. */
#define DEFAULT_LOGINS "/etc/credstore"

enum { PASSWORD_LENGTH = 32 };

static void
tell_step(void *ctx, int number, const char *what, uint64_t n_done)
{
	(void)ctx;
	fprintf(stderr, "m3mta: schema %d, %s: %llu done\n", number, what,
	    (unsigned long long)n_done);
}

/* The file is there before the user: who fails in between starts again. */
static enum rc
init_write_login(struct admin *a, const char *path, struct str name,
    struct str *ret_password, struct err *err)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char text[PASSWORD_LENGTH];
	struct str line;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(text); i++)
		text[i] = digits[rnd_below(sizeof(digits) - 1)];
	*ret_password = arena_dup_str(a->a, str_make(text, sizeof(text)));
	explicit_bzero(text, sizeof(text));
	line = arena_printf(a->a, "%.*s:%.*s\n", STR_ARG(name),
	    STR_ARG(*ret_password));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, RC_PERM, "", "%s: %m", path);
	if (write(fd, line.p, line.len) != (ssize_t)line.len ||
	    fsync(fd) != 0) {
		err_set(err, RC_PERM, "", "%s: %m", path);
		(void)unlink(path);
		close(fd);
		return RC_PERM;
	}
	close(fd);
	return RC_OK;
}

/* The password of the file, or of a new one. */
static enum rc
init_take_login(struct admin *a, struct str folder, const char *program,
    struct str *ret_password, struct err *err)
{
	struct str name = arena_printf(a->a, "m3mta-%s", program);
	struct str path = arena_join3(a->a, folder, STR("/"), name);
	struct str line;
	size_t colon;
	enum rc rc;

	if (access(path.p, F_OK) != 0)
		return init_write_login(a, path.p, name, ret_password, err);
	if ((rc = secret_read(a->a, path, &line, err)) != RC_OK)
		return rc;
	colon = str_find_char(line, ':');
	if (!str_equals(str_slice(line, 0, colon), name) ||
	    colon + 1 >= line.len)
		return err_set(err, RC_PERM, "", "%s: %.*s:PASSWORD is wanted",
		    path.p, STR_ARG(name));
	*ret_password = str_tail(line, colon + 1);
	return RC_OK;
}

static int
init_roles(struct admin *a)
{
	struct str folder = admin_option(a, "logins");
	struct str password = { 0 };
	struct err err;
	size_t i;

	if (!folder.p)
		folder = config_str(&a->p->config, CFG_DATABASE_LOGINS);
	if (str_is_empty(folder))
		folder = STR(DEFAULT_LOGINS);
	folder = arena_dup_str(a->a, folder);
	if (mkdir(folder.p, 0700) != 0 && errno != EEXIST)
		return admin_complain(EXIT_FAILED, "%s: %m", folder.p);
	for (i = 0; i < ROLES_COUNT; i++) {
		if (init_take_login(a, folder, roles_programs[i], &password,
			&err) != RC_OK ||
		    roles_make(a->p->db, roles_programs[i], password, &err) !=
			RC_OK)
			return admin_fail(&err);
	}
	admin_say(a, "users m3mta-smtp, -imap, -mda, -notify and -admin; "
		     "their logins are in %s", folder.p);
	return EXIT_OK;
}

int
sub_init(struct admin *a)
{
	struct str ignored;
	struct err err;

	if (db_init_schema(a->p->db, admin_has(a, "shard"), tell_step, NULL,
		&err) != RC_OK)
		return admin_fail(&err);
	admin_say(a, "database %.*s is ready",
	    STR_ARG(config_str(&a->p->config, CFG_DATABASE_NAME)));
	if (admin_ignored_keys(a, &ignored, &err) == RC_OK && ignored.len)
		admin_say(a, "%.*s: ignored, put it into the file",
		    STR_ARG(ignored));
	return admin_has(a, "roles") ? init_roles(a) : EXIT_OK;
}
