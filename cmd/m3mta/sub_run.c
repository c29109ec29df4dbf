/* m3mta start, stop, status: the trial system, by the script `run`. */
#include "admin.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

/* Installed beside the helpers, or in tools/ of the source. */
static struct str
find_script(struct admin *a)
{
	const char *installed = M3_LIBEXECDIR "/run";
	char self[4096];
	struct str folder;
	ssize_t n;

	if (access(installed, X_OK) == 0)
		return str_from_cstr(installed);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return STR_NONE;
	folder = str_make(self, (size_t)n);
	folder.len = str_find_last_char(folder, '/');
	return arena_join(a->a, folder, STR("/../../tools/run"));
}

static int
run(struct admin *a, const char *verb)
{
	struct str script = find_script(a);
	char *argv[3];

	if (!script.p || access(script.p, X_OK) != 0)
		return admin_complain(EXIT_FAILED,
		    "the script `run` is not installed (%s)", M3_LIBEXECDIR);
	argv[0] = arena_dup_cstr(a->a, script);
	argv[1] = arena_dup_cstr(a->a, str_from_cstr(verb));
	argv[2] = NULL;
	execv(argv[0], argv);
	return admin_complain(EXIT_FAILED, "%s: %m", argv[0]);
}

int
sub_start(struct admin *a)
{
	return run(a, "start");
}

int
sub_stop(struct admin *a)
{
	return run(a, "stop");
}

int
sub_status(struct admin *a)
{
	return run(a, "status");
}
