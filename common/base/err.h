/*
 * How functions fail. Domain functions return enum rc and, when they take a
 * struct err, fill it on anything but RC_OK. ret_* is not written then.
 * Unsure between temporary and permanent: temporary, since mail must not be
 * lost by a guess.
 */
#ifndef M3_BASE_ERR_H
#define M3_BASE_ERR_H

#include <stdarg.h>

enum rc {
	RC_OK,
	RC_TEMP, /* may work later: database away, no memory, DNS time-out */
	RC_PERM, /* will not work as asked: refused, malformed, over quota */
	RC_BUG,  /* ours: exit 70 or 4xx, logged */
};

enum { ERR_TEXT_SIZE = 320, ERR_CODE_SIZE = 12 };

struct err {
	enum rc rc;
	char code[ERR_CODE_SIZE];  /* enhanced status (RFC 3463), or "" */
	char text[ERR_TEXT_SIZE];  /* one line, no CR or LF, NUL-terminated */
};

/*
 * Fills *err (NULL is accepted) and returns rc, so that a failing function
 * ends with `return err_set(err, RC_TEMP, "4.3.0", "...")`. Control
 * characters in the text become '?'; a long text is cut.
 */
enum rc err_set(struct err *err, enum rc rc, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Puts "where: " before the text, for a caller that knows more. */
void err_prefix(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
