/* Passwords; see secret.h. */
#include "secret.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/banned.h"

enum { SECRET_MAX = 1024 };

enum rc
secret_read(struct arena *a, struct str path, struct str *ret_secret,
    struct err *err)
{
	bool is_stdin = str_equals(path, STR("-"));
	int fd = is_stdin ? STDIN_FILENO
			  : open(arena_dup_cstr(a, path), O_RDONLY | O_CLOEXEC);
	char text[SECRET_MAX];
	struct str s;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return err_set(err, RC_PERM, "", "%.*s: %m", STR_ARG(path));
	while (len < sizeof(text) &&
	    (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	if (!is_stdin)
		close(fd);
	s = str_make(text, len);
	s = str_slice(s, 0, str_find_char(s, '\n'));
	if (str_ends_with(s, STR("\r")))
		s.len--;
	*ret_secret = arena_dup_str(a, s);
	explicit_bzero(text, sizeof(text));
	if (ret_secret->len == 0)
		return err_set(err, RC_PERM, "",
		    "%.*s: the first line is empty", STR_ARG(path));
	return RC_OK;
}
